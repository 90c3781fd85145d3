import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { duckdbEngine } from "../src/engine/session/session.ts";
import { checkpointPath, commitPath, lastCheckpointPath } from "../src/log/segment/file-names.ts";
import { quoteText } from "../src/sql/sql-text.ts";
import { unchecked } from "../test/support/unchecked-sql.ts";

/**
 * How a generated table keeps its files: all added by one commit, in a checkpoint, or in a checkpoint with
 * 1,000 commits of one file each after it.
 */
export type LogShape = "one commit" | "checkpoint" | "checkpoint and 1000 commits";

/** A generated table without data files. */
export interface LogTable {
  readonly name: string;
  readonly folder: string;
  readonly files: number;
  /** A version between the first and the last. */
  readonly middle: number;
  readonly latest: number;
  /** A value of `id` that one file holds. */
  readonly wanted: number;
}

const rowsPerFile = 1000;

/**
 * Makes a table of `files` files in `root`, or finds the one made before. `columns` more columns have
 * statistics.
 */
export async function makeLogTable(
  root: string,
  shape: LogShape,
  files: number,
  columns = 0,
): Promise<LogTable> {
  const name = `${files} ${shape}${columns === 0 ? "" : `, ${columns} columns`}`;
  const folder = join(root, name.replaceAll(/[^a-z0-9]+/g, "-"));
  const later = shape === "checkpoint and 1000 commits" ? 1000 : 10;
  const table: LogTable = {
    name,
    folder,
    files: files + later,
    middle: 1 + later / 2,
    latest: 1 + later,
    wanted: Math.floor(files / 2) * rowsPerFile + 7,
  };
  if (existsSync(join(folder, "done"))) return table;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(folder, "_delta_log"), { recursive: true });
  const head = headLines(columns);
  if (shape === "one commit") {
    writeFileSync(join(folder, commitPath(0)), head);
    await writeAdds(folder, files, columns);
  } else await writeCheckpoint(folder, files, columns, head);
  for (let version = 2; version <= table.latest; version++)
    writeFileSync(join(folder, commitPath(version)), addLine(files + version));
  writeFileSync(join(folder, "done"), "");
  return table;
}

/** Adds one more commit with one file; the returned function takes it away again. */
export function addCommit(table: LogTable): () => void {
  const file = join(table.folder, commitPath(table.latest + 1));
  writeFileSync(file, addLine(table.files + 100_000_000));
  return () => rmSync(file);
}

function headLines(columns: number): string {
  const field = (name: string, type: string): object => ({ name, type, nullable: true, metadata: {} });
  const fields = [
    field("id", "long"),
    field("name", "string"),
    field("p", "string"),
    ...Array.from({ length: columns }, (_, index) => field(`c${index}`, "long")),
  ];
  const metaData = {
    id: "5fba94ed-9794-4965-ba6e-6ee3c0d22af9",
    format: { provider: "parquet", options: {} },
    schemaString: JSON.stringify({ type: "struct", fields }),
    partitionColumns: ["p"],
    configuration: {},
    createdTime: 1_700_000_000_000,
  };
  return `${JSON.stringify({ protocol: { minReaderVersion: 1, minWriterVersion: 2 } })}\n${JSON.stringify({ metaData })}\n`;
}

function addLine(number: number): string {
  const stats = JSON.stringify({
    numRecords: rowsPerFile,
    minValues: { id: number * rowsPerFile, name: "aaa" },
    maxValues: { id: number * rowsPerFile + rowsPerFile - 1, name: "zzz" },
    nullCount: { id: 0, name: 3 },
  });
  const p = String(number % 100);
  const add = {
    path: `p=${p}/part-${String(number).padStart(9, "0")}-3935a07c-416b-4344-ad97-2a38342ee2fc.c000.snappy.parquet`,
    partitionValues: { p },
    size: 1000 + number,
    modificationTime: 1_700_000_000_000,
    dataChange: true,
    stats,
  };
  const commitInfo = { timestamp: 1_700_000_000_000, operation: "WRITE", operationParameters: {} };
  return `${JSON.stringify({ commitInfo })}\n${JSON.stringify({ add })}\n`;
}

/** SQL of the adds as a struct, as {@link addLine} has them. */
function addsSql(files: number, columns: number): string {
  const stats = `'{"numRecords":${rowsPerFile},"minValues":{"id":' || (i * ${rowsPerFile}) || ',"name":"aaa"' || mins || '},"maxValues":{"id":' || (i * ${rowsPerFile} + ${rowsPerFile - 1}) || ',"name":"zzz"' || maxs || '},"nullCount":{"id":0,"name":3' || nulls || '}}'`;
  return `SELECT {'path': 'p=' || (i % 100) || '/part-' || lpad(CAST(i AS VARCHAR), 9, '0') || '-3935a07c-416b-4344-ad97-2a38342ee2fc.c000.snappy.parquet',
    'partitionValues': MAP {'p': CAST(i % 100 AS VARCHAR)}, 'size': 1000 + i, 'modificationTime': 1700000000000, 'dataChange': true, 'stats': ${stats}} AS add
    FROM range(${files}) t(i) JOIN (${moreStatisticsSql(columns)}) ON k = i % 1000`;
}

/**
 * SQL of the statistics of further columns, which repeat every thousand files: so they are made a thousand
 * times only.
 */
function moreStatisticsSql(columns: number): string {
  const text = (value: (index: number) => string): string =>
    ["''", ...Array.from({ length: columns }, (_, index) => `',"c${index}":' || ${value(index)}`)].join(
      " || ",
    );
  const low = (index: number): string => `((k * 7 + ${index}) % 1000)`;
  return `SELECT k, ${text(low)} AS mins, ${text((index) => `(${low(index)} + 500)`)} AS maxs, ${text(() => "0")} AS nulls FROM range(1000) r(k)`;
}

async function writeAdds(folder: string, files: number, columns: number): Promise<void> {
  const session = await duckdbEngine.open();
  const target = join(folder, commitPath(1));
  const json = `SELECT to_json({'add': struct_pack(path := add.path, "partitionValues" := add."partitionValues", size := add.size, "modificationTime" := add."modificationTime", "dataChange" := add."dataChange", stats := add.stats)}) AS line FROM (${addsSql(files, columns)})`;
  await session.execute(
    unchecked(
      `COPY (${json}) TO ${quoteText(target)} (FORMAT csv, HEADER false, QUOTE '', ESCAPE '', DELIMITER '\x01')`,
    ),
  );
  await session.close();
}

async function writeCheckpoint(folder: string, files: number, columns: number, head: string): Promise<void> {
  const [protocol = "", metaData = ""] = head.trim().split("\n");
  const session = await duckdbEngine.open();
  const protocolSql = `from_json(${quoteText(JSON.stringify(JSON.parse(protocol).protocol))}, '{"minReaderVersion":"INTEGER","minWriterVersion":"INTEGER"}')`;
  const metaSql = `from_json(${quoteText(JSON.stringify(JSON.parse(metaData).metaData))}, '{"id":"VARCHAR","format":{"provider":"VARCHAR","options":"MAP(VARCHAR, VARCHAR)"},"schemaString":"VARCHAR","partitionColumns":["VARCHAR"],"configuration":"MAP(VARCHAR, VARCHAR)","createdTime":"BIGINT"}')`;
  const sql = `SELECT ${protocolSql} AS protocol, NULL AS "metaData", NULL AS add, NULL::STRUCT(path VARCHAR, "deletionTimestamp" BIGINT, "dataChange" BOOLEAN) AS remove, NULL::STRUCT("appId" VARCHAR, version BIGINT, "lastUpdated" BIGINT) AS txn
    UNION ALL SELECT NULL, ${metaSql}, NULL, NULL, NULL UNION ALL SELECT NULL, NULL, add, NULL, NULL FROM (${addsSql(files, columns)})`;
  const target = join(folder, checkpointPath(1));
  // Writers bound row groups by bytes: wide statistics make them of fewer rows.
  await session.execute(
    unchecked(
      `COPY (${sql}) TO ${quoteText(target)} (FORMAT parquet, COMPRESSION snappy, ROW_GROUP_SIZE ${columns === 0 ? 122_880 : 10_240})`,
    ),
  );
  await session.close();
  writeFileSync(join(folder, commitPath(1)), addLine(files + 1).split("\n")[0] ?? "");
  writeFileSync(join(folder, lastCheckpointPath), JSON.stringify({ version: 1, size: files + 2 }));
}
