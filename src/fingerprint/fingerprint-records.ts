import { hash } from "node:crypto";
import type { EngineRow } from "../engine/core/contract.ts";
import type { LogSnapshot, TableContext } from "../log/contract.ts";
import { schema } from "../schema/builder.ts";
import { appendToSideTable } from "../sidetables/append-rows.ts";
import { contextBelow } from "../sidetables/context-below.ts";
import { withSideTable } from "../sidetables/read-rows.ts";
import type { SideTable, SideTableOptions } from "../sidetables/side-table.ts";
import { sql } from "../sql/sql.ts";
import { quoteText } from "../sql/sql-text.ts";
import { contentScheme, isSameSum, type RowSum, sumText } from "./row-sum.ts";

/** Folder below a table that records fingerprints, itself a Delta table. */
const fingerprintsFolder = "_fingerprints";

/** The recorded fingerprints of one version. */
export interface VersionFingerprint {
  readonly version: number;
  readonly recordedAt: Date;
  /** `varve-state-1:` and 64 hexadecimal digits. */
  readonly state: string;
  /** `varve-content-1:` and 64 hexadecimal digits. */
  readonly content: string;
  readonly rows: number;
}

/** The recorded sum of one file's rows. */
export interface FileSum extends RowSum {
  /** {@link digestOfFile} */
  readonly file: string;
  readonly path: string;
}

/** A table whose fingerprints are recorded, at any version. */
type RecordedTable = Pick<LogSnapshot, "context" | "metadata">;

function fingerprintsOf(context: TableContext): SideTable {
  return {
    context: contextBelow(context, fingerprintsFolder),
    name: "table of fingerprints",
    description: "Fingerprints of the versions of the table above, and of its files",
    columns,
  };
}

const columns = schema()
  .string("table_id", { nullable: false })
  .string("scheme", { nullable: false, comment: "Of the content fingerprint" })
  .long("version", { comment: "Null for a file" })
  .timestamp("recorded_at", { nullable: false })
  .string("state", { comment: "State fingerprint of the version" })
  .string("content", { comment: "Content fingerprint of the version" })
  .string("path", { comment: "Path of the file" })
  .string("file", { comment: "SHA-256 of the file's identity and the columns that are read" })
  .long("rows", { nullable: false })
  .string("sum", { comment: "Sum of the hashes of the file's rows, 32 hexadecimal digits" })
  .string("proof", { nullable: false, comment: "SHA-256 of the other values, which damage breaks" })
  .build();

/** The id of a file's rows: the same one for the same file, deletion vector and columns. */
export function digestOfFile(identity: string, valuesDigest: string): string {
  return hash("sha256", `${valuesDigest}\n${identity}`, "hex");
}

/** The different sums that are recorded of each file: several, if records disagree. */
export type RecordedSums = ReadonlyMap<string, readonly RowSum[]>;

/** Records that are damaged, of another scheme or of another table are left out. */
export async function readFileSums(
  { context, metadata }: RecordedTable,
  options: SideTableOptions = {},
): Promise<RecordedSums> {
  const sums = new Map<string, RowSum[]>();
  await withSideTable(
    fingerprintsOf(context),
    async (session, stored) => {
      const records = sql`SELECT * FROM (${stored.sql}) WHERE ${ofTable(metadata.id)} AND file IS NOT NULL`;
      for await (const row of session.rowStream(records, options)) {
        const text = String(row["sum"]);
        if (!isProved(row) || !/^[0-9a-f]{32}$/.test(text)) continue;
        const sum = { rows: Number(row["rows"]), sum: BigInt(`0x${text}`) };
        const file = String(row["file"]);
        const others = sums.get(file) ?? [];
        if (!others.some((other) => isSameSum(other, sum))) sums.set(file, [...others, sum]);
      }
    },
    options,
  );
  return sums;
}

/** The recorded versions, oldest first; of several records of a version, the oldest one. */
export async function readVersionFingerprints(
  table: RecordedTable,
  options: SideTableOptions = {},
): Promise<VersionFingerprint[]> {
  const versions = new Map<number, VersionFingerprint>();
  for (const record of await readVersionRecords(table, options))
    if (!versions.has(record.version)) versions.set(record.version, record);
  return [...versions.values()];
}

/** All records of versions, oldest first. */
export async function readVersionRecords(
  { context, metadata }: RecordedTable,
  options: SideTableOptions = {},
): Promise<VersionFingerprint[]> {
  const rows = await withSideTable(
    fingerprintsOf(context),
    (session, stored) =>
      session.rows(
        sql`SELECT *, epoch_ms(recorded_at) AS recorded FROM (${stored.sql}) WHERE ${ofTable(metadata.id)} AND version IS NOT NULL ORDER BY version, recorded_at`,
      ),
    options,
  );
  return (rows ?? []).filter(isProved).map((row) => ({
    version: Number(row["version"]),
    recordedAt: new Date(Number(row["recorded"])),
    state: String(row["state"]),
    content: String(row["content"]),
    rows: Number(row["rows"]),
  }));
}

function ofTable(id: string) {
  return sql`table_id = ${quoteText(id)} AND scheme = ${quoteText(contentScheme)}`;
}

/**
 * Adds the fingerprints of a version, and the sums of files that were not recorded yet.
 *
 * @returns when they were recorded
 */
export async function writeFingerprints(
  { context, metadata }: RecordedTable,
  version: Omit<VersionFingerprint, "recordedAt">,
  files: readonly FileSum[],
  options: SideTableOptions = {},
): Promise<Date> {
  const about = { table_id: metadata.id, scheme: contentScheme };
  const recorded_at = new Date(context.world.now());
  const records = [
    ...files.map(({ path, file, rows, sum }) => ({ ...about, path, file, rows, sum: sumText(sum) })),
    { ...about, ...version },
  ];
  const source = records.map((record) => ({ ...record, recorded_at, proof: proofOf(record) }));
  await appendToSideTable(fingerprintsOf(context), async () => ({ source }), options);
  return recorded_at;
}

const provedColumns = ["table_id", "scheme", "version", "state", "content", "path", "file", "rows", "sum"];

function proofOf(record: Readonly<Record<string, unknown>>): string {
  const values = provedColumns.map((name) => {
    const value = record[name];
    return value === undefined || value === null ? null : String(value);
  });
  return hash("sha256", JSON.stringify(values), "hex");
}

function isProved(row: EngineRow): boolean {
  return row["proof"] === proofOf(row);
}
