import type { Table } from "../../src/api/table.ts";
import type { ContextOptions } from "../../src/index.ts";
import type { ModelRow } from "./expressions.ts";
import type { ModelChange, ModelVersion, Tracked } from "./history.ts";
import type { Random } from "./random.ts";

/** What a step is made from. */
export interface Step {
  readonly table: Table;
  readonly random: Random;
  readonly state: ModelVersion;
  /** Every version so far whose rows can still be read, the newest last. */
  readonly past: readonly ModelVersion[];
  readonly uri: string;
  readonly options: ContextOptions;
}

/** What a step should have done. */
export interface Expected {
  readonly told: string;
  readonly rows: readonly Tracked[];
  readonly columns?: readonly string[] | undefined;
  /** Rows of the feed; absent if only their effect is known, because a file stands for its rows. */
  readonly changes?: readonly ModelChange[] | undefined;
  /** Whether a commit was made, or how many; default true. */
  readonly commits?: boolean | number | undefined;
  /** Versions whose rows can be read no more. */
  readonly unreadable?: readonly number[] | undefined;
  /** What the version before this one should be, if the step made two. */
  readonly earlier?: Expected | undefined;
}

/** One operation, carried out on the table and on the model. */
export type Operation = (step: Step) => Promise<Expected>;

/** Changes of one kind, one for each row. */
export const changesOf = (type: ModelChange["type"], rows: readonly Tracked[]): ModelChange[] =>
  rows.map(({ values }) => ({ type, values }));

/** Rows with values of every column. */
export function newRows(random: Random, columns: readonly string[], count: number): ModelRow[] {
  const letter = () => random.of(["a", "b", "c", null, "d'\"`\\"]);
  const value: Readonly<Record<string, () => unknown>> = {
    id: () => (random.below(12) === 0 ? null : BigInt(random.below(40))),
    s: letter,
    p: () => random.of(["a", "b", "c", null]),
    b: () => random.of([true, false, null]),
    x: () => random.of([0.5, 1.5, 2.25, -3, null]),
    i: () => BigInt(random.below(9)),
    st: () => random.of([null, { n: BigInt(random.below(9)), w: letter() }, { n: null, w: "w" }]),
  };
  const more = () => random.of([1n, 2n, null]);
  return Array.from({ length: count }, () =>
    Object.fromEntries(columns.map((name) => [name, (value[name] ?? more)()])),
  );
}

/** Adds random rows. */
export const append: Operation = async ({ table, random, state }) => {
  const added = newRows(random, state.columns, 1 + random.below(12));
  await table.append(added);
  const rows = added.map((values): Tracked => ({ values }));
  return {
    told: `append of ${rows.length} rows`,
    rows: [...state.rows, ...rows],
    changes: changesOf("insert", rows),
  };
};
