import { sql } from "../../sql/sql.ts";
import type { Expectation } from "../model/expectation.ts";
import { text, texts } from "../model/params.ts";
import { columnParam, columnsParam, nulls } from "./common.ts";

/**
 * Checks of nullness. Every row is considered, so `mostly` is a share of all rows. NaN is a value, not a
 * null.
 */
export const nullness: readonly Expectation[] = [
  {
    kind: "expect_column_values_to_not_be_null",
    level: "row",
    testsNulls: true,
    summary: "Every row has a value; NaN counts as a value.",
    params: { column: columnParam },
    message: (params) => `${text(params, "column")} must not be null`,
    plan: (use) => {
      const column = use.column("column");
      return { kind: "row", pass: sql`(${column.sql} IS NOT NULL)`, nullsExactly: true, shows: [column] };
    },
  },
  {
    kind: "expect_column_values_to_be_null",
    level: "row",
    testsNulls: true,
    summary: "Every value is null.",
    params: { column: columnParam },
    message: (params) => `${text(params, "column")} must be null`,
    plan: (use) => {
      const column = use.column("column");
      return { kind: "row", pass: sql`(${column.sql} IS NULL)`, nullsExactly: true, shows: [column] };
    },
  },
  {
    kind: "expect_column_values_to_not_be_null_or_empty",
    level: "row",
    testsNulls: true,
    summary: "No text is null, empty or only white space.",
    params: { column: columnParam },
    message: (params) => `${text(params, "column")} must not be null or blank`,
    plan: (use) => {
      const column = use.column("column", ["string"]);
      // almost every text begins with something visible; comparing is much cheaper than searching, and CASE
      // searches only the rest
      const visible = sql`(CASE WHEN ${column.sql} >= '!' THEN true ELSE ${use.dialect.matches(column.sql, "[^\\s]")} END)`;
      return {
        kind: "row",
        pass: sql`(${column.sql} IS NOT NULL AND ${visible})`,
        nullsExactly: true,
        shows: [column],
      };
    },
  },
  {
    kind: "expect_column_values_to_not_be_nan",
    level: "row",
    summary: "No value is NaN; nulls are ignored.",
    params: { column: columnParam },
    message: (params) => `${text(params, "column")} must not be NaN`,
    plan: (use) => {
      const column = use.column("column", ["float", "double"]);
      return {
        kind: "row",
        pass: sql`(NOT ${use.dialect.isNan(column.sql)})`,
        missing: sql`${column.sql} IS NULL`,
        nullsExactly: true,
        shows: [column],
      };
    },
  },
  {
    kind: "expect_columns_to_be_complete",
    level: "row",
    testsNulls: true,
    summary: "No row has a null in any of the columns.",
    params: { column_list: columnsParam },
    message: (params) => `${texts(params, "column_list").join(", ")} must all have a value`,
    plan: (use) => {
      const columns = use.columnList("column_list");
      return { kind: "row", pass: sql`(NOT ${nulls(columns, "any")})`, nullsExactly: true, shows: columns };
    },
  },
  {
    kind: "expect_any_column_to_be_complete",
    level: "row",
    testsNulls: true,
    summary: "Every row has a value in at least one of the columns.",
    params: { column_list: columnsParam },
    message: (params) => `one of ${texts(params, "column_list").join(", ")} must have a value`,
    plan: (use) => {
      const columns = use.columnList("column_list");
      return { kind: "row", pass: sql`(NOT ${nulls(columns, "all")})`, nullsExactly: true, shows: columns };
    },
  },
];
