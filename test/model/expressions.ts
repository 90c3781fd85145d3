import type { Random } from "./random.ts";

/** A row as its reader gives it. */
export type ModelRow = Readonly<Record<string, unknown>>;

/** SQL with what it means, as this test understands it. */
export interface Expression<T> {
  readonly sql: string;
  readonly of: (row: ModelRow) => T;
}

/** A condition; `null` is neither true nor false. */
export type Condition = Expression<boolean | null>;

type Ordered = bigint | number | string;

const compare = (a: unknown, b: Ordered, holds: (order: number) => boolean): boolean | null =>
  a === null || a === undefined ? null : holds((a as Ordered) < b ? -1 : (a as Ordered) > b ? 1 : 0);

/** Conditions over single columns of the table. */
function simpleCondition(random: Random, columns: readonly string[], prefix: string): Condition {
  const id = BigInt(random.below(40));
  const modulus = BigInt(2 + random.below(6));
  const letter = random.of(["a", "b", "c"]);
  const choices: Condition[] = [
    { sql: `${prefix}id < ${id}`, of: ({ id: own }) => compare(own, id, (order) => order < 0) },
    { sql: `${prefix}id >= ${id}`, of: ({ id: own }) => compare(own, id, (order) => order >= 0) },
    { sql: `${prefix}id = ${id}`, of: ({ id: own }) => compare(own, id, (order) => order === 0) },
    {
      sql: `${prefix}id % ${modulus} = 0`,
      of: ({ id: own }) => (own === null ? null : (own as bigint) % modulus === 0n),
    },
    { sql: `${prefix}id IS NULL`, of: ({ id: own }) => own === null },
  ];
  if (columns.includes("s"))
    choices.push(
      { sql: `${prefix}s = '${letter}'`, of: ({ s }) => compare(s, letter, (order) => order === 0) },
      { sql: `${prefix}s IS NOT NULL`, of: ({ s }) => s !== null },
    );
  if (columns.includes("p"))
    choices.push({
      sql: `${prefix}p = '${letter}'`,
      of: ({ p }) => compare(p, letter, (order) => order === 0),
    });
  if (columns.includes("b")) choices.push({ sql: `${prefix}b`, of: ({ b }) => b as boolean | null });
  if (columns.includes("x"))
    choices.push({ sql: `${prefix}x > 1.5`, of: ({ x }) => compare(x, 1.5, (order) => order > 0) });
  if (columns.includes("st"))
    choices.push({
      sql: `${prefix}st.n = ${id}`,
      of: ({ st }) => (st === null ? null : compare((st as ModelRow)["n"], id, (order) => order === 0)),
    });
  return random.of(choices);
}

/** A condition of one or two parts, in SQL's logic of three values. */
export function condition(random: Random, columns: readonly string[], prefix = ""): Condition {
  const left = simpleCondition(random, columns, prefix);
  if (random.below(3) > 0) return left;
  const right = simpleCondition(random, columns, prefix);
  switch (random.below(3)) {
    case 0:
      return { sql: `(${left.sql}) AND (${right.sql})`, of: (row) => and(left.of(row), right.of(row)) };
    case 1:
      return {
        sql: `(${left.sql}) OR (${right.sql})`,
        of: (row) => not(and(not(left.of(row)), not(right.of(row)))),
      };
    default:
      return { sql: `NOT (${left.sql})`, of: (row) => not(left.of(row)) };
  }
}

const not = (value: boolean | null): boolean | null => (value === null ? null : !value);
const and = (a: boolean | null, b: boolean | null): boolean | null =>
  a === false || b === false ? false : a === null || b === null ? null : true;

/** A new value for one of the table's columns, by its path. */
export function assignment(
  random: Random,
  columns: readonly string[],
): Expression<unknown> & { readonly path: readonly string[] } {
  const letter = random.of(["a", "b", "c"]);
  const choices: (Expression<unknown> & { readonly path: readonly string[] })[] = [
    { path: ["id"], sql: "id + 1", of: ({ id }) => (id === null ? null : (id as bigint) + 1n) },
  ];
  if (columns.includes("s"))
    choices.push(
      { path: ["s"], sql: `'${letter}'`, of: () => letter },
      { path: ["s"], sql: "NULL", of: () => null },
    );
  if (columns.includes("p")) choices.push({ path: ["p"], sql: `'${letter}'`, of: () => letter });
  if (columns.includes("b"))
    choices.push({ path: ["b"], sql: "NOT b", of: ({ b }) => not(b as boolean | null) });
  if (columns.includes("x"))
    choices.push({ path: ["x"], sql: "x / 2", of: ({ x }) => (x === null ? null : (x as number) / 2) });
  if (columns.includes("st")) choices.push({ path: ["st", "n"], sql: "id", of: ({ id }) => id });
  return random.of(choices);
}

/** The row with new values, all computed from its old ones. */
export function assigned(
  row: ModelRow,
  set: readonly (Expression<unknown> & { readonly path: readonly string[] })[],
): ModelRow {
  const changed: Record<string, unknown> = { ...row };
  for (const { path, of } of set) {
    const [column = "", field] = path;
    // A field of a null struct makes a struct whose other fields are null.
    changed[column] =
      field === undefined
        ? of(row)
        : { n: null, w: null, ...(row[column] as object | null), [field]: of(row) };
  }
  return changed;
}
