import type { Random } from "../model/random.ts";

/** Statements over the tables `t` and `s`, as `statement-fuzz.test.ts` makes them. */
const columns = [
  "id",
  "s",
  "x",
  "d",
  "a",
  "st.n",
  "ts",
  "day",
  "b",
  "no_such",
  "`id`",
  '"s"',
  "t.id",
  "s.id",
  "rowid",
  "_metadata",
];
const literals = [
  "1",
  "-1",
  "0",
  "9223372036854775807",
  "-9223372036854775809",
  "1e308",
  "1.5",
  "0.1BD",
  "12L",
  "NULL",
  "true",
  "'a'",
  "''",
  "'it''s'",
  "'\\n'",
  '"text"',
  "X'ff'",
  "DATE '2024-02-30'",
  "DATE '2024-02-29'",
  "TIMESTAMP '2024-01-01 00:00:00'",
  "array(1, 2)",
  "map('k', 1)",
  "named_struct('n', 1, 'w', 'x')",
  "DEFAULT",
  "current_timestamp()",
  "rand()",
  "uuid()",
];
const functions = [
  "abs",
  "upper",
  "length",
  "concat",
  "coalesce",
  "substring",
  "cast",
  "sum",
  "count",
  "row_number",
  "explode",
  "nosuch",
  "read_csv",
  "pg_read_file",
  "getenv",
  "error",
  "sqrt",
  "date_add",
  "year",
];
const operators = [
  "+",
  "-",
  "*",
  "/",
  "%",
  "=",
  "<>",
  "<",
  "<=>",
  "AND",
  "OR",
  "||",
  "LIKE",
  "IS DISTINCT FROM",
  "IN",
  "->",
  "::",
];
const types = [
  "int",
  "bigint",
  "string",
  "double",
  "decimal(10,2)",
  "date",
  "timestamp",
  "array<int>",
  "struct<n:int>",
  "nosuch",
];

function expression(random: Random, depth = 0): string {
  const inner = () => expression(random, depth + 1);
  if (depth > 3 || random.below(3) === 0)
    return random.below(2) === 0 ? random.of(columns) : random.of(literals);
  switch (random.below(11)) {
    case 0:
      return `(${inner()})`;
    case 1:
      return `${random.of(functions)}(${[inner(), inner()].slice(0, random.below(3)).join(", ")})`;
    case 2:
      return `CAST(${inner()} AS ${random.of(types)})`;
    case 3:
      return `CASE WHEN ${inner()} THEN ${inner()} ELSE ${inner()} END`;
    case 4:
      return `${inner()} IS ${random.below(2) === 0 ? "" : "NOT "}NULL`;
    case 5:
      return `${inner()} BETWEEN ${inner()} AND ${inner()}`;
    case 6:
      return `NOT ${inner()}`;
    case 7:
      return `${inner()} IN (${inner()}, ${inner()})`;
    case 8:
      return random.below(4) === 0 ? `(SELECT max(id) FROM ${random.of(["t", "s", "u"])})` : inner();
    default:
      return `${inner()} ${random.of(operators)} ${inner()}`;
  }
}

const condition = (random: Random) =>
  random.below(3) === 0
    ? random.of(["id = 1", "id < 3", "s = 'a'", "true", "id IS NULL"])
    : expression(random);
const column = (random: Random) =>
  random.of(["id", "s", "x", "d", "st.n", "b", "day", "no_such", "ID", "`s`"]);
const where = (random: Random) => (random.below(3) === 0 ? "" : ` WHERE ${condition(random)}`);

function merge(random: Random): string {
  const clauses = Array.from({ length: 1 + random.below(3) }, () => {
    const and = random.below(2) === 0 ? "" : ` AND ${condition(random)}`;
    return random.of([
      `WHEN MATCHED${and} THEN UPDATE SET ${random.below(2) === 0 ? "*" : `${column(random)} = ${expression(random)}`}`,
      `WHEN MATCHED${and} THEN DELETE`,
      `WHEN NOT MATCHED${and} THEN INSERT ${random.below(2) === 0 ? "*" : `(id, s) VALUES (${expression(random)}, ${expression(random)})`}`,
      `WHEN NOT MATCHED BY SOURCE${and} THEN ${random.below(2) === 0 ? "DELETE" : `UPDATE SET ${column(random)} = ${expression(random)}`}`,
    ]);
  });
  const on = random.below(2) === 0 ? "t.id = s.id" : condition(random);
  return `MERGE INTO t USING ${random.of(["s", "(SELECT * FROM s WHERE id > 1) s", "t s"])} ON ${on} ${clauses.join(" ")}`;
}

function alter(random: Random): string {
  return `ALTER TABLE t ${random.of([
    `ADD COLUMNS (${random.of(["c1", "id", "st.z"])} ${random.of(types)})`,
    `RENAME COLUMN ${column(random)} TO ${random.of(["r", "id"])}`,
    `DROP COLUMN ${column(random)}`,
    `ALTER COLUMN ${column(random)} TYPE ${random.of(types)}`,
    `ADD CONSTRAINT c CHECK (${condition(random)})`,
    "DROP CONSTRAINT c",
    `SET TBLPROPERTIES ('${random.of(["delta.appendOnly", "x", "delta.nosuch", "delta.enableDeletionVectors"])}' = '${random.of(["true", "false", "1", ""])}')`,
    "UNSET TBLPROPERTIES IF EXISTS ('delta.appendOnly')",
    "DROP FEATURE deletionVectors",
  ])}`;
}

/** A statement, most of them well formed. */
export function statement(random: Random): string {
  const rows = () => `(${[expression(random), expression(random)].join(", ")})`;
  const made = [
    () => `DELETE FROM t${where(random)}`,
    () => `UPDATE t SET ${column(random)} = ${expression(random)}${where(random)}`,
    () =>
      `UPDATE t SET ${column(random)} = ${expression(random)}, ${column(random)} = ${expression(random)}${where(random)}`,
    () => `INSERT INTO t (id, s) VALUES ${rows()}, ${rows()}`,
    () =>
      `INSERT ${random.of(["INTO", "OVERWRITE"])} t ${random.of(["", "BY NAME "])}SELECT * FROM s${where(random)}`,
    () => `INSERT INTO t REPLACE WHERE ${condition(random)} SELECT * FROM s`,
    () => merge(random),
    () => merge(random),
    () => alter(random),
    () => `OPTIMIZE t${where(random)}${random.below(2) === 0 ? "" : ` ZORDER BY (${column(random)})`}`,
    () => `REORG TABLE t APPLY (PURGE)`,
    () =>
      `VACUUM t ${random.of(["", "LITE", "RETAIN 0 HOURS", "RETAIN 200 HOURS DRY RUN", "USING INVENTORY (SELECT 'a' AS path) DRY RUN"])}`,
    () => `RESTORE TABLE t TO VERSION AS OF ${random.of(["0", "1", "99999", "-1"])}`,
    () => `DESCRIBE ${random.of(["HISTORY", "DETAIL"])} t`,
    () => `SELECT ${expression(random)} FROM t${where(random)}`,
  ];
  const text = random.of(made)();
  if (random.below(5) > 0) return text;
  // Something cut out of the middle, or put there.
  const at = random.below(text.length);
  return random.below(2) === 0
    ? text.slice(0, at) + text.slice(at + 1 + random.below(8))
    : text.slice(0, at) +
        random.of([";", "'", "(", ")", "--", "/*", "\0", "`", "😀", " FROM "]) +
        text.slice(at);
}
