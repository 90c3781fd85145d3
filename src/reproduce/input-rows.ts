import { engineColumns } from "../dialects/engine-types.ts";
import { conditionOver } from "../dialects/row-condition.ts";
import type { Session } from "../engine/core/contract.ts";
import { isVarveError, VarveError } from "../errors.ts";
import { rowHashSql } from "../fingerprint/row-hash.ts";
import { contentFingerprintOf, noRows, type RowSum, sumColumns, sumOf } from "../fingerprint/row-sum.ts";
import type { LogSnapshot } from "../log/contract.ts";
import type { Literal, Predicate } from "../protocol/predicate.ts";
import { holdsVariant, requireColumn } from "../schema/fields.ts";
import type { StructField } from "../schema/types.ts";
import { joinSql, type SqlSelect, sql } from "../sql/sql.ts";
import { quoteName } from "../sql/sql-text.ts";
import { predicateFromSql } from "../table/scan/predicate-from-sql.ts";
import { planScan } from "../table/scan/scan.ts";
import { freePrefix } from "../util/free-prefix.ts";
import type { JsonObject } from "../util/json.ts";

/** The number of rows of a selection, and their fingerprint. */
export interface SelectedSum {
  readonly rows: number;
  readonly fingerprint: string;
}

interface ReadOptions {
  readonly signal?: AbortSignal | undefined;
}

/** The rows of a selection, in a session that can read nothing else. */
export interface SelectedRows {
  readonly session: Session;
  /** SELECT of the rows, with the columns of the version. */
  readonly select: SqlSelect;
}

/** Most keys by which files are skipped. */
const prunedKeys = 1_000;

/**
 * Counts and fingerprints the rows of each of many keys by one scan; the keys have the same columns.
 *
 * @throws `COLUMN_NOT_FOUND`, `SOURCE_UNREADABLE` for a value that its column cannot hold, errors of the data files
 */
export async function sumsByKey(
  snapshot: LogSnapshot,
  keys: readonly JsonObject[],
  { signal }: ReadOptions = {},
): Promise<SelectedSum[]> {
  await using session = await (await snapshot.context.engine()).open({ signal });
  if (holdsVariant(snapshot.schema)) session.enableVariants();
  const { select, ordinal } = await keyedRows(session, snapshot, keys, signal);
  const hashed = sql`SELECT ${quoteName(ordinal)} AS key, ${rowHashSql(snapshot.schema)} AS hash FROM (${select})`;
  const groups = await session.rows(sql`SELECT key, ${sumColumns} FROM (${hashed}) GROUP BY key`);
  const sums: RowSum[] = keys.map(() => noRows);
  for (const group of groups) sums[Number(group["key"])] = sumOf(group);
  return sums.map((sum) => selectedSum(snapshot, sum));
}

/** Counts and fingerprints selected rows. */
export async function sumOfRows(snapshot: LogSnapshot, rows: SelectedRows): Promise<SelectedSum> {
  const hashed = sql`SELECT ${rowHashSql(snapshot.schema)} AS hash FROM (${rows.select})`;
  const [sum] = await rows.session.rows(sql`SELECT ${sumColumns} FROM (${hashed})`);
  return selectedSum(snapshot, sum === undefined ? noRows : sumOf(sum));
}

/**
 * Runs work over the rows of a version that have a key or meet a condition.
 *
 * @throws `COLUMN_NOT_FOUND`, `SQL_FAILED`, `SQL_REFUSED`, `SOURCE_UNREADABLE` for a value of a key that its column
 * cannot hold, errors of the data files
 */
export async function withSelectedRows<T>(
  snapshot: LogSnapshot,
  selection: { readonly key: JsonObject } | { readonly where: string },
  work: (rows: SelectedRows) => Promise<T>,
  { signal }: ReadOptions = {},
): Promise<T> {
  await using session = await (await snapshot.context.engine()).open({ signal });
  if (holdsVariant(snapshot.schema)) session.enableVariants();
  const columns = snapshot.schema.fields.map(({ name }) => quoteName(name));
  if ("key" in selection) {
    const { select } = await keyedRows(session, snapshot, [selection.key], signal);
    return await work({ session, select: sql`SELECT ${columns} FROM (${select})` });
  }
  await session.checkRowExpression(selection.where);
  const predicate = await predicateFromSql(session, selection.where, snapshot.schema);
  const scan = await planScan(session, snapshot, { predicate, signal });
  const fenced = await session.fence({ files: scan.files });
  const condition = await conditionOver(fenced, selection.where, scan.columns);
  return await work({
    session: fenced,
    select: sql`SELECT ${columns} FROM (${scan.sql}) WHERE ${condition}`,
  });
}

function selectedSum({ schema }: LogSnapshot, sum: RowSum): SelectedSum {
  return { rows: sum.rows, fingerprint: contentFingerprintOf(schema, sum) };
}

/** The rows that have one of the keys, with the number of the key. */
async function keyedRows(
  session: Parameters<typeof planScan>[0],
  snapshot: LogSnapshot,
  keys: readonly JsonObject[],
  signal: AbortSignal | undefined,
): Promise<{ readonly select: SqlSelect; readonly ordinal: string }> {
  const names = Object.keys(keys[0] ?? {});
  const fields = names.map((name) => requireColumn(snapshot.schema, name));
  const prefix = freePrefix(snapshot.schema.fields.map(({ name }) => name));
  const ordinal = `${prefix}key`;
  const renamed = fields.map((field, index) => ({ ...field, name: `${prefix}${index}` }));
  const staged = await stageKeys(session, { names, keys, ordinal, renamed }, signal);
  const scan = await planScan(session, snapshot, { predicate: keysPredicate(fields, names, keys), signal });
  // A column named like a relation would be taken for it.
  const [t, k] = [quoteName(`${prefix}table`), quoteName(`${prefix}keys`)];
  const equal = fields.map(
    ({ name }, index) =>
      sql`${t}.${quoteName(name)} IS NOT DISTINCT FROM ${k}.${quoteName(`${prefix}${index}`)}`,
  );
  const select = sql`SELECT ${t}.*, ${k}.${quoteName(ordinal)} FROM (${scan.sql}) AS ${t} JOIN (${staged}) AS ${k} ON ${joinSql(equal, sql` AND `)}`;
  return { select, ordinal };
}

async function stageKeys(
  session: Session,
  {
    names,
    keys,
    ordinal,
    renamed,
  }: {
    readonly names: readonly string[];
    readonly keys: readonly JsonObject[];
    readonly ordinal: string;
    readonly renamed: readonly StructField[];
  },
  signal: AbortSignal | undefined,
): Promise<SqlSelect> {
  const rows = keys.map((key, number) => ({
    ...Object.fromEntries(names.map((name, index) => [renamed[index]?.name ?? "", key[name] ?? null])),
    [ordinal]: number,
  }));
  const columns = [
    ...engineColumns({ type: "struct", fields: [...renamed] }),
    { name: ordinal, type: "BIGINT" },
  ];
  try {
    return (await session.stage({ kind: "rows", rows }, { columns, signal })).sql;
  } catch (error) {
    if (!isVarveError(error, "SOURCE_UNREADABLE", "SCHEMA_MISMATCH")) throw error;
    throw new VarveError(
      "INVALID_ARGUMENT",
      `A value of the key (${names.join(", ")}) does not fit its column. Give each value as the column's type: ${renamed.map(({ type }, index) => `${names[index]} ${typeof type === "string" ? type : type.type}`).join(", ")}.`,
      { columns: names },
      error,
    );
  }
}

/** Types whose values have one text, by which files can be skipped. */
const prunedTypes: ReadonlySet<unknown> = new Set(["string", "long", "integer", "short", "byte"]);

function keysPredicate(
  fields: readonly StructField[],
  names: readonly string[],
  keys: readonly JsonObject[],
): Predicate | undefined {
  if (keys.length > prunedKeys) return undefined;
  const args: Predicate[] = [];
  for (const [index, { name, type }] of fields.entries()) {
    const values = keys.map((key) => key[names[index] ?? ""]);
    const isPlain = values.every((value) =>
      type === "string"
        ? typeof value === "string"
        : typeof value === "bigint" || Number.isSafeInteger(value),
    );
    if (!prunedTypes.has(type) || !isPlain) continue;
    const literals = values.map((value): Literal => ({ type, value: String(value) }));
    args.push({ op: "in", column: [name], values: literals });
  }
  return args.length === 0 ? undefined : { op: "and", args };
}
