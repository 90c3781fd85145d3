import type { JsonObject, JsonValue } from "../../src/util/json.ts";
import { generator } from "../support/generator.ts";

/** A column of a random table. */
export interface CaseColumn {
  readonly type: "long" | "double" | "string";
  readonly values: readonly (number | string | null)[];
}

/** A random table with a random check on it, in both notations. */
export interface ChecksCase {
  readonly seed: number;
  readonly columns: Readonly<Record<string, CaseColumn>>;
  readonly type: string;
  readonly kwargs: JsonObject;
  readonly params: JsonObject;
  readonly mostly?: number | undefined;
  readonly where?: string | undefined;
}

class Random {
  readonly #next: () => number;
  constructor(seed: number) {
    this.#next = generator(seed);
  }
  below(limit: number): number {
    return Math.floor(this.#next() * limit);
  }
  chance(share: number): boolean {
    return this.#next() < share;
  }
  pick<T>(items: readonly [T, ...T[]]): T {
    return items[this.below(items.length)] ?? items[0];
  }
  list<T>(length: number, make: () => T): T[] {
    return Array.from({ length }, make);
  }
}

const words = [
  "a",
  "b",
  "ab",
  "abc",
  "x1",
  "x-1",
  "10",
  "7.5",
  "2024-01-31",
  "2023-02-29",
  "[1]",
  "{",
  "Zürich",
  "",
] as const;

function columnOf(random: Random, rows: number, type: CaseColumn["type"]): CaseColumn {
  const nulls = random.pick([0, 0, 0.2, 0.5, 1]);
  const spread = random.pick([3, 8, 50]);
  const value = () => {
    if (random.chance(nulls)) return null;
    if (type === "string") return random.pick(words);
    const whole = random.below(spread) - Math.floor(spread / 4);
    return type === "long" ? whole : whole / 4;
  };
  return { type, values: random.list(rows, value) };
}

/** Makes the case of a seed. */
export function randomCase(seed: number): ChecksCase {
  const random = new Random(seed);
  const rows = random.pick([0, 1, 2, 5, 10, 30, 60]);
  const columns = {
    n: columnOf(random, rows, "long"),
    m: columnOf(random, rows, "long"),
    d: columnOf(random, rows, "double"),
    s: columnOf(random, rows, "string"),
    t: columnOf(random, rows, "string"),
  };
  const { type, params, kwargs, isRow } = random.pick(makers)(random, columns);
  const mostly = isRow && random.chance(0.4) ? random.pick([0, 0.25, 0.5, 0.8, 0.9]) : undefined;
  const isOfRows = !/column_count|columns_to_match|column_to_exist/.test(type);
  const condition =
    isOfRows && random.chance(0.2) ? `n ${random.pick([">", "<=", "=="])} ${random.below(4)}` : undefined;
  return {
    seed,
    columns,
    type,
    params,
    kwargs: {
      ...(kwargs ?? params),
      ...(mostly === undefined ? {} : { mostly }),
      ...(condition === undefined ? {} : { row_condition: condition, condition_parser: "pandas" }),
    },
    mostly,
    where: condition?.replace("==", "="),
  };
}

interface Made {
  readonly type: string;
  readonly params: JsonObject;
  /** The parameters in Great Expectations' notation, where it is another. */
  readonly kwargs?: JsonObject | undefined;
  readonly isRow: boolean;
}

type Maker = (random: Random, columns: Readonly<Record<string, CaseColumn>>) => Made;

const anyColumn = (random: Random): string => random.pick(["n", "m", "d", "s", "t"]);
const numeric = (random: Random): string => random.pick(["n", "m", "d"]);
const textual = (random: Random): string => random.pick(["s", "t"]);

const row = (type: string, params: JsonObject): Made => ({
  type: `expect_column_${type}`,
  params,
  isRow: true,
});
const batch = (type: string, params: JsonObject, kwargs?: JsonObject): Made => ({
  type: `expect_${type}`,
  params,
  kwargs,
  isRow: false,
});

function bounds(random: Random, make: () => JsonValue, both = 0.6, strict = 0.3): JsonObject {
  const [low, high] = [make(), make()].sort((a, b) => (a === b ? 0 : (a ?? 0) < (b ?? 0) ? -1 : 1));
  const isBoth = low !== high && random.chance(both);
  const lower = isBoth || random.chance(0.5);
  return {
    ...(lower ? { min_value: low ?? 0 } : {}),
    ...(isBoth || !lower ? { max_value: high ?? 0 } : {}),
    ...(random.chance(strict) ? { [lower && !isBoth ? "strict_min" : "strict_max"]: true } : {}),
  };
}

const half = (random: Random) => () => (random.below(24) - 6) / 2;
const share = (random: Random) => () => random.below(5) / 4;
const count = (random: Random) => () => random.below(20);

function setOf(random: Random, column: CaseColumn | undefined): JsonValue[] {
  const { values, type } = column ?? { values: [], type: "long" };
  const isText = type === "string";
  const present = values.filter((value) => value !== null);
  const some = present.filter(() => random.chance(0.6)).slice(0, 5);
  const strange = isText ? ["zz"] : [99];
  return [...new Set([...some, ...(random.chance(0.3) || some.length === 0 ? strange : [])])];
}

const regexes = ["^a", "b$", "[0-9]+", "^$", "a.?c", "(a|x)1?", "^[a-z]+$", "-"] as const;
const ignorePair = ["both_values_are_missing", "either_value_is_missing", "neither"] as const;
const ignoreList = ["all_values_are_missing", "any_value_is_missing", "never"] as const;

function columnSet(random: Random): string[] {
  const names = ["n", "m", "d", "s", "t"].filter(() => random.chance(0.9));
  return random.chance(0.3) ? [...names, "other"] : names;
}

function divergenceOf(random: Random, columns: Readonly<Record<string, CaseColumn>>): Made {
  const isNumeric = random.chance(0.6);
  const column = isNumeric ? "d" : "s";
  const values = setOf(random, columns["s"]);
  const size = isNumeric ? 3 : values.length;
  const parts = random.list(size, () => 1 + random.below(4));
  const total = parts.reduce((sum, part) => sum + part, 0);
  const weights = parts.map((part) => part / total);
  return batch("column_kl_divergence_to_be_less_than", {
    column,
    partition_object: isNumeric ? { bins: [-5, 0, 2, 12], weights } : { values, weights },
    threshold: random.below(8) / 8,
    ...(random.chance(0.5) ? { tail_weight_holdout: 0.125 } : {}),
  });
}

function quantilesOf(random: Random): Made {
  const quantiles = random.list(1 + random.below(3), () => random.below(9) / 8);
  const ranges = quantiles.map(() => {
    const low = random.below(10) - 3;
    return [random.chance(0.2) ? null : low, random.chance(0.2) ? null : low + random.below(6)];
  });
  const column = numeric(random);
  return batch(
    "column_quantile_values_to_be_between",
    { column, quantiles, value_ranges: ranges },
    { column, quantile_ranges: { quantiles, value_ranges: ranges } },
  );
}

const makers: readonly [Maker, ...Maker[]] = [
  (random) => row("values_to_be_between", { column: numeric(random), ...bounds(random, half(random)) }),
  (random, columns) => {
    const column = anyColumn(random);
    return row(`values_to_${random.pick(["", "not_"])}be_in_set`, {
      column,
      value_set: setOf(random, columns[column]),
    });
  },
  (random) => row(`values_to_${random.pick(["", "not_"])}be_null`, { column: anyColumn(random) }),
  (random) => row("values_to_be_unique", { column: anyColumn(random) }),
  (random) =>
    row(`values_to_be_${random.pick(["increasing", "decreasing"])}`, {
      column: numeric(random),
      ...(random.chance(0.5) ? { strictly: true } : {}),
    }),
  (random) =>
    row("value_lengths_to_be_between", { column: textual(random), ...bounds(random, count(random)) }),
  (random) => row("value_lengths_to_equal", { column: textual(random), value: random.below(5) }),
  (random) =>
    row(`values_to_${random.pick(["", "not_"])}match_regex`, {
      column: textual(random),
      regex: random.pick(regexes),
    }),
  (random) =>
    row("values_to_match_regex_list", {
      column: textual(random),
      regex_list: random.list(1 + random.below(2), () => random.pick(regexes)),
      match_on: random.pick(["any", "all"]),
    }),
  (random) =>
    row("values_to_not_match_regex_list", { column: textual(random), regex_list: [random.pick(regexes)] }),
  (random) =>
    row("values_to_match_strftime_format", { column: textual(random), strftime_format: "%Y-%m-%d" }),
  (random) => row("values_to_be_json_parseable", { column: textual(random) }),
  (random) =>
    row("value_z_scores_to_be_less_than", {
      column: numeric(random),
      threshold: 1 + random.below(3) / 2,
      double_sided: random.chance(0.5),
    }),
  (random) =>
    row("pair_values_to_be_equal", {
      column_A: "n",
      column_B: random.pick(["m", "d"]),
      ignore_row_if: random.pick(ignorePair),
    }),
  (random) =>
    row("pair_values_a_to_be_greater_than_b", {
      column_A: "n",
      column_B: random.pick(["m", "d"]),
      or_equal: random.chance(0.5),
      ignore_row_if: random.pick(ignorePair),
    }),
  (random) =>
    row("pair_values_to_be_in_set", {
      column_A: "n",
      column_B: "m",
      value_pairs_set: random.list(8, () => [random.below(4) - 1, random.below(4) - 1]),
      ignore_row_if: random.pick(ignorePair),
    }),
  (random) => ({
    type: "expect_compound_columns_to_be_unique",
    params: {
      column_list: random.pick<string[]>([
        ["n", "s"],
        ["n", "m"],
        ["s", "t", "d"],
      ]),
      ignore_row_if: random.pick(ignoreList),
    },
    isRow: true,
  }),
  (random) => ({
    type: "expect_multicolumn_sum_to_equal",
    params: {
      column_list: random.pick<string[]>([
        ["n", "m"],
        ["n", "d"],
        ["n", "m", "d"],
      ]),
      sum_total: random.below(6),
      ignore_row_if: random.pick(ignoreList),
    },
    isRow: true,
  }),
  (random) => ({
    type: "expect_select_column_values_to_be_unique_within_record",
    params: {
      column_list: random.pick<string[]>([
        ["n", "m"],
        ["n", "m", "d"],
        ["s", "t"],
      ]),
      ignore_row_if: random.pick(ignoreList),
    },
    isRow: true,
  }),
  ...(["mean", "median", "sum", "min", "max", "stdev"] as const).map(
    (measure): Maker =>
      (random) =>
        batch(`column_${measure}_to_be_between`, {
          column: numeric(random),
          ...bounds(random, half(random)),
        }),
  ),
  (random) =>
    batch("column_proportion_of_unique_values_to_be_between", {
      column: anyColumn(random),
      ...bounds(random, share(random)),
    }),
  (random) =>
    batch("column_unique_value_count_to_be_between", {
      column: anyColumn(random),
      ...bounds(random, count(random)),
    }),
  (random, columns) => {
    const column = anyColumn(random);
    return batch(`column_distinct_values_to_${random.pick(["be_in", "contain", "equal"])}_set`, {
      column,
      value_set: setOf(random, columns[column]),
    });
  },
  (random, columns) => {
    const column = anyColumn(random);
    return batch("column_most_common_value_to_be_in_set", {
      column,
      value_set: setOf(random, columns[column]),
      ...(random.chance(0.5) ? { ties_okay: true } : {}),
    });
  },
  divergenceOf,
  quantilesOf,
  (random) => batch("table_row_count_to_be_between", bounds(random, count(random))),
  (random) => batch("table_row_count_to_equal", { value: random.pick([0, 1, 2, 5, 10]) }),
  (random) => batch("table_column_count_to_be_between", bounds(random, count(random), 0.6, 0)),
  (random) =>
    batch("table_columns_to_match_set", { column_set: columnSet(random), exact_match: random.chance(0.7) }),
  (random) => batch("table_columns_to_match_ordered_list", { column_list: columnSet(random) }),
  (random) =>
    batch("column_to_exist", {
      column: random.pick(["n", "s", "other"]),
      ...(random.chance(0.5) ? { column_index: random.pick([0, 3]) } : {}),
    }),
];
