import { joinSql, sql } from "../../sql/sql.ts";
import { squarable } from "../measures/measures.ts";
import { type CheckUse, type ColumnUse, type Expectation, toJson, toNumber } from "../model/expectation.ts";
import { invalidSuite } from "../model/invalid.ts";
import { number, type ParamSpec, text, texts } from "../model/params.ts";
import { columnParam, columnsParam, numbers, ordered } from "./common.ts";

const tableParam: ParamSpec = {
  type: "string",
  required: true,
  about: "the name of the other table, or `this` for the table written to",
};

/** The other table's columns; by default those with the same names. */
function otherColumns(use: CheckUse, param: string, columns: readonly ColumnUse[]): readonly string[] {
  const listed = texts(use.check.params, param);
  const names = listed.length === 0 ? columns.map((column) => column.name) : listed;
  if (names.length !== columns.length)
    throw invalidSuite(
      `${use.check.path}.params.${param}`,
      `names ${names.length} columns for ${columns.length}`,
      "Name one for each",
    );
  return names;
}

/** Checks by the caller's own condition, against other tables, and of the rows' spread or order. */
export const custom: readonly Expectation[] = [
  {
    kind: "expect_rows_to_satisfy",
    level: "row",
    summary: "The SQL condition is true for every row; a null counts as unknown.",
    params: {
      expression: { type: "sql", required: true, about: "an SQL condition over the columns" },
      name: { type: "string", about: "a name for messages" },
    },
    message: (params) => `${text(params, "name") || text(params, "expression")} must hold`,
    plan: (use) => {
      const condition = use.expression("expression");
      return {
        kind: "row",
        pass: sql`(${condition})`,
        missing: sql`(${condition}) IS NULL`,
        nullsExactly: true,
        shows: [],
      };
    },
  },
  {
    kind: "expect_rows_to_satisfy_function",
    level: "row",
    summary: "The TypeScript function returns true for every row; a null counts as unknown.",
    params: {
      function: { type: "string", required: true, about: "the function's name" },
      column_list: columnsParam,
    },
    message: (params) => `${text(params, "function")} must hold`,
    plan: (use) => ({
      kind: "function",
      name: text(use.check.params, "function"),
      shows: use.columnList("column_list"),
    }),
  },
  {
    kind: "expect_column_values_to_exist_in_table",
    level: "row",
    summary: "Every key is in the other table; keys with a null are ignored.",
    params: {
      column_list: columnsParam,
      table: tableParam,
      table_columns: { type: "columns", about: "the other table's columns" },
    },
    message: (params) =>
      `(${texts(params, "column_list").join(", ")}) must exist in ${text(params, "table")}`,
    plan: (use) => {
      const columns = use.columnList("column_list", [...ordered, "binary"]);
      const others = otherColumns(use, "table_columns", columns);
      const table = text(use.check.params, "table");
      const missing = sql`(${joinSql(
        columns.map((column) => sql`${column.sql} IS NULL`),
        sql` OR `,
      )})`;
      return {
        kind: "keys",
        keys: columns.map((column) => column.sql),
        missing,
        shows: columns,
        tables: [table],
        refers: {
          table,
          param: "table_columns",
          pairs: columns.map((own, index) => ({ own, other: others[index] ?? own.name })),
        },
        failing: (scoped, relations, { names }) => {
          const keys = joinSql(columns.map((column, index) => sql`${column.sql} AS ${names.key(index)}`));
          const groups = sql`SELECT ${keys}, count(*) AS ${names.rows} FROM ${scoped} WHERE NOT ${missing} GROUP BY ${joinSql(columns.map((_, index) => names.key(index)))}`;
          const relation = relations(table);
          if (relation === undefined) return groups;
          return sql`SELECT * FROM (${groups}) AS child WHERE NOT EXISTS (SELECT 1 FROM (${relation}) AS parent WHERE ${joinSql(
            others.map(
              (name, index) =>
                sql`parent.${name === columns[index]?.name ? columns[index].sql : use.dialect.identifier(name)} = child.${names.key(index)}`,
            ),
            sql` AND `,
          )})`;
        },
      };
    },
  },
  {
    kind: "expect_rows_to_match_table",
    level: "row",
    summary:
      "Every row's key is in the other table (or another version of this one), with the same values in the compared columns.",
    params: {
      key_columns: columnsParam,
      compare_columns: { type: "columns", about: "the columns to compare; default: only the keys" },
      table: tableParam,
    },
    message: (params) =>
      `row must be in ${text(params, "table")} under the same ${texts(params, "key_columns").join(", ")} with the same values`,
    plan: (use) => {
      const keys = use.columnList("key_columns", [...ordered, "binary"]);
      const compared = use.columnList("compare_columns", [...ordered, "binary"]);
      const columns = [...keys, ...compared];
      const table = text(use.check.params, "table");
      return {
        kind: "keys",
        keys: columns.map((column) => column.sql),
        missing: sql`(false)`,
        shows: columns,
        tables: [table],
        refers: { table, param: "table", pairs: columns.map((own) => ({ own, other: own.name })) },
        failing: (scoped, relations, { names }) => {
          const groups = sql`SELECT ${joinSql(columns.map((column, index) => sql`${column.sql} AS ${names.key(index)}`))}, count(*) AS ${names.rows} FROM ${scoped} GROUP BY ALL`;
          const relation = relations(table);
          if (relation === undefined) return groups;
          return sql`SELECT * FROM (${groups}) AS ours WHERE NOT EXISTS (SELECT 1 FROM (${relation}) AS theirs WHERE ${joinSql(
            columns.map(
              (column, index) => sql`theirs.${column.sql} IS NOT DISTINCT FROM ours.${names.key(index)}`,
            ),
            sql` AND `,
          )})`;
        },
      };
    },
  },
  {
    kind: "expect_rows_to_cover_table",
    level: "aggregate",
    summary:
      "Every row of the other table (or another version of this one) is in the batch: the counterpart of expect_rows_to_match_table.",
    params: {
      key_columns: columnsParam,
      compare_columns: { type: "columns", about: "the columns to compare; default: only the keys" },
      table: tableParam,
      max_missing: { type: "integer", min: 0, about: "the maximum number of missing rows; default 0" },
    },
    message: (params) =>
      `every row of ${text(params, "table")} must be here under the same ${texts(params, "key_columns").join(", ")}${texts(params, "compare_columns").length === 0 ? "" : " with the same values"}`,
    plan: (use) => {
      const columns = [
        ...use.columnList("key_columns", [...ordered, "binary"]),
        ...use.columnList("compare_columns", [...ordered, "binary"]),
      ];
      const table = text(use.check.params, "table");
      return {
        kind: "query",
        tables: [table],
        refers: { table, param: "table", pairs: columns.map((own) => ({ own, other: own.name })) },
        query: (scoped, relations) => {
          const values = joinSql(columns.map((column, index) => sql`theirs.${column.sql} AS key_${index}`));
          const same = joinSql(
            columns.map((column) => sql`ours.${column.sql} IS NOT DISTINCT FROM theirs.${column.sql}`),
            sql` AND `,
          );
          const relation = relations(table);
          const others =
            relation === undefined ? sql`(SELECT * FROM ${scoped} WHERE false)` : sql`(${relation})`;
          return sql`SELECT count(*) OVER () AS missing, ${values} FROM ${others} AS theirs WHERE NOT EXISTS (SELECT 1 FROM ${scoped} AS ours WHERE ${same}) LIMIT 20`;
        },
        judge: (rows) => {
          const observed = toNumber(rows[0]?.["missing"]) ?? 0;
          const sample = rows.map((row) =>
            Object.fromEntries(columns.map(({ name }, index) => [name, toJson(row[`key_${index}`])])),
          );
          const success = observed <= (number(use.check.params, "max_missing") ?? 0);
          return { success, observed, details: observed === 0 ? undefined : { missing: sample } };
        },
      };
    },
  },
  ...(["increasing", "decreasing"] as const).map(
    (direction): Expectation => ({
      kind: `expect_column_values_to_be_${direction}`,
      level: "group",
      summary: `Values ${direction === "increasing" ? "rise" : "fall"} in the order of the source; nulls are ignored, and of two rows the later one fails.`,
      params: {
        column: columnParam,
        strictly: { type: "boolean", about: "true to fail equal neighbours" },
      },
      message: (params) => `${text(params, "column")} must be ${direction}`,
      plan: (use) => {
        const column = use.column("column", ordered);
        const wrong = direction === "increasing" ? sql`<` : sql`>`;
        const operator = use.check.params["strictly"] === true ? sql`${wrong}=` : wrong;
        return {
          kind: "positions",
          missing: sql`${column.sql} IS NULL`,
          shows: [column],
          // OVER () keeps the order of the scan, which for a staged source is the order of its rows, and
          // needs no sort
          failing: (scoped, { file, row, names }) =>
            sql`SELECT ${names.file}, ${names.row} FROM (SELECT ${file} AS ${names.file}, ${row} AS ${names.row}, ${column.sql} AS ${names.value}, lag(${column.sql}) OVER () AS before FROM ${scoped} WHERE ${column.sql} IS NOT NULL) WHERE ${names.value} ${operator} before`,
        };
      },
    }),
  ),
  {
    kind: "expect_column_value_z_scores_to_be_less_than",
    level: "group",
    summary:
      "Every value is less than `threshold` sample standard deviations from the mean of the finite values; a constant column passes.",
    params: {
      column: columnParam,
      threshold: { type: "number", required: true, about: "a number of standard deviations" },
      double_sided: { type: "boolean", about: "true to test both sides of the mean" },
    },
    message: (params) => `z-score of ${text(params, "column")} must be below ${number(params, "threshold")}`,
    plan: (use) => {
      const column = use.column("column", numbers);
      const value = use.dialect.toDouble(column.sql);
      return {
        kind: "rounds",
        aggregates: {
          mean: sql`avg(${squarable(value)})`,
          deviation: use.dialect.deviation(squarable(value), 1),
        },
        next: ({ mean, deviation }) => {
          const flat =
            typeof mean !== "number" ||
            typeof deviation !== "number" ||
            deviation === 0 ||
            !Number.isFinite(deviation) ||
            !Number.isFinite(mean);
          const score = flat ? sql`0` : sql`((${value} - ${mean}) / ${deviation})`;
          const distance = use.check.params["double_sided"] === true ? sql`abs(${score})` : score;
          const pass = flat
            ? sql`(${column.sql} IS NOT NULL)`
            : sql`(${distance} < ${number(use.check.params, "threshold") ?? 0})`;
          return { kind: "row", pass, missing: sql`${column.sql} IS NULL`, shows: [column] };
        },
      };
    },
  },
  {
    kind: "expect_column_values_to_not_be_outliers",
    level: "group",
    summary:
      "Every value is within `threshold` (default 3.5) median absolute deviations of the median of the finite values; if that deviation is 0, every value passes.",
    params: {
      column: columnParam,
      threshold: { type: "number", min: 0, about: "a number of median absolute deviations" },
    },
    message: (params) =>
      `${text(params, "column")} must lie within ${number(params, "threshold") ?? 3.5} median absolute deviations of the median`,
    plan: (use) => {
      const column = use.column("column", numbers);
      const value = use.dialect.toDouble(column.sql);
      const threshold = number(use.check.params, "threshold") ?? 3.5;
      return {
        kind: "rounds",
        aggregates: { median: use.dialect.quantile(squarable(value), 0.5) },
        next: ({ median }) => ({
          kind: "rounds",
          aggregates: {
            spread: use.dialect.quantile(
              sql`abs(${squarable(value)} - ${typeof median === "number" ? median : 0})`,
              0.5,
            ),
          },
          next: ({ spread }) => {
            const reach = typeof spread === "number" ? threshold * spread : 0;
            const flat =
              typeof median !== "number" ||
              typeof spread !== "number" ||
              spread === 0 ||
              !Number.isFinite(reach);
            const pass = flat
              ? sql`(${column.sql} IS NOT NULL)`
              : sql`(abs(${value} - ${median}) <= ${reach})`;
            return { kind: "row", pass, missing: sql`${column.sql} IS NULL`, shows: [column] };
          },
        }),
      };
    },
  },
];
