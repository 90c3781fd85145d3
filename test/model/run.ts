import { expect } from "vitest";
import { createTable } from "../../src/api/create-table.ts";
import { openTable } from "../../src/api/open-table.ts";
import type { Table } from "../../src/api/table.ts";
import type { ContextOptions } from "../../src/index.ts";
import { schema } from "../../src/schema/builder.ts";
import type { StructType } from "../../src/schema/types.ts";
import {
  feedOf,
  type ModelChange,
  type ModelVersion,
  rowsAt,
  textOf,
  textsOf,
  withRowIds,
} from "./history.ts";
import { operations } from "./operations.ts";
import { type Random, seeded } from "./random.ts";
import type { Expected } from "./step.ts";

/** A table of random columns and properties. */
interface Made {
  readonly table: Table;
  readonly columns: readonly string[];
  readonly feeds: boolean;
  readonly tracksRows: boolean;
}

const flag = "true";

async function make(uri: string, random: Random, options: ContextOptions): Promise<Made> {
  const parts = schema().long("n").string("w").build();
  const own: Readonly<Record<string, (before: ReturnType<typeof schema>) => ReturnType<typeof schema>>> = {
    s: (before) => before.string("s"),
    p: (before) => before.string("p"),
    b: (before) => before.boolean("b"),
    x: (before) => before.double("x"),
    i: (before) => before.integer("i"),
    st: (before) => before.struct("st", parts),
  };
  const columns = ["id", ...Object.keys(own).filter(() => random.below(3) > 0)];
  let built = schema().long("id");
  for (const name of columns) built = own[name]?.(built) ?? built;
  const feeds = random.below(2) === 0;
  const tracksRows = random.below(2) === 0;
  const properties: Record<string, string> = {};
  if (feeds) properties["delta.enableChangeDataFeed"] = flag;
  if (tracksRows) properties["delta.enableRowTracking"] = flag;
  if (random.below(2) === 0) properties["delta.enableDeletionVectors"] = flag;
  if (random.below(3) === 0) properties["delta.columnMapping.mode"] = "name";
  if (random.below(4) === 0) properties["delta.enableInCommitTimestamps"] = flag;
  if (random.below(3) === 0) properties["delta.checkpointInterval"] = "3";
  const partitionBy = columns.includes("p") && random.below(2) === 0 ? ["p"] : [];
  const definition: StructType = built.build();
  const table = await createTable(uri, { ...options, schema: definition, properties, partitionBy });
  return { table, columns, feeds, tracksRows };
}

/**
 * Carries out random operations on a table and on a model of it in memory, and holds one against the other after
 * each: rows, change feed, row ids, number of versions; and at the end every version that there was.
 */
export async function runModel(
  uri: string,
  {
    seed,
    steps,
    options = {},
  }: { readonly seed: number; readonly steps: number; readonly options?: ContextOptions },
): Promise<void> {
  const random = seeded(seed);
  const made = await make(uri, random, options);
  let { table } = made;
  const past: ModelVersion[] = [{ version: 0, columns: made.columns, rows: [] }];
  const unreadable = new Set<number>();
  const log: string[] = [];
  try {
    for (let step = 0; step < steps; step++) {
      const [state] = past.slice(-1);
      if (state === undefined) throw new Error("a model without versions");
      const readable = past.filter(({ version }) => !unreadable.has(version));
      const expected = await random.of(operations)({
        table,
        random,
        state,
        past: readable,
        uri,
        options,
      });
      log.push(expected.told);
      for (const version of expected.unreadable ?? []) unreadable.add(version);
      const { earlier } = expected;
      const before = earlier === undefined ? state : await heldEarlier(made, table, state, earlier);
      if (before !== state) past.push(before);
      const next = await held(made, table, before, expected);
      if (next !== undefined)
        for (let version = before.version + 1; version <= next.version; version++)
          past.push({ ...next, version });
      if (random.below(4) > 0) continue;
      await table.close();
      table = await openTable(uri, options);
    }
    for (const state of past) {
      const rows = rowsAt(await table.at(state.version), state.columns);
      // Files of S3 that were read before may still lie in the cache.
      if (unreadable.has(state.version) && uri.startsWith("s3:")) await rows.catch(() => undefined);
      else if (unreadable.has(state.version))
        await expect(rows, `version ${state.version}`).rejects.toMatchObject({ code: "DATA_FILE_MISSING" });
      else expect(await rows, `version ${state.version}`).toEqual(textsOf(state));
    }
    expect((await table.history()).map(({ version }) => version).reverse()).toEqual(
      past.map(({ version }) => version),
    );
  } catch (error) {
    const story = log.map((told, index) => `${index + 1}. ${told}`).join("\n");
    throw new Error(`seed ${seed}, after\n${story}`, { cause: error });
  } finally {
    await table.close();
  }
}

/** Holds the table against what a step should have done; returns the new version. */
async function held(
  { feeds, tracksRows }: Made,
  table: Table,
  state: ModelVersion,
  { rows, columns = state.columns, changes, commits = true }: Expected,
): Promise<ModelVersion | undefined> {
  const { version } = table.snapshot();
  expect(version, "the version after the step").toBe(state.version + Number(commits));
  let next: ModelVersion = { version, columns, rows };
  expect(await rowsAt(table, columns)).toEqual(textsOf(next));
  if (version === state.version) return undefined;
  if (tracksRows) next = await withRowIds(table, next);
  if (!feeds) return next;
  if (changes !== undefined)
    expect(await feedOf(table, version, columns)).toEqual(feedTexts(changes, columns));
  else {
    // A column that a restore brings back has its values again in files that stay, which is no change of rows.
    const both = columns.filter((name) => state.columns.includes(name));
    const feed = await feedOf(table, version, both);
    expect(effectOf(feed, state, both)).toEqual(textsOf({ ...next, columns: both }));
  }
  return next;
}

/** Holds the version before the newest one against the first of two commits that a step made. */
async function heldEarlier(
  { feeds }: Made,
  table: Table,
  { version: last, columns }: ModelVersion,
  { rows, changes = [] }: Expected,
): Promise<ModelVersion> {
  const version = last + 1;
  const before = { version, columns, rows };
  expect(await rowsAt(await table.at(version), columns)).toEqual(textsOf(before));
  if (feeds) expect(await feedOf(table, version, columns)).toEqual(feedTexts(changes, columns));
  return before;
}

/** Changes as {@link feedOf} gives them. */
function feedTexts(changes: readonly ModelChange[], columns: readonly string[]): string[] {
  return changes.map(({ type, values }) => `${type} ${textOf(values, columns)}`).sort();
}

/** The rows that a feed of insertions and deletions makes of a version. */
function effectOf(feed: readonly string[], state: ModelVersion, columns: readonly string[]): string[] {
  const rows = state.rows.map(({ values }) => textOf(values, columns));
  for (const line of feed) if (line.startsWith("insert ")) rows.push(line.slice("insert ".length));
  for (const line of feed) {
    if (!line.startsWith("delete ")) continue;
    const index = rows.indexOf(line.slice("delete ".length));
    expect(index, `a deleted row that was there: ${line}`).toBeGreaterThanOrEqual(0);
    rows.splice(index, 1);
  }
  return rows.sort();
}
