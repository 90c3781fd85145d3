import { joinSql, type SqlExpression, type SqlSelect, sql } from "../../sql/sql.ts";
import type { JsonValue } from "../../util/json.ts";
import {
  type AggregateValues,
  type CheckUse,
  type ColumnUse,
  type Expectation,
  type Judgement,
  toJson,
  toNumber,
} from "../model/expectation.ts";
import { boundsText, flag, list, type ParamSpec, text, texts } from "../model/params.ts";
import {
  columnParam,
  countLimits,
  nulls,
  numericBounds,
  observedNumber,
  ordered,
  refuseBounds,
  twoColumnsParam,
  withinBounds,
} from "./common.ts";

/** Maximum length of observed lists; the check itself uses all values. */
const detailLimit = 1000;

interface Distinct {
  readonly values: readonly JsonValue[];
  readonly counts: readonly JsonValue[];
  /** Number of distinct values, and of those that are in the set. */
  readonly groups: number;
  readonly members: number;
}

function setMembers(use: CheckUse, column: ColumnUse): SqlExpression[] {
  return [
    ...new Set(list(use.check.params, "value_set").map((value) => use.value(value, column, "value_set"))),
  ];
}

const inSetSql = (members: readonly SqlExpression[]): SqlExpression =>
  members.length === 0 ? sql`false` : sql`value IN (${joinSql(members)})`;

function distinctQuery(
  column: ColumnUse,
  members: readonly SqlExpression[],
): (scoped: SqlExpression) => SqlSelect {
  return (scoped) =>
    sql`SELECT value, n, groups, members FROM (SELECT value, n, count(*) OVER () AS groups, coalesce(sum(CASE WHEN ${inSetSql(members)} THEN 1 ELSE 0 END) OVER (), 0) AS members, ${inSetSql(members)} AS in_set FROM (SELECT ${column.sql} AS value, count(*) AS n FROM ${scoped} WHERE ${column.sql} IS NOT NULL GROUP BY ${column.sql}) ORDER BY in_set, value LIMIT ${detailLimit}) ORDER BY value`;
}

function distinctSet(
  name: string,
  summary: string,
  valueSet: ParamSpec,
  judge: (distinct: Distinct, setSize: number) => boolean,
): Expectation {
  return {
    kind: `expect_column_distinct_values_to_${name}`,
    level: "aggregate",
    summary,
    params: { column: columnParam, value_set: valueSet },
    message: (params) => `distinct values of ${text(params, "column")} must ${name.replaceAll("_", " ")}`,
    plan: (use) => {
      const column = use.column("column", ordered);
      const members = setMembers(use, column);
      return {
        kind: "query",
        query: distinctQuery(column, members),
        judge: (rows) => {
          const values = rows.map((row) => toJson(row["value"]));
          const counts = rows.map((row) => ({ value: toJson(row["value"]), count: toJson(row["n"]) }));
          const distinct = {
            values,
            counts,
            groups: toNumber(rows[0]?.["groups"]) ?? 0,
            members: toNumber(rows[0]?.["members"]) ?? 0,
          };
          const success = use.check.params["value_set"] === undefined || judge(distinct, members.length);
          return { success, observed: values, details: { value_counts: counts, distinct: distinct.groups } };
        },
      };
    },
  };
}

const someSet: ParamSpec = { type: "scalars", about: "a list of values of the column's type" };
const requiredSet: ParamSpec = { ...someSet, required: true };

function grouped(columns: readonly ColumnUse[]): (scoped: SqlExpression) => SqlSelect {
  const names = joinSql(columns.map((column, index) => sql`${column.sql} AS g${index}`));
  return (scoped) =>
    sql`SELECT ${names}, count(*) AS n FROM ${scoped} WHERE NOT ${nulls(columns, "any")} GROUP BY ${joinSql(columns.map((column) => column.sql))}`;
}

/**
 * A sum of `f(n)` over groups is computed in SQL, so that a column with millions of values stays in the
 * engine.
 */
function entropySql(columns: readonly ColumnUse[]): (scoped: SqlExpression) => SqlSelect {
  return (scoped) =>
    sql`SELECT sum(n) AS total, sum(n * ln(n)) AS weighted FROM (${grouped(columns)(scoped)})`;
}

function entropyOf(row: AggregateValues | undefined): number | null {
  const [total, weighted] = [toNumber(row?.["total"]), toNumber(row?.["weighted"])];
  return total === null || weighted === null || total === 0 ? null : Math.log(total) - weighted / total;
}

function bounded(use: CheckUse, observed: number | null): Judgement {
  return { success: withinBounds(observed, use.check.params), observed: observedNumber(observed) };
}

/** Checks of the set of distinct values and of their frequencies; nulls are not values. */
export const distinct: readonly Expectation[] = [
  distinctSet(
    "be_in_set",
    "Every distinct value is in the set; without a set, the values are only reported.",
    someSet,
    ({ groups, members }) => groups === members,
  ),
  distinctSet(
    "contain_set",
    "Every value of the set occurs in the column.",
    requiredSet,
    ({ members }, setSize) => members === setSize,
  ),
  distinctSet(
    "equal_set",
    "The distinct values are exactly those of the set.",
    requiredSet,
    ({ groups, members }, setSize) => groups === members && members === setSize,
  ),
  {
    kind: "expect_column_most_common_value_to_be_in_set",
    level: "aggregate",
    summary:
      "The most common value is in the set; a tie fails, unless `ties_okay` is true and one of the values is in the set.",
    params: {
      column: columnParam,
      value_set: requiredSet,
      ties_okay: { type: "boolean", about: "true to accept a tie" },
    },
    message: (params) => `most common ${text(params, "column")} must be in the set`,
    plan: (use) => {
      const column = use.column("column", ordered);
      const isMember = inSetSql(setMembers(use, column));
      return {
        kind: "query",
        query: (scoped) =>
          sql`SELECT value, ${isMember} AS in_set, missing, total FROM (SELECT ${column.sql} AS value, count(*) AS n, max(count(*)) OVER () AS most, (SELECT count(*) - count(${column.sql}) FROM ${scoped}) AS missing, (SELECT count(*) FROM ${scoped}) AS total FROM ${scoped} WHERE ${column.sql} IS NOT NULL GROUP BY ${column.sql}) WHERE n = most ORDER BY value LIMIT ${detailLimit}`,
        judge: (rows) => {
          const tie = rows.length > 1;
          const hasMember = rows.some((row) => row["in_set"] === true);
          return {
            success: hasMember && (!tie || flag(use.check.params, "ties_okay")),
            observed: rows.map((row) => toJson(row["value"])),
          };
        },
      };
    },
  },
  {
    kind: "expect_column_entropy_to_be_between",
    level: "aggregate",
    summary: "The Shannon entropy of the values, in nats, is within the bounds; nulls are ignored.",
    params: { column: columnParam, ...numericBounds },
    refuse: refuseBounds(false, countLimits),
    message: (params) => `entropy of ${text(params, "column")} must be ${boundsText(params)}`,
    plan: (use) => ({
      kind: "query",
      query: entropySql([use.column("column")]),
      judge: ([row]) => bounded(use, entropyOf(row)),
    }),
  },
  {
    kind: "expect_columns_mutual_information_to_be_between",
    level: "aggregate",
    summary:
      "The mutual information of two columns, in nats, is within the bounds; rows with a null in either are ignored.",
    params: { column_list: twoColumnsParam, ...numericBounds },
    refuse: refuseBounds(false, countLimits),
    message: (params) =>
      `mutual information of ${texts(params, "column_list").join(", ")} must be ${boundsText(params)}`,
    plan: (use) => {
      const columns = use.columnList("column_list");
      const [a, b] = columns;
      return {
        kind: "query",
        query: (scoped) => {
          const both = a === undefined || b === undefined ? [] : [a, b];
          const marginal = (name: SqlExpression) =>
            sql`SELECT sum(n * ln(n)) FROM (SELECT sum(n) AS n FROM joint GROUP BY ${name})`;
          return sql`WITH joint AS (${grouped(both)(scoped)}) SELECT (SELECT sum(n) FROM joint) AS total, (SELECT sum(n * ln(n)) FROM joint) AS ab, (${marginal(sql`g0`)}) AS a, (${marginal(sql`g1`)}) AS b`;
        },
        judge: ([row]) => {
          const [total, ab, sumA, sumB] = [
            toNumber(row?.["total"]),
            toNumber(row?.["ab"]),
            toNumber(row?.["a"]),
            toNumber(row?.["b"]),
          ];
          const known = total !== null && ab !== null && sumA !== null && sumB !== null && total > 0;
          return bounded(use, known ? Math.log(total) + (ab - sumA - sumB) / total : null);
        },
      };
    },
  },
];
