import { joinSql, type SqlExpression, sql } from "../../sql/sql.ts";
import type {
  AggregateValues,
  CheckUse,
  ColumnUse,
  Expectation,
  Judgement,
  KeysPlan,
  Position,
  Proof,
} from "../model/expectation.ts";
import { thisTable, toNumber } from "../model/expectation.ts";
import { boundsText, flag, type ParamSpec, text, texts } from "../model/params.ts";
import {
  columnParam,
  columnsParam,
  countLimits,
  type Limits,
  nulls,
  numericBounds,
  observedNumber,
  ordered,
  refuseBounds,
  shareLimits,
  withinBounds,
} from "./common.ts";

const keep: ParamSpec = {
  type: "enum",
  values: ["none", "first"],
  about: "none (default: all rows of a duplicate fail) or first (the first row passes)",
};
const acrossTable: ParamSpec = {
  type: "boolean",
  about: "true to compare with the rows of the table too",
};
const uniqueOptions = { keep, across_table: acrossTable };

interface KeyRules {
  readonly columns: readonly ColumnUse[];
  /** Rows left out of the comparison. */
  readonly missing: SqlExpression;
  /** Keys that fail even when they occur once. */
  readonly alwaysFails?: SqlExpression | undefined;
}

function uniqueKeys(use: CheckUse, rules: KeyRules): KeysPlan {
  const keepFirst = text(use.check.params, "keep") === "first";
  const acrossTable = flag(use.check.params, "across_table");
  const keys = rules.columns.map((column) => column.sql);
  return {
    kind: "keys",
    keys,
    missing: rules.missing,
    keepFirst,
    shows: rules.columns,
    ...(acrossTable ? { tables: [thisTable] } : uniqueProofs(rules)),
    failing: (scoped, relations, position) => {
      const { names } = position;
      const { group, existing, fails, firstPosition } = names;
      const aliases = keys.map((_, index) => names.key(index));
      const table = acrossTable ? relations(thisTable) : undefined;
      const groups = sql`SELECT ${keys.map((key, index) => sql`${key} AS ${names.key(index)}`)}, count(*) AS ${group}${firstOf(keepFirst, position)} FROM ${scoped} WHERE NOT ${rules.missing} GROUP BY ${joinSql(aliases)}`;
      const same = joinSql(
        rules.columns.map(
          (column, index) => sql`held.${column.sql} IS NOT DISTINCT FROM batch.${names.key(index)}`,
        ),
        sql` AND `,
      );
      const known =
        table === undefined ? sql`false` : sql`EXISTS (SELECT 1 FROM (${table}) AS held WHERE ${same})`;
      const nullParts = aliases.map((alias) => sql`${alias} IS NULL`);
      const always = rules.alwaysFails === undefined ? sql`false` : joinSql(nullParts, sql` OR `);
      // if the table has a key, the batch has no first row of it to keep
      const first = keepFirst
        ? sql`, CASE WHEN ${existing} OR ${fails} THEN NULL ELSE ${firstPosition} END AS ${firstPosition}`
        : sql``;
      const rows = keepFirst
        ? sql`CASE WHEN ${existing} OR ${fails} THEN ${group} ELSE ${group} - 1 END`
        : group;
      return sql`SELECT ${joinSql(aliases)}, ${rows} AS ${names.rows}${first} FROM (SELECT *, ${known} AS ${existing}, (${always}) AS ${fails} FROM (${groups}) AS batch) WHERE ${group} > 1 OR ${existing} OR ${fails}`;
    },
  };
}

function firstOf(keepFirst: boolean, position: Position): SqlExpression {
  const place = sql`{file: coalesce(${position.file}, ''), row: ${position.row}}`;
  return keepFirst ? sql`, min(${place}) AS ${position.names.firstPosition}` : sql``;
}

/** Bits that a map of the seen integers may take, for each thread of the engine. */
const mapBits = 2 ** 29;

/**
 * Proofs that all keys differ, cheapest first: their bit map has as many bits set as there are keys, they
 * rise strictly, no two hashes are equal.
 */
function uniqueProofs(rules: KeyRules): Pick<KeysPlan, "countProof" | "proofs"> {
  if (rules.alwaysFails !== undefined) return {};
  const hashes: Proof = async (scoped, ask) => {
    const keys = joinSql(rules.columns.map((column) => column.sql));
    return (
      (
        await ask(
          sql`SELECT count(DISTINCT hash(${keys})) = count(*) AS proven FROM ${scoped} WHERE NOT ${rules.missing}`,
        )
      )["proven"] === true
    );
  };
  const [only] = rules.columns;
  if (only === undefined || rules.columns.length !== 1) return { proofs: [hashes] };
  // Comparing each key with the one before it keeps one processor busy and the others idle.
  return {
    countProof: only.class === "integer" ? bitMapProof(only.sql) : undefined,
    proofs: [risingProof(only.sql), hashes],
  };
}

/** All rows are tested only if the first few rise. */
function risingProof(key: SqlExpression): Proof {
  const rising = (rows: SqlExpression) =>
    sql`SELECT coalesce(bool_and(coalesce(k > p, false)), true) AS proven FROM (SELECT k, lag(k) OVER () AS p, row_number() OVER () AS n FROM (SELECT ${key} AS k FROM ${rows})) WHERE n > 1`;
  return async (scoped, ask) =>
    (await ask(rising(sql`${scoped} LIMIT 4096`)))["proven"] === true &&
    (await ask(rising(scoped)))["proven"] === true;
}

/**
 * A map with one bit for each integer between the smallest and the largest key, if that range is not much
 * larger than the number of keys.
 */
function bitMapProof(key: SqlExpression): NonNullable<KeysPlan["countProof"]> {
  return async (scoped, ask) => {
    const { low, high, present } = await ask(
      sql`SELECT min(${key}) AS low, max(${key}) AS high, count(${key}) AS present FROM ${scoped}`,
    );
    if (low === null || high === null || low === undefined || high === undefined)
      return { sql: sql`true`, bits: 0 };
    const width = Number(high) - Number(low) + 1;
    if (
      !(width <= mapBits && width <= 256 * (toNumber(present) ?? 0)) ||
      !Number.isSafeInteger(Number(low)) ||
      !Number.isSafeInteger(Number(high))
    )
      return undefined;
    const set = sql`bit_count(bitstring_agg(CAST(${key} AS BIGINT), CAST(${Number(low)} AS BIGINT), CAST(${Number(high)} AS BIGINT)))`;
    return { sql: sql`(${set} = count(${key}))`, bits: width };
  };
}

const listIgnore: ParamSpec = {
  type: "enum",
  values: ["all_values_are_missing", "any_value_is_missing", "never"],
  about: "which rows to ignore: all_values_are_missing (default), any_value_is_missing or never",
};

/**
 * Sizes of groups of equal keys. Rows that are null in all grouping columns are left out, and partial nulls
 * form groups.
 */
function groupSizes(use: CheckUse, judge: (sizes: GroupSizes) => number | null) {
  const columns = use.columnList("column_list");
  const keys = joinSql(columns.map((column) => column.sql));
  return {
    kind: "query" as const,
    query: (scoped: SqlExpression) =>
      sql`SELECT count(*) AS groups, ${use.dialect.countIf(sql`size = 1`)} AS singles, coalesce(sum(size), 0) AS row_count, coalesce(sum(CASE WHEN size > 1 THEN size END), 0) AS repeated FROM (SELECT count(*) AS size FROM ${scoped} WHERE NOT ${nulls(columns, "all")} GROUP BY ${keys})`,
    judge: ([row]: readonly AggregateValues[]): Judgement => {
      const read = (name: string) => toNumber(row?.[name]) ?? 0;
      const observed = judge({
        groups: read("groups"),
        singles: read("singles"),
        rows: read("row_count"),
        repeated: read("repeated"),
      });
      return { success: withinBounds(observed, use.check.params), observed: observedNumber(observed) };
    },
  };
}

interface GroupSizes {
  readonly groups: number;
  readonly singles: number;
  readonly rows: number;
  readonly repeated: number;
}

const share = (part: number, whole: number): number | null => (whole === 0 ? null : part / whole);

function ratio(
  name: string,
  limits: Limits,
  summary: string,
  judge: (sizes: GroupSizes) => number | null,
): Expectation {
  return {
    kind: `expect_columns_${name}_to_be_between`,
    level: "aggregate",
    summary,
    params: { column_list: columnsParam, ...numericBounds },
    refuse: refuseBounds(false, limits),
    message: (params) =>
      `${name.replaceAll("_", " ")} of ${texts(params, "column_list").join(", ")} must be ${boundsText(params)}`,
    plan: (use) => groupSizes(use, judge),
  };
}

/**
 * Checks of uniqueness, which compare rows with each other. Rows whose key is null in every column are left
 * out; partly null keys are keys.
 */
export const uniqueness: readonly Expectation[] = [
  {
    kind: "expect_column_values_to_be_unique",
    level: "group",
    summary:
      "No value occurs twice. All rows of a duplicate value fail, or all but the first with `keep: first`; nulls are ignored.",
    params: { column: columnParam, ...uniqueOptions },
    message: (params) => `${text(params, "column")} must be unique`,
    plan: (use) => {
      const column = use.column("column", [...ordered, "binary"]);
      return uniqueKeys(use, { columns: [column], missing: sql`(${column.sql} IS NULL)` });
    },
  },
  {
    kind: "expect_compound_columns_to_be_unique",
    level: "group",
    summary: "No combination of values occurs twice.",
    params: { column_list: columnsParam, ...uniqueOptions, ignore_row_if: listIgnore },
    message: (params) => `(${texts(params, "column_list").join(", ")}) must be unique`,
    plan: (use) => {
      const columns = use.columnList("column_list", [...ordered, "binary"]);
      const how = text(use.check.params, "ignore_row_if");
      const missing =
        how === "never" ? sql`(false)` : nulls(columns, how === "any_value_is_missing" ? "any" : "all");
      return uniqueKeys(use, { columns, missing });
    },
  },
  {
    kind: "expect_columns_to_be_primary_key",
    level: "group",
    summary: "No combination of values occurs twice, and none contains a null.",
    params: { column_list: columnsParam, ...uniqueOptions },
    message: (params) => `(${texts(params, "column_list").join(", ")}) must be unique and not null`,
    plan: (use) => {
      const columns = use.columnList("column_list", [...ordered, "binary"]);
      return uniqueKeys(use, { columns, missing: sql`(false)`, alwaysFails: nulls(columns, "any") });
    },
  },
  ratio(
    "uniqueness",
    shareLimits,
    "The share of rows whose key occurs once is within the bounds.",
    ({ singles, rows }) => share(singles, rows),
  ),
  ratio(
    "distinctness",
    shareLimits,
    "The number of distinct keys divided by the number of rows is within the bounds.",
    ({ groups, rows }) => share(groups, rows),
  ),
  ratio(
    "unique_value_ratio",
    shareLimits,
    "The share of distinct keys that occur once is within the bounds.",
    ({ singles, groups }) => share(singles, groups),
  ),
  ratio(
    "distinct_count",
    countLimits,
    "The number of distinct keys is within the bounds.",
    ({ groups }) => groups,
  ),
  ratio(
    "duplicate_row_count",
    countLimits,
    "The number of rows whose key occurs more than once is within the bounds.",
    ({ repeated }) => repeated,
  ),
  {
    kind: "expect_column_unique_value_count_to_be_between",
    level: "aggregate",
    summary: "The number of distinct values is within the bounds; nulls are ignored.",
    params: { column: columnParam, ...numericBounds },
    refuse: refuseBounds(false, countLimits),
    message: (params) =>
      `number of distinct values of ${text(params, "column")} must be ${boundsText(params)}`,
    plan: (use) => ({
      kind: "aggregate",
      aggregates: { distinct: sql`count(DISTINCT ${use.column("column").sql})` },
      judge: ({ distinct }) => ({
        success: withinBounds(toNumber(distinct), use.check.params),
        observed: toNumber(distinct),
      }),
    }),
  },
  {
    kind: "expect_column_proportion_of_unique_values_to_be_between",
    level: "aggregate",
    summary:
      "The number of distinct values divided by the number of values is within the bounds (Deequ's Distinctness, not its Uniqueness).",
    params: { column: columnParam, ...numericBounds },
    refuse: refuseBounds(false, shareLimits),
    message: (params) =>
      `share of distinct values of ${text(params, "column")} must be ${boundsText(params)}`,
    plan: (use) => {
      const column = use.column("column");
      return {
        kind: "aggregate",
        aggregates: { distinct: sql`count(DISTINCT ${column.sql})`, present: sql`count(${column.sql})` },
        judge: ({ distinct, present }) => {
          const observed = share(toNumber(distinct) ?? 0, toNumber(present) ?? 0);
          return { success: withinBounds(observed, use.check.params), observed };
        },
      };
    },
  },
];
