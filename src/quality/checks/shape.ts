import { shownType } from "../../dialects/shown-type.ts";
import { sql } from "../../sql/sql.ts";
import { defined } from "../../util/defined.ts";
import type { JsonValue } from "../../util/json.ts";
import { type CheckPlan, type CheckUse, type Expectation, toJson, toNumber } from "../model/expectation.ts";
import { boundsText, list, number, type ParamSpecs, text, texts } from "../model/params.ts";
import { columnParam, countLimits, numericBounds, ordered, refuseBounds, withinBounds } from "./common.ts";

const counts: ParamSpecs = {
  min_value: { type: "integer", min: 0, about: "the minimum, an integer" },
  max_value: { type: "integer", min: 0, about: "the maximum, an integer" },
  strict_min: { type: "boolean", about: "true to exclude the lower bound" },
  strict_max: { type: "boolean", about: "true to exclude the upper bound" },
};
const exactly: ParamSpecs = { value: { type: "integer", min: 0, required: true, about: "an integer" } };

function rowCount(use: CheckUse): CheckPlan {
  return {
    kind: "aggregate",
    aggregates: { rows: sql`count(*)` },
    judge: ({ rows }) => {
      const observed = toNumber(rows) ?? 0;
      const value = number(use.check.params, "value");
      return {
        success: value === undefined ? withinBounds(observed, use.check.params) : observed === value,
        observed,
      };
    },
  };
}

function columnNames(
  judge: (
    names: readonly string[],
    use: CheckUse,
  ) => { readonly success: boolean; readonly mismatched?: Readonly<Record<string, JsonValue>> | undefined },
) {
  return (use: CheckUse): CheckPlan => ({
    kind: "schema",
    judge: (columns) => {
      const names = columns.map((column) => column.name);
      const { success, mismatched } = judge(names, use);
      return { success, observed: names, details: mismatched === undefined ? undefined : { mismatched } };
    },
  });
}

/** Checks of the number of rows and columns, and of names and types; none of them names rows. */
export const shape: readonly Expectation[] = [
  {
    kind: "expect_table_row_count_to_be_between",
    level: "aggregate",
    summary: "The number of rows is within the bounds.",
    params: counts,
    refuse: refuseBounds(false, countLimits),
    message: (params) => `number of rows must be ${boundsText(params)}`,
    plan: rowCount,
  },
  {
    kind: "expect_table_row_count_to_equal",
    level: "aggregate",
    summary: "The batch has exactly this number of rows.",
    params: exactly,
    message: (params) => `number of rows must be ${number(params, "value")}`,
    plan: rowCount,
  },
  {
    kind: "expect_table_row_count_to_equal_other_table",
    level: "aggregate",
    summary: "The batch has as many rows as the other table.",
    params: {
      table: { type: "string", required: true, about: "the name of the other table" },
    },
    message: (params) => `number of rows must equal that of ${text(params, "table")}`,
    plan: (use) => {
      const table = text(use.check.params, "table");
      return {
        kind: "query",
        tables: [table],
        query: (scoped, relations) =>
          sql`SELECT (SELECT count(*) FROM ${scoped}) AS ours, (SELECT count(*) FROM (${relations(table) ?? sql`SELECT 1 WHERE false`})) AS theirs`,
        judge: ([row]) => ({
          success: row?.["ours"] === row?.["theirs"],
          observed: toJson(row?.["ours"]),
          details: { other: toJson(row?.["theirs"]) },
        }),
      };
    },
  },
  {
    kind: "expect_table_column_count_to_be_between",
    level: "aggregate",
    summary: "The number of columns is within the bounds.",
    params: counts,
    refuse: refuseBounds(false, countLimits),
    message: (params) => `number of columns must be ${boundsText(params)}`,
    plan: (use) => ({
      kind: "schema",
      judge: (columns) => ({
        success: withinBounds(columns.length, use.check.params),
        observed: columns.length,
      }),
    }),
  },
  {
    kind: "expect_table_column_count_to_equal",
    level: "aggregate",
    summary: "The batch has exactly this number of columns.",
    params: exactly,
    message: (params) => `number of columns must be ${number(params, "value")}`,
    plan: (use) => ({
      kind: "schema",
      judge: (columns) => ({
        success: columns.length === number(use.check.params, "value"),
        observed: columns.length,
      }),
    }),
  },
  {
    kind: "expect_column_to_exist",
    level: "aggregate",
    summary: "The batch has the column, at the index (from 0) if one is given.",
    params: {
      column: columnParam,
      column_index: { type: "integer", min: 0, about: "the index of the column, from 0" },
    },
    message: (params) => {
      const index = number(params, "column_index");
      const place = index === undefined ? "" : ` at index ${index} (from 0)`;
      return `column ${text(params, "column")} must exist${place}`;
    },
    plan: columnNames((names, use) => {
      const position = names.indexOf(text(use.check.params, "column"));
      const index = number(use.check.params, "column_index");
      const isElsewhere = position >= 0 && index !== undefined && index !== position;
      return {
        success: position >= 0 && !isElsewhere,
        mismatched: isElsewhere ? { index: position } : undefined,
      };
    }),
  },
  {
    kind: "expect_table_columns_to_match_set",
    level: "aggregate",
    summary: "The batch has these columns in any order, and no others unless `exact_match` is false.",
    params: {
      column_set: { type: "columns", required: true, about: "a list of column names" },
      exact_match: { type: "boolean", about: "false to allow more columns; default true" },
    },
    message: (params) => `columns must be ${texts(params, "column_set").join(", ")}`,
    plan: columnNames((names, use) => {
      const expected = texts(use.check.params, "column_set");
      const unexpected = names.filter((name) => !expected.includes(name));
      const missing = expected.filter((name) => !names.includes(name));
      const mismatched = defined({
        unexpected: unexpected.length === 0 ? undefined : unexpected,
        missing: missing.length === 0 ? undefined : missing,
      });
      return {
        success:
          missing.length === 0 && (use.check.params["exact_match"] === false || unexpected.length === 0),
        mismatched,
      };
    }),
  },
  {
    kind: "expect_table_columns_to_match_ordered_list",
    level: "aggregate",
    summary: "The batch has exactly these columns in this order.",
    params: { column_list: { type: "columns", required: true, about: "a list of column names" } },
    message: (params) => `columns must be ${texts(params, "column_list").join(", ")} in this order`,
    plan: columnNames((names, use) => {
      const expected = texts(use.check.params, "column_list");
      return {
        success: expected.length === names.length && expected.every((name, index) => name === names[index]),
      };
    }),
  },
  {
    kind: "expect_column_values_to_be_in_type_list",
    level: "aggregate",
    summary:
      "The column's type is in the list, by class (integer, decimal, float, double, string, boolean, date, timestamp, timestamp_ntz, binary, nested) or by the full text of the type in words of Delta or DuckDB.",
    params: {
      column: columnParam,
      type_list: { type: "scalars", required: true, about: "a list of type names" },
    },
    message: (params) =>
      `${text(params, "column")} must be of type ${list(params, "type_list").join(" or ")}`,
    plan: (use) => typed(use, list(use.check.params, "type_list").map(String)),
  },
  {
    kind: "expect_column_values_to_be_of_type",
    level: "aggregate",
    summary: "The column has the type, by class or by the full text of the type in words of Delta or DuckDB.",
    params: { column: columnParam, type_: { type: "string", required: true, about: "a type name" } },
    message: (params) => `${text(params, "column")} must be of type ${text(params, "type_")}`,
    plan: (use) => typed(use, [text(use.check.params, "type_")]),
  },
  {
    kind: "expect_column_value_share_to_be_between",
    level: "aggregate",
    summary: "The share of rows with this value is within the bounds; nulls count as rows.",
    params: {
      column: columnParam,
      value: { type: "scalar", required: true, about: "a value of the column's type" },
      ...numericBounds,
    },
    refuse: refuseBounds(true),
    message: (params) =>
      `share of ${String(params["value"])} in ${text(params, "column")} must be ${boundsText(params)}`,
    plan: (use) => {
      const column = use.column("column", [...ordered, "binary"]);
      const value = use.value(use.check.params["value"] ?? null, column, "value");
      return {
        kind: "aggregate",
        aggregates: {
          holding: sql`count(CASE WHEN ${column.sql} = ${value} THEN 1 END)`,
          rows: sql`count(*)`,
        },
        judge: ({ holding, rows }) => {
          const all = toNumber(rows) ?? 0;
          const observed = all === 0 ? null : (toNumber(holding) ?? 0) / all;
          return { success: withinBounds(observed, use.check.params), observed };
        },
      };
    },
  },
];

function typed(use: CheckUse, allowed: readonly string[]): CheckPlan {
  const column = use.column("column");
  const names = allowed.map((name) => name.toLowerCase());
  const type = shownType(column.type);
  const success = [column.class, type, column.type].some((name) => names.includes(name.toLowerCase()));
  return { kind: "schema", judge: () => ({ success, observed: type }) };
}
