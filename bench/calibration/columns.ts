import type { ValueClass } from "../../src/drift/profile/leaves.ts";

/** Stands for null among the values of a column, which has no infinities. */
export const missing = Number.NEGATIVE_INFINITY;

/** A column whose values a generator draws; categories are drawn as their numbers. */
export interface SampledColumn {
  readonly name: string;
  readonly class: Extract<ValueClass, "number" | "text" | "boolean" | "time">;
  readonly draw: (random: () => number) => number;
}

/** Twenty columns of mixed kinds. */
export const mixedColumns: readonly SampledColumn[] = [
  number("normal", normal),
  number("lognormal", (random) => Math.exp(normal(random))),
  number("uniform", (random) => random()),
  number("pareto", (random) => (1 - random()) ** (-1 / 1.5)),
  number("normal, 20 % null", nullable(0.2, normal)),
  number("normal, 4 % NaN", (random) => (random() < 0.04 ? Number.NaN : normal(random))),
  number("rounded", (random) => Math.round(normal(random) * 10) / 10),
  number("60 % zero", (random) => (random() < 0.6 ? 0 : exponential(random))),
  number(
    "30 % zero, 10 % null",
    nullable(0.1, (random) => (random() < 0.3 ? 0 : exponential(random))),
  ),
  number("seven values", (random) => Math.floor(7 * random() ** 2)),
  number("thousand values", (random) => Math.floor(1_000 * random())),
  number("geometric", (random) => Math.floor(exponential(random) * 6)),
  text("four even", (random) => Math.floor(4 * random())),
  text("twelve skewed", (random) => Math.floor(12 * random() ** 3)),
  text("long tail", zipf(300)),
  text("sixty even", (random) => Math.floor(60 * random())),
  text(
    "five, 15 % null",
    nullable(0.15, (random) => Math.floor(5 * random() ** 2)),
  ),
  flag("half", 0.5),
  flag("rare", 0.02),
  { name: "time", class: "time", draw: time },
];

/** Values of a column. */
export function drawn({ draw }: SampledColumn, rows: number, random: () => number): Float64Array {
  const values = new Float64Array(rows);
  for (let row = 0; row < rows; row++) values[row] = draw(random);
  return values;
}

/** A value as rows that are written have it. */
export function rowValue(
  { class: kind }: SampledColumn,
  value: number,
): number | string | boolean | Date | null {
  if (value === missing) return null;
  if (kind === "text") return textOf(value);
  if (kind === "boolean") return value === 1;
  return kind === "time" ? new Date(value / 1_000) : value;
}

/** The text of a category. */
export function textOf(value: number): string {
  return `v${String(value).padStart(4, "0")}`;
}

function number(name: string, draw: SampledColumn["draw"]): SampledColumn {
  return { name, class: "number", draw };
}

function text(name: string, draw: SampledColumn["draw"]): SampledColumn {
  return { name, class: "text", draw };
}

function flag(name: string, share: number): SampledColumn {
  const draw = (random: () => number) => (random() < share ? 1 : 0);
  return { name, class: "boolean", draw };
}

function nullable(share: number, draw: SampledColumn["draw"]): SampledColumn["draw"] {
  return (random) => (random() < share ? missing : draw(random));
}

/** By Box and Muller. */
function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

function exponential(random: () => number): number {
  return -Math.log(1 - random());
}

/** Numbers from 0, of which the k-th has the weight 1 / (k + 1). */
function zipf(values: number): SampledColumn["draw"] {
  const ends = new Float64Array(values);
  let sum = 0;
  for (let value = 0; value < values; value++) {
    sum += 1 / (value + 1);
    ends[value] = sum;
  }
  return (random) => {
    const place = random() * sum;
    let [low, high] = [0, values - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((ends[middle] ?? 0) > place) high = middle;
      else low = middle + 1;
    }
    return low;
  };
}

const day = 86_400_000_000;

/** Microseconds in the four years from 2020 on, more of them in the afternoon. */
function time(random: () => number): number {
  const date = Math.floor(random() * 1_461);
  const hour = Math.floor(24 * random() ** 0.7);
  return Date.UTC(2020, 0, 1) * 1_000 + date * day + hour * (day / 24);
}
