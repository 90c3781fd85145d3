import { joinSql, type SqlExpression, sql } from "../../sql/sql.ts";
import { plainName } from "../../sql/sql-text.ts";
import { matchesAsciiOnly } from "../model/ascii-pattern.ts";
import type { Dialect } from "../model/dialect.ts";
import type { CheckPlan, CheckUse, Expectation, RowPlan } from "../model/expectation.ts";
import { type ParamSpec, text, texts } from "../model/params.ts";
import { columnParam } from "./common.ts";
import { jsonSchemaCondition, jsonSchemaProblem } from "./json-schema.ts";

function textRow(use: CheckUse, condition: (value: SqlExpression) => SqlExpression): CheckPlan {
  const column = use.column("column", ["string"]);
  return { kind: "row", pass: condition(column.sql), missing: sql`${column.sql} IS NULL`, shows: [column] };
}

/**
 * A condition made only of patterns, which is null exactly where the text is, so that nulls need no separate
 * test.
 */
function patternRow(use: CheckUse, condition: (value: SqlExpression) => SqlExpression): RowPlan {
  const column = use.column("column", ["string"]);
  return {
    kind: "row",
    pass: condition(column.sql),
    missing: sql`${column.sql} IS NULL`,
    nullsExactly: true,
    shows: [column],
  };
}

const regexParam: ParamSpec = {
  type: "regex",
  required: true,
  about: "a regular expression (searched anywhere in the text; anchor it with ^ and $)",
};
const regexList: ParamSpec = {
  type: "regexes",
  atLeast: 1,
  required: true,
  about: "a list of regular expressions",
};
const matchOn: ParamSpec = { type: "enum", values: ["any", "all"], about: "any (default) or all" };

const email =
  "^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*\\.[A-Za-z]{2,63}$";
const url =
  "^(https?|ftp)://([^\\s/?#@]+@)?(localhost|\\[[0-9A-Fa-f:.]+\\]|[\\p{L}\\p{N}]([\\p{L}\\p{N}.-]*[\\p{L}\\p{N}])?)(:[0-9]{1,5})?([/?#][^\\s]*)?$";
const octet = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])";

/** Named formats, each as a condition: some need both a pattern that must match and one that must not. */
const formats: Readonly<Record<string, (value: SqlExpression, dialect: Dialect) => SqlExpression>> = {
  email: (value, dialect) => dialect.matches(value, email),
  url: (value, dialect) => dialect.matches(value, url),
  uuid: (value, dialect) => dialect.matches(value, "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"),
  ipv4: (value, dialect) => dialect.matches(value, `^${octet}(\\.${octet}){3}$`),
  date: (value, dialect) =>
    sql`(${dialect.matches(value, "^[0-9]{4}-[0-9]{2}-[0-9]{2}$")} AND ${dialect.canCast(value, sql`DATE`)})`,
  integer: (value, dialect) => dialect.matches(value, "^[+-]?[0-9]+$"),
  number: (value, dialect) =>
    dialect.matches(value, "^[+-]?([0-9]+(\\.[0-9]*)?|\\.[0-9]+)([eE][+-]?[0-9]+)?$"),
  credit_card: (value, dialect) =>
    dialect.matches(
      value,
      "^(4[0-9]{3}|5[1-5][0-9]{2}|3[47][0-9]{2}|6(011|5[0-9]{2}))[ -]?[0-9]{4,6}[ -]?[0-9]{4,5}[ -]?[0-9]{0,4}$",
    ),
  ssn_us: (value, dialect) =>
    sql`(${dialect.matches(value, "^[0-8][0-9]{2}-?[0-9]{2}-?[0-9]{4}$")} AND NOT ${dialect.matches(value, "^(000|666)|^[0-9]{3}-?00|0000$")})`,
};

/**
 * Checks of text against patterns and formats. Patterns match anywhere in the text; nulls are left out by
 * default.
 */
export const textChecks: readonly Expectation[] = [
  {
    kind: "expect_column_values_to_match_regex",
    level: "row",
    summary: "Each text holds a match of the regular expression.",
    params: { column: columnParam, regex: regexParam },
    message: (params) => `${text(params, "column")} must match ${text(params, "regex")}`,
    plan: (use) => {
      const regex = text(use.check.params, "regex");
      return {
        ...patternRow(use, (value) => use.dialect.matches(value, regex)),
        passesAsciiOnly: matchesAsciiOnly(regex),
      };
    },
  },
  {
    kind: "expect_column_values_to_not_match_regex",
    level: "row",
    summary: "No text holds a match of the regular expression.",
    params: { column: columnParam, regex: regexParam },
    message: (params) => `${text(params, "column")} must not match ${text(params, "regex")}`,
    plan: (use) =>
      patternRow(use, (value) => sql`(NOT ${use.dialect.matches(value, text(use.check.params, "regex"))})`),
  },
  {
    kind: "expect_column_values_to_match_regex_list",
    level: "row",
    summary: "Each text matches any (or all) of the regular expressions.",
    params: { column: columnParam, regex_list: regexList, match_on: matchOn },
    message: (params) =>
      `${text(params, "column")} must match ${text(params, "match_on") || "any"} of ${texts(params, "regex_list").join(", ")}`,
    plan: (use) => {
      const joint = text(use.check.params, "match_on") === "all" ? sql` AND ` : sql` OR `;
      return patternRow(
        use,
        (value) =>
          sql`(${joinSql(
            texts(use.check.params, "regex_list").map((regex) => use.dialect.matches(value, regex)),
            joint,
          )})`,
      );
    },
  },
  {
    kind: "expect_column_values_to_not_match_regex_list",
    level: "row",
    summary: "No text matches one of the regular expressions.",
    params: { column: columnParam, regex_list: regexList },
    message: (params) =>
      `${text(params, "column")} must match none of ${texts(params, "regex_list").join(", ")}`,
    plan: (use) =>
      patternRow(
        use,
        (value) =>
          sql`(NOT (${joinSql(
            texts(use.check.params, "regex_list").map((regex) => use.dialect.matches(value, regex)),
            sql` OR `,
          )}))`,
      ),
  },
  {
    kind: "expect_column_values_to_match_like_pattern",
    level: "row",
    summary: "Each text is like the SQL pattern (% and _), as a whole.",
    params: {
      column: columnParam,
      like_pattern: { type: "string", required: true, about: "a LIKE pattern" },
    },
    message: (params) => `${text(params, "column")} must be like ${text(params, "like_pattern")}`,
    plan: (use) =>
      patternRow(use, (value) => use.dialect.like(value, text(use.check.params, "like_pattern"))),
  },
  {
    kind: "expect_column_values_to_have_format",
    level: "row",
    summary: "Each text as a whole is of a named format.",
    params: {
      column: columnParam,
      format: {
        type: "enum",
        values: Object.keys(formats),
        required: true,
        about: `one of ${Object.keys(formats).join(", ")}`,
      },
    },
    message: (params) => `${text(params, "column")} must be of format ${text(params, "format")}`,
    plan: (use) =>
      textRow(use, (value) => formats[text(use.check.params, "format")]?.(value, use.dialect) ?? sql`false`),
  },
  {
    kind: "expect_column_values_to_match_strftime_format",
    level: "row",
    summary: "Each text is a time written in the strftime format.",
    params: {
      column: columnParam,
      strftime_format: { type: "string", required: true, about: "a strftime format such as %Y-%m-%d" },
    },
    message: (params) =>
      `${text(params, "column")} must be a time in the format ${text(params, "strftime_format")}`,
    plan: (use) =>
      textRow(use, (value) => use.dialect.isTime(value, text(use.check.params, "strftime_format"))),
  },
  {
    kind: "expect_column_values_to_be_dateutil_parseable",
    level: "row",
    summary:
      "Each text is a date or time that the engine can read (ISO 8601; narrower than Python's dateutil).",
    params: { column: columnParam },
    message: (params) => `${text(params, "column")} must be a date or time`,
    plan: (use) => textRow(use, (value) => use.dialect.isTime(value, undefined)),
  },
  {
    kind: "expect_column_values_to_be_json_parseable",
    level: "row",
    summary: "Each text is JSON.",
    params: { column: columnParam },
    message: (params) => `${text(params, "column")} must be JSON`,
    plan: (use) => textRow(use, (value) => use.dialect.isJson(value)),
  },
  {
    kind: "expect_column_values_to_match_json_schema",
    level: "row",
    summary:
      "Each text is JSON that fits a JSON Schema (type, enum, const, bounds, lengths, pattern, properties, required, items, allOf, anyOf, oneOf, not).",
    params: {
      column: columnParam,
      json_schema: { type: "json", required: true, about: "a JSON Schema as an object" },
    },
    refuse: jsonSchemaProblem,
    message: (params) => `${text(params, "column")} must fit the JSON Schema`,
    plan: (use) => {
      const condition = jsonSchemaCondition(use);
      return textRow(
        use,
        (value) => sql`(CASE WHEN ${use.dialect.isJson(value)} THEN ${condition(value)} ELSE false END)`,
      );
    },
  },
  {
    kind: "expect_column_values_to_be_castable",
    level: "row",
    summary: "Each text can be read as a value of an SQL type.",
    params: {
      column: columnParam,
      type: {
        type: "enum",
        values: ["BOOLEAN", "INTEGER", "BIGINT", "DOUBLE", "DATE", "TIMESTAMP"],
        required: true,
        about: "an SQL type",
      },
    },
    message: (params) => `${text(params, "column")} must be readable as ${text(params, "type")}`,
    plan: (use) =>
      textRow(use, (value) => use.dialect.canCast(value, plainName(text(use.check.params, "type")))),
  },
];
