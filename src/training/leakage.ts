import type { Session } from "../engine/core/contract.ts";
import { VarveError } from "../errors.ts";
import { isPrimitive, pathText, typeText } from "../schema/type-names.ts";
import type { StructType } from "../schema/types.ts";
import { joinSql, type SqlName, type SqlSelect, sql } from "../sql/sql.ts";
import { columnIndex } from "./split.ts";

/** What would let a model see in training what it is tested on; spec/training-sets.md, "Leakage". */
export interface LeakageChecks {
  /** Columns that name what rows belong to, such as a customer: no value may be in two parts. */
  readonly groups?: readonly (readonly string[])[] | undefined;
  /** Columns that are not equal in rows of two parts; `true`: all but the key of the split. */
  readonly duplicates?: true | readonly string[] | undefined;
  /** Column with the time of the label, and columns with times that may not be after it. */
  readonly labelTime?: string | undefined;
  readonly eventTimes?: readonly string[] | undefined;
}

/** What a check found. */
export interface Leakage {
  readonly kind: "group" | "duplicate" | "future";
  readonly columns: readonly string[];
  /** Number of groups or of different rows that are in several parts, or of rows with an event after the label. */
  readonly count: number;
  /** Some of them, as text. */
  readonly examples: readonly string[];
}

/** The rows that are checked: a table of the session with the column `part`, and the set's columns. */
export interface CheckedRows {
  readonly session: Session;
  readonly table: SqlName;
  readonly schema: StructType;
  readonly columnOf: (index: number) => SqlName;
  /** Columns of the split's key. */
  readonly key: readonly string[];
}

const shownExamples = 3;
const lengthOfExample = 200;

/** Looks for leakage; returns what each check counted, also if it is nothing. @throws `COLUMN_NOT_FOUND`, `SCHEMA_MISMATCH` */
export async function findLeakage(rows: CheckedRows, checks: LeakageChecks): Promise<Leakage[]> {
  const { schema, key } = rows;
  const found: Leakage[] = [];
  for (const columns of checks.groups ?? []) found.push(await inSeveralParts(rows, "group", columns));
  if (checks.duplicates !== undefined) {
    const keys = new Set(key.map((name) => columnIndex(schema, name)));
    const others = schema.fields.filter((_, index) => !keys.has(index)).map(({ name }) => name);
    const columns = checks.duplicates === true ? others : checks.duplicates;
    found.push(await inSeveralParts(rows, "duplicate", columns));
  }
  const { labelTime, eventTimes = [] } = checks;
  if (labelTime !== undefined)
    for (const event of eventTimes) found.push(await afterLabel(rows, event, labelTime));
  return found;
}

/** A group with a null is none; in duplicates, nulls are equal. */
async function inSeveralParts(
  rows: CheckedRows,
  kind: "group" | "duplicate",
  columns: readonly string[],
): Promise<Leakage> {
  const { schema, columnOf, table } = rows;
  const own = columns.map((name) => columnOf(columnIndex(schema, name)));
  const known = own.map((column) => sql`${column} IS NOT NULL`);
  const where = kind === "group" && known.length > 0 ? sql` WHERE ${joinSql(known, sql` AND `)}` : sql``;
  // Without columns all rows are equal.
  const groups = own.length === 0 ? [sql`1`] : own;
  const select = sql`SELECT CAST(row(${groups}) AS VARCHAR) AS example FROM ${table}${where} GROUP BY ${groups} HAVING min(part) <> max(part)`;
  return { kind, columns: [...columns], ...(await counted(rows, select)) };
}

async function afterLabel(rows: CheckedRows, event: string, label: string): Promise<Leakage> {
  const { schema, columnOf, table } = rows;
  const [eventIndex, labelIndex] = [columnIndex(schema, event), columnIndex(schema, label)];
  const [eventType, labelType] = [schema.fields[eventIndex]?.type, schema.fields[labelIndex]?.type];
  const isTime =
    typeof labelType === "string" &&
    isPrimitive(labelType) &&
    ["date", "timestamp", "timestamp_ntz"].includes(labelType);
  if (!isTime || eventType !== labelType)
    throw new VarveError(
      "SCHEMA_MISMATCH",
      `The times ${pathText([event])} (${eventType === undefined ? "" : typeText(eventType)}) and ${pathText([label])} (${labelType === undefined ? "" : typeText(labelType)}) cannot be compared: both must be of one type out of timestamp, timestamp_ntz and date. Cast one in the query.`,
      { column: [event] },
    );
  const [one, other] = [columnOf(eventIndex), columnOf(labelIndex)];
  const select = sql`SELECT CAST(row(${one}, ${other}) AS VARCHAR) AS example FROM ${table} WHERE ${one} > ${other}`;
  return { kind: "future", columns: [event, label], ...(await counted(rows, select)) };
}

async function counted(
  { session }: CheckedRows,
  select: SqlSelect,
): Promise<Pick<Leakage, "count" | "examples">> {
  const [row] = await session.rows(
    sql`SELECT count(*) AS n, min(example, ${shownExamples}) AS examples FROM (SELECT left(example, ${lengthOfExample}) AS example FROM (${select}))`,
  );
  const examples = Array.isArray(row?.["examples"]) ? row["examples"].map(String) : [];
  return { count: Number(row?.["n"] ?? 0), examples };
}

/** @throws `TRAINING_SET_LEAKS` naming what was found, if anything was */
export function requireNoLeakage(name: string, leakage: readonly Leakage[]): void {
  const found = leakage.filter(({ count }) => count > 0);
  if (found.length === 0) return;
  throw new VarveError(
    "TRAINING_SET_LEAKS",
    `The training set ${name} leaks: ${found.map(leakageText).join("; ")}. Split by the columns that belong together or change the query; or allow it with allowLeakage (--allow-leakage), and it is only recorded. Nothing was written.`,
    { name, leakage: found },
  );
}

/** What a check found, for people. */
function leakageText({ kind, columns, count, examples }: Leakage): string {
  const named = columns.map((column) => pathText([column])).join(", ");
  const shown = examples.length === 0 ? "" : `, such as ${examples.join(" ")}`;
  switch (kind) {
    case "group":
      return `${count} of the groups by ${named} are in several parts${shown}`;
    case "duplicate":
      return `${count} different rows of ${named} are in several parts${shown}`;
    case "future":
      return `in ${count} rows, ${columns.map((column) => pathText([column])).join(" is after ")}${shown}`;
  }
}
