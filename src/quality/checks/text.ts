import { assertInternal } from "../../errors.ts";
import { joinSql, type SqlExpression, sql } from "../../sql/sql.ts";
import type { JsonObject } from "../../util/json.ts";
import { matchesAsciiOnly } from "../model/ascii-pattern.ts";
import { castTypes } from "../model/dialect.ts";
import type { CheckPlan, CheckUse, Expectation, RowPlan } from "../model/expectation.ts";
import { invalidSuite } from "../model/invalid.ts";
import { type ParamSpec, text, texts } from "../model/params.ts";
import { timeCodes, timeFormatOf, timeFormatProblem } from "../model/time-format.ts";
import { unicodePattern, unicodeProblem } from "../model/unicode-pattern.ts";
import { columnParam } from "./common.ts";
import { formats } from "./formats.ts";
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

function isJson({ dialect }: CheckUse, value: SqlExpression): SqlExpression {
  assertInternal(dialect.isJson !== undefined, "a check that is planned for engines with a test of JSON");
  return dialect.isJson(value);
}

const regexParam: ParamSpec = {
  type: "regex",
  required: true,
  about: "a regular expression, which matches anywhere in the text (anchor it with ^ and $)",
};
const regexList: ParamSpec = {
  type: "regexes",
  atLeast: 1,
  required: true,
  about: "a list of regular expressions",
};
const matchOn: ParamSpec = { type: "enum", values: ["any", "all"], about: "any (default) or all" };

const flagsParam: ParamSpec = {
  type: "enum",
  values: ["unicode"],
  about: "unicode, so that \\d, \\w and \\s match digits, letters and spaces of every script",
};

/** A regular expression as the check's flags read it. */
function flagged(params: JsonObject, pattern: string): string {
  return text(params, "flags") === "unicode" ? unicodePattern(pattern) : pattern;
}

/** Refuses escapes that stand for nothing, which the engines read in different ways. */
function refuseEscape(params: JsonObject): ReturnType<NonNullable<Expectation["refuse"]>> {
  const { escape: mark } = params;
  if (typeof mark !== "string") return undefined;
  if ([...mark].length !== 1 || mark === "%" || mark === "_" || mark.length !== 1)
    return {
      param: "escape",
      problem: "must be one character other than % and _",
      advice: "Pass \\ or another",
    };
  const rest = text(params, "like_pattern")
    .split(mark + mark)
    .join("");
  const isLone = rest
    .split(mark)
    .slice(1)
    .some((part) => !/^[%_]/.test(part));
  return isLone
    ? {
        param: "like_pattern",
        problem: `has ${mark} before another character than %, _ and ${mark}`,
        advice: `Write ${mark}${mark} for ${mark} itself`,
      }
    : undefined;
}

/** Refuses patterns that `flags` cannot read. */
function refuseFlags(param: "regex" | "regex_list"): NonNullable<Expectation["refuse"]> {
  return (params) => {
    if (text(params, "flags") !== "unicode") return undefined;
    const patterns = param === "regex" ? [text(params, param)] : texts(params, param);
    const problem = patterns.flatMap((pattern) => unicodeProblem(pattern) ?? [])[0];
    return problem === undefined
      ? undefined
      : { param, problem, advice: "Write out the characters, such as \\p{L}, or leave out flags" };
  };
}

/**
 * Checks of text against patterns and formats. Patterns match anywhere in the text; nulls are left out by
 * default.
 */
export const textChecks: readonly Expectation[] = [
  {
    kind: "expect_column_values_to_match_regex",
    level: "row",
    summary: "Every text contains a match of the regular expression.",
    params: { column: columnParam, regex: regexParam, flags: flagsParam },
    refuse: refuseFlags("regex"),
    message: (params) => `${text(params, "column")} must match ${text(params, "regex")}`,
    plan: (use) => {
      const regex = flagged(use.check.params, text(use.check.params, "regex"));
      return {
        ...patternRow(use, (value) => use.dialect.matches(value, regex)),
        passesAsciiOnly: matchesAsciiOnly(regex),
      };
    },
  },
  {
    kind: "expect_column_values_to_not_match_regex",
    level: "row",
    summary: "No text contains a match of the regular expression.",
    params: { column: columnParam, regex: regexParam, flags: flagsParam },
    refuse: refuseFlags("regex"),
    message: (params) => `${text(params, "column")} must not match ${text(params, "regex")}`,
    plan: (use) =>
      patternRow(
        use,
        (value) =>
          sql`(NOT ${use.dialect.matches(value, flagged(use.check.params, text(use.check.params, "regex")))})`,
      ),
  },
  {
    kind: "expect_column_values_to_match_regex_list",
    level: "row",
    summary: "Every text contains a match of any (or all) of the regular expressions.",
    params: { column: columnParam, regex_list: regexList, match_on: matchOn, flags: flagsParam },
    refuse: refuseFlags("regex_list"),
    message: (params) =>
      `${text(params, "column")} must match ${text(params, "match_on") || "any"} of ${texts(params, "regex_list").join(", ")}`,
    plan: (use) => {
      const joint = text(use.check.params, "match_on") === "all" ? sql` AND ` : sql` OR `;
      return patternRow(
        use,
        (value) =>
          sql`(${joinSql(
            texts(use.check.params, "regex_list").map((regex) =>
              use.dialect.matches(value, flagged(use.check.params, regex)),
            ),
            joint,
          )})`,
      );
    },
  },
  {
    kind: "expect_column_values_to_not_match_regex_list",
    level: "row",
    summary: "No text contains a match of any of the regular expressions.",
    params: { column: columnParam, regex_list: regexList, flags: flagsParam },
    refuse: refuseFlags("regex_list"),
    message: (params) =>
      `${text(params, "column")} must match none of ${texts(params, "regex_list").join(", ")}`,
    plan: (use) =>
      patternRow(
        use,
        (value) =>
          sql`(NOT (${joinSql(
            texts(use.check.params, "regex_list").map((regex) =>
              use.dialect.matches(value, flagged(use.check.params, regex)),
            ),
            sql` OR `,
          )}))`,
      ),
  },
  {
    kind: "expect_column_values_to_match_like_pattern",
    level: "row",
    summary: "Every text as a whole matches the SQL pattern: % is any number of characters, _ is any one.",
    params: {
      column: columnParam,
      like_pattern: { type: "string", required: true, about: "a LIKE pattern" },
      escape: { type: "string", about: "the character that escapes %, _ and itself" },
    },
    refuse: refuseEscape,
    message: (params) => `${text(params, "column")} must be like ${text(params, "like_pattern")}`,
    plan: (use) =>
      patternRow(use, (value) =>
        use.dialect.like(
          value,
          text(use.check.params, "like_pattern"),
          text(use.check.params, "escape") || undefined,
        ),
      ),
  },
  {
    kind: "expect_column_values_to_have_format",
    level: "row",
    summary: "Every text as a whole has the named format.",
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
    summary: "Every text as a whole is a valid time in the strftime format.",
    params: {
      column: columnParam,
      strftime_format: { type: "string", required: true, about: "a strftime format such as %Y-%m-%d" },
    },
    refuse: (params) => {
      const problem = timeFormatProblem(text(params, "strftime_format"));
      return problem === undefined
        ? undefined
        : { param: "strftime_format", problem, advice: `The codes are ${timeCodes.join(", ")}` };
    },
    message: (params) =>
      `${text(params, "column")} must be a time in the format ${text(params, "strftime_format")}`,
    plan: (use) => {
      const format = timeFormatOf(text(use.check.params, "strftime_format"));
      const foreign = format.codes.find((code) => !use.dialect.timeCodes.has(code));
      if (foreign !== undefined)
        throw invalidSuite(
          `${use.check.path}.params.strftime_format`,
          `%${foreign} cannot be written for ${use.dialect.name}`,
          "Run it through varve",
        );
      return textRow(use, (value) => use.dialect.isTime(value, format));
    },
  },
  {
    kind: "expect_column_values_to_be_dateutil_parseable",
    level: "row",
    summary:
      "Every text is an ISO 8601 date or time, as for `castable` as TIMESTAMP; Python's dateutil accepts more.",
    params: { column: columnParam },
    message: (params) => `${text(params, "column")} must be a date or time`,
    plan: (use) => textRow(use, (value) => use.dialect.canCast(value, "TIMESTAMP")),
  },
  {
    kind: "expect_column_values_to_be_json_parseable",
    level: "row",
    engine: "duckdb",
    summary: "Every text is JSON (RFC 8259).",
    params: { column: columnParam },
    message: (params) => `${text(params, "column")} must be JSON`,
    plan: (use) => textRow(use, (value) => isJson(use, value)),
  },
  {
    kind: "expect_column_values_to_match_json_schema",
    level: "row",
    engine: "duckdb",
    summary:
      "Every text is JSON that is valid by the JSON Schema (type, enum, const, bounds, lengths, pattern, properties, required, items, allOf, anyOf, oneOf, not).",
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
        (value) => sql`(CASE WHEN ${isJson(use, value)} THEN ${condition(value)} ELSE false END)`,
      );
    },
  },
  {
    kind: "expect_column_values_to_be_castable",
    level: "row",
    summary: "Every text as a whole, without surrounding white space, is a value of the SQL type.",
    params: {
      column: columnParam,
      type: {
        type: "enum",
        values: castTypes,
        required: true,
        about: "an SQL type",
      },
    },
    message: (params) => `${text(params, "column")} must be readable as ${text(params, "type")}`,
    plan: (use) => {
      const type = castTypes.find((name) => name === text(use.check.params, "type"));
      assertInternal(type !== undefined, "a type that checkParams has accepted");
      return textRow(use, (value) => use.dialect.canCast(value, type));
    },
  },
];
