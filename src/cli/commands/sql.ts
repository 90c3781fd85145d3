import { readFile } from "node:fs/promises";
import type { Command } from "commander";
import { counted } from "../../api/counted.ts";
import { isVarveError, VarveError } from "../../api/errors.ts";
import { type JsonValue, parseJson, stringifyJson, toJsonValue } from "../../api/json.ts";
import { shownPath } from "../../api/source-paths.ts";
import type { QueryResult, StatementResult, Table } from "../../index.ts";
import { openOptions } from "../shared/open-options.ts";
import { openedTable, printWarnings } from "../shared/opened-table.ts";
import { keyValue, type StoreFlags, withStoreFlags } from "../shared/options.ts";
import { withFormat } from "../shared/output-format.ts";
import { print } from "../shared/print.ts";
import { printTable } from "../shared/query-output.ts";
import { printRecords } from "../shared/records.ts";

/** `varve sql STATEMENTS --table name=uri`: statements that read and change tables. */
export function addSql(program: Command): void {
  const command = program
    .command("sql")
    .summary("run statements that read and change tables")
    .description(
      "Run statements of Delta's SQL with semicolons between them, each a commit of its own: INSERT INTO and OVERWRITE, DELETE, UPDATE, MERGE INTO, ALTER TABLE, OPTIMIZE, REORG TABLE, VACUUM, RESTORE, CREATE TABLE … CLONE, CONVERT TO DELTA, GENERATE, DESCRIBE HISTORY, DETAIL and TABLE, SELECT (spec/statements.md). All of the text is read before anything is run.\nTables are named as --table binds them, or by their path: delta.`./orders`.",
    )
    .argument("[statements]", "the statements; without them and --file, standard input is read")
    .option("-t, --table <name=uri>", "bind a name in the statements to a table; repeat for more", keyValue)
    .option("--file <file>", "read the statements from a file")
    .option("--dynamic-partitions", "INSERT OVERWRITE replaces only the partitions that its rows belong to")
    .option("--merge-schema", "let INSERT and MERGE add columns, as WITH SCHEMA EVOLUTION does")
    .option("--no-retention-check", "let VACUUM retain less than the table's own retention")
    .option("--ignore-missing-files", "let RESTORE restore versions of which files are gone")
    .option("--upgrade-protocol", "let ALTER TABLE add features to the protocol")
    .option("-m, --message <text>", "kept in the history of the versions that the statements commit")
    .addHelpText(
      "after",
      "\nExamples:\n  $ varve sql \"UPDATE t SET delay = 0 WHERE delay < 0; SELECT count(*) FROM t\" --table t=./flights\n  $ varve sql --file correct.sql --table flights=./flights\n  $ echo 'DESCRIBE DETAIL delta.`./flights`' | varve sql --format json",
    );
  const choice = { formats: ["table", "json"], preset: "table", text: "how to print results" };
  withStoreFlags(withFormat(command, choice)).action(runStatements);
}

interface SqlFlags extends StoreFlags {
  readonly table?: Readonly<Record<string, string>> | undefined;
  readonly file?: string | undefined;
  readonly dynamicPartitions?: boolean | undefined;
  readonly mergeSchema?: boolean | undefined;
  readonly retentionCheck: boolean;
  readonly ignoreMissingFiles?: boolean | undefined;
  readonly upgradeProtocol?: boolean | undefined;
  readonly message?: string | undefined;
  readonly format: "table" | "json";
}

async function runStatements(statements: string | undefined, flags: SqlFlags): Promise<void> {
  const text = await statementsOf(statements, flags.file);
  const { runSql } = await import("../../api/shared/run-sql.ts");
  const tables: Record<string, Table> = {};
  const unmade: Record<string, string> = {};
  const json: JsonValue[] = [];
  try {
    for (const [name, uri] of Object.entries(flags.table ?? {})) {
      const table = await openedTable(uri, flags).catch((error: unknown) => {
        // CREATE TABLE … CLONE and CONVERT make a table at the address that its name is bound to.
        if (isVarveError(error, "NOT_A_TABLE") && /\b(?:CLONE|CONVERT)\b/i.test(text)) return undefined;
        throw error;
      });
      if (table === undefined) unmade[name] = uri;
      else tables[name] = table;
    }
    const { s3, memoryLimit, allowedPrefixes } = openOptions(flags);
    await runSql(text, {
      tables: { ...tables, ...unmade },
      s3,
      memoryLimit,
      allowedPrefixes,
      dynamicPartitions: flags.dynamicPartitions,
      mergeSchema: flags.mergeSchema,
      retentionCheck: flags.retentionCheck ? undefined : false,
      ignoreMissingFiles: flags.ignoreMissingFiles,
      upgradeProtocol: flags.upgradeProtocol,
      userMetadata: flags.message,
      onResult: async (result, rows) => {
        if (flags.format === "json") json.push(await jsonOf(result, rows));
        else await printResult(result, rows);
      },
    });
  } finally {
    if (flags.format === "json" && json.length > 0) print(`${stringifyJson(json, 2)}\n`);
    for (const table of Object.values(tables)) {
      await printWarnings(table);
      await table.close();
    }
  }
}

async function statementsOf(statements: string | undefined, file: string | undefined): Promise<string> {
  if (statements !== undefined && file !== undefined)
    throw new VarveError("INVALID_ARGUMENT", "Pass the statements or --file, not both.", {});
  if (statements !== undefined) return statements;
  try {
    return file === undefined ? await standardInputText() : await readFile(file, "utf8");
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const name = file === undefined ? "standard input" : shownPath(file);
    throw new VarveError("SOURCE_UNREADABLE", `Cannot read ${name}: ${why}.`, { file: name }, error);
  }
}

async function standardInputText(): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of process.stdin) parts.push(Buffer.from(part as Uint8Array));
  return Buffer.concat(parts).toString("utf8");
}

/** The result with its rows as exact JSON. */
async function jsonOf(result: StatementResult, rows: QueryResult | undefined): Promise<JsonValue> {
  if (rows === undefined) return toJsonValue(result);
  const parsed: JsonValue[] = [];
  for await (const lines of rows.jsonLines())
    for (const line of lines.slice(0, -1).split("\n")) parsed.push(parseJson(line));
  return { ...(toJsonValue(result) as Readonly<Record<string, JsonValue>>), rows: parsed };
}

async function printResult(result: StatementResult, rows: QueryResult | undefined): Promise<void> {
  if (rows !== undefined) return printTable(rows);
  if (result.statement === "VACUUM" && result.rows?.length === 0)
    return print("VACUUM DRY RUN: no file would be deleted\n");
  if (result.rows !== undefined) return printRecords(shownRows(result), { format: "table" });
  print(`${summaryOf(result)}\n`);
}

/** One row is printed as a list of its fields. */
function shownRows({ statement, rows = [] }: StatementResult): readonly Readonly<Record<string, unknown>>[] {
  const [row] = rows;
  if (statement !== "DESCRIBE DETAIL" || row === undefined) return rows;
  return Object.entries(row).map(([what, value]) => ({ what, value }));
}

function summaryOf({ statement, table, outcome, version, metrics }: StatementResult): string {
  const what = `${statement} ${table ?? ""}`;
  if (statement === "GENERATE") {
    const { manifests = 0, files = 0 } = metrics ?? {};
    return `${what}: ${counted(manifests, "manifest")} of ${counted(files, "file")} of version ${version}`;
  }
  const { unreachableClones = 0 } = metrics ?? {};
  const clones = unreachableClones === 0 ? [] : [`${counted(unreachableClones, "clone")} not found`];
  if (outcome === "unchanged")
    return [`${what}: nothing to do, still version ${version}`, ...clones].join(", ");
  const { filesAdded, filesRemoved } = metrics ?? {};
  const files = filesAdded === undefined ? [] : [`files +${filesAdded} -${filesRemoved ?? 0}`];
  const { filesCompacted = 0 } = metrics ?? {};
  const compacted = filesCompacted === 0 ? [] : [`${counted(filesCompacted, "file")} compacted`];
  const parts = [...contentText(statement, metrics), ...files, ...compacted, ...clones];
  return [`${what}: version ${version}`, ...parts].join(", ");
}

type Metrics = NonNullable<StatementResult["metrics"]>;

/** What a statement did with rows, or with files as wholes. */
function contentText(statement: string, metrics: Metrics = {}): readonly string[] {
  const { rows, rowsInserted = 0, rowsUpdated = 0, rowsDeleted = 0, restoredVersion } = metrics;
  if (statement === "VACUUM") return [`files -${metrics["filesDeleted"] ?? 0}`];
  if (restoredVersion !== undefined) {
    const { filesMissing = 0 } = metrics;
    const missing = filesMissing === 0 ? [] : [`${counted(filesMissing, "file")} missing`];
    return [`as version ${restoredVersion}`, ...missing];
  }
  if (statement === "MERGE")
    return [`${counted(rowsUpdated, "row")} updated, ${rowsInserted} inserted, ${rowsDeleted} deleted`];
  if (statement === "CREATE TABLE CLONE")
    return [`as version ${metrics["sourceVersion"]} of its source`, counted(metrics["files"] ?? 0, "file")];
  if (rows !== undefined) return [counted(rows, "row")];
  return statement === "DELETE" || statement === "UPDATE" ? [counted(rowsUpdated + rowsDeleted, "row")] : [];
}
