import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { assertInternal, isVarveError, VarveError } from "../../errors.ts";
import { pathText } from "../../schema/type-names.ts";
import { type SqlText, sql } from "../../sql/sql.ts";
import { engineFold, quoteFile, quoteName, quoteText } from "../../sql/sql-text.ts";
import { appendAll } from "../../util/append-all.ts";
import type { EngineColumn, EngineSource, Relation, StagedRelation, StageOptions } from "../core/contract.ts";
import type { EngineCore, TypedColumn } from "../core/core.ts";
import { widestDecimal } from "../core/decimal-digits.ts";
import type { Driver } from "../core/driver.ts";
import { openCore } from "../core/open-core.ts";
import { checkedQuery } from "../fence/caller-sql.ts";
import { fence } from "../fence/fence.ts";
import { exportedQuery } from "../output/export-types.ts";
import { dictionarySetting } from "../output/minus-zero.ts";
import { withTypesOfNulls } from "./null-types.ts";
import { stageResult } from "./parquet/stage-parquet.ts";
import { assertFilled, openSourceFile } from "./shared/source-file.ts";
import { numberedCopy } from "./shared/stage-files.ts";

type SqlSource = Extract<EngineSource, { kind: "sql" }>;

/**
 * Stages the result of a caller's SELECT over named relations and files, which are all that it can read.
 *
 * The result is stored, because the same SQL may return other rows, or the same in another order, when it
 * runs again.
 *
 * @throws `SQL_REFUSED`, `SQL_FAILED`, `SOURCE_UNREADABLE` for a file.
 */
export async function stageSql(
  core: EngineCore,
  source: SqlSource,
  options: StageOptions,
): Promise<StagedRelation> {
  const files = source.files ?? [];
  for (const file of files) await assertFilled(file);
  return files.length === 0 ? stageHere(core, source, options) : stageFenced(core, source, files, options);
}

/**
 * Without files, the syntax tree shows everything that is read: the named relations, which precede the SQL as
 * common tables.
 */
async function stageHere(
  core: EngineCore,
  source: SqlSource,
  { signal }: StageOptions,
): Promise<StagedRelation> {
  const tables = Object.entries(source.tables ?? {});
  const query = await checkedQuery(core, source.callerSql, {
    tables: new Map(tables.map(([name]) => [engineFold(name), new Set<string>()])),
    files: new Set(),
    readsVariants: async () => tables.some(([, { columns }]) => hasType(columns, "VARIANT")),
    readsJson: async () => tables.some(([, { columns }]) => hasType(columns, "JSON")),
  });
  const common = tables.map(([name, relation]) => sql`${quoteName(name)} AS (${relation.sql})`);
  const text = sql`${common.length === 0 ? sql`` : sql`WITH ${common} `}SELECT * FROM (${query}\n)`;
  const columns = await core.typedColumns(text);
  const exported = exportedQuery(core.driver, text, columns, { staged: "variants and wide integers" });
  // The engine tells JSON from text, which the driver's types do not: into a variant they go differently.
  const result = { sql: exported.sql, columns: await core.describe(exported.sql) };
  const staged = await numberedCopy(core, result, { signal });
  return { ...staged, columns: await withTypesOfNulls(core, text, staged.columns) };
}

/** With files, the SQL runs in a separate instance, which can open these files and no others. */
async function stageFenced(
  core: EngineCore,
  source: SqlSource,
  files: readonly string[],
  options: StageOptions,
): Promise<StagedRelation> {
  assertInternal(!core.fenced, "a caller's files staged after the fence");
  const folder = join(core.folder, core.freshName("sql"));
  await mkdir(folder);
  const tables = await copyTables(core, source.tables ?? {}, folder, options);
  core.turn.pass();
  await using inner = await openCore({ ...core.options, signal: options.signal });
  for (const [name, file] of tables)
    await inner.run(sql`CREATE VIEW ${quoteName(name)} AS SELECT * FROM read_parquet(${quoteFile(file)})`);
  const schemasByTable = new Map([...tables.keys()].map((name) => [engineFold(name), new Set(["main"])]));
  const query = await checkedQuery(inner, source.callerSql, {
    tables: schemasByTable,
    files: new Set(files),
    readsVariants: async () => hasType(await columnsOf(inner, [...files, ...tables.values()]), "VARIANT"),
    readsJson: async () => hasType(await columnsOf(inner, [...files, ...tables.values()]), "JSON"),
  });
  await fence(inner, { files: [...files, ...tables.values()], writableFolders: [folder] });
  const text = sql`SELECT * FROM (${query}\n)`;
  await inner.typedColumns(query);
  const typed = await inner.typedColumns(text);
  const exported = exportedQuery(inner.driver, text, typed, { staged: "variants" });
  const known = await withTypesOfNulls(inner, text, await inner.describe(exported.sql));
  const result = join(folder, "result.parquet");
  await inner
    .run(
      sql`COPY (${exported.sql}) TO ${quoteText(result)} (${fileSettings(inner.driver, typed)})`,
      [],
      options.signal,
    )
    .catch((error: unknown) => {
      throw tooWide(error) ?? error;
    });
  core.ownFiles.push(result);
  const staged = await stageResult(core, result, options.signal);
  const columns = staged.columns.map((column, index) => {
    const type = known[index]?.type ?? "";
    return type.includes('"NULL"') ? { ...column, type } : column;
  });
  return { ...staged, columns };
}

/** An integer of 128 bits that no decimal holds, told as one that does not fit its table. */
function tooWide(error: unknown): VarveError | undefined {
  if (!isVarveError(error, "LIMIT_EXCEEDED")) return undefined;
  const { column, value } = error.data;
  if (!Array.isArray(column) || typeof value !== "string") return undefined;
  const expected = `decimal(${widestDecimal},0)`;
  return new VarveError(
    "SCHEMA_MISMATCH",
    `Column ${pathText(column)} of the query holds ${value}, which has more digits than a ${expected}. Nothing was written. Correct the query, or cast the column to VARCHAR.`,
    { column, expected, found: value },
    error,
  );
}

async function copyTables(
  core: EngineCore,
  tables: Readonly<Record<string, Relation>>,
  folder: string,
  options: StageOptions,
): Promise<Map<string, string>> {
  const copies = new Map<string, string>();
  for (const [name, relation] of Object.entries(tables)) {
    const file = join(folder, `table-${copies.size}.parquet`);
    const settings = fileSettings(core.driver, await core.typedColumns(relation.sql));
    await core.onOwnConnection(options.signal, (connection) =>
      connection.run(sql`COPY (${relation.sql}) TO ${quoteText(file)} (${settings})`),
    );
    copies.set(name, file);
  }
  return copies;
}

/** Of files for the engine itself, without Bloom filters: DuckDB 1.5 does not find bytes by its own. */
function fileSettings(driver: Driver, columns: readonly TypedColumn[]): SqlText[] {
  return [
    sql`FORMAT parquet`,
    sql`COMPRESSION snappy`,
    sql`WRITE_BLOOM_FILTER false`,
    ...dictionarySetting(driver, columns),
  ];
}

function hasType(columns: readonly EngineColumn[], name: "VARIANT" | "JSON"): boolean {
  return columns.some(({ type }) => type.includes(name));
}

/** Columns of the Parquet files among these; others cannot have a VARIANT, nor JSON unless their name says so. */
async function columnsOf(core: EngineCore, files: readonly string[]): Promise<EngineColumn[]> {
  const columns: EngineColumn[] = [];
  for (const file of files) {
    if (await isParquet(file))
      appendAll(columns, await core.describe(sql`SELECT * FROM read_parquet(${quoteFile(file)})`));
  }
  return columns;
}

async function isParquet(file: string): Promise<boolean> {
  const handle = await openSourceFile(file);
  try {
    const { buffer } = await handle.read(Buffer.alloc(4), 0, 4, 0);
    return buffer.toString("latin1") === "PAR1";
  } finally {
    await handle.close();
  }
}
