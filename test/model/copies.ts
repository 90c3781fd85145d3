import { expect } from "vitest";
import { openTable } from "../../src/api/open-table.ts";
import { type Condition, condition } from "./expressions.ts";
import { rowsAt, textsOf } from "./history.ts";
import { changesOf, type Expected, newRows, type Operation } from "./step.ts";

/** A copy has the rows of the version, and writing to it changes nothing here. */
export const clone: Operation = async ({ table, random, state, past, uri: source, options }) => {
  const deep = random.below(2) === 0;
  const target = random.of(past);
  const uri = `${source}-${target.version}-${past.length}-${random.below(1_000_000)}`;
  await table.clone(uri, { deep, version: target.version });
  const copy = await openTable(uri, options);
  try {
    expect(await rowsAt(copy, target.columns), "the clone").toEqual(textsOf(target));
    await copy.delete("id % 2 = 0");
    await copy.append(newRows(random, target.columns, 2));
    const kept = target.rows.filter(({ values: { id } }) => id === null || (id as bigint) % 2n !== 0n);
    expect((await rowsAt(copy, target.columns)).length, "the changed clone").toBe(kept.length + 2);
  } finally {
    await copy.close();
  }
  return {
    told: `${deep ? "deep" : "shallow"} clone of ${target.version}`,
    rows: state.rows,
    commits: false,
  };
};

/** Two writers that start from one version, and delete different rows. */
export const twoDeletions: Operation = async (step) => {
  const { table, random, state, uri, options } = step;
  const mine = condition(random, state.columns);
  const other = condition(random, state.columns);
  const theirs: Condition = {
    sql: `(${other.sql}) AND (${mine.sql}) IS DISTINCT FROM TRUE`,
    of: (row) => (mine.of(row) === true ? false : other.of(row)),
  };
  const goneFirst = state.rows.filter(({ values }) => mine.of(values) === true);
  const goneThen = state.rows.filter(({ values }) => theirs.of(values) === true);
  const second = await openTable(uri, options);
  try {
    const settled = await Promise.allSettled([table.delete(mine.sql), second.delete(theirs.sql)]);
    const done = settled.flatMap((outcome, index) => {
      if (outcome.status === "fulfilled")
        return outcome.value.outcome === "committed"
          ? [{ version: outcome.value.version, gone: index === 0 ? goneFirst : goneThen }]
          : [];
      expect(outcome.reason).toMatchObject({ code: expect.stringMatching(/^CONFLICT_/) });
      return [];
    });
    const told = `delete where ${mine.sql}, beside delete where ${theirs.sql}`;
    done.sort((a, b) => a.version - b.version);
    let expected: Expected = { told, rows: state.rows, commits: false };
    for (const { gone } of done)
      expected = {
        told,
        rows: expected.rows.filter((row) => !gone.includes(row)),
        changes: changesOf("delete", gone),
        earlier: expected.commits === false ? undefined : expected,
      };
    expect(done.length > 0 || goneFirst.length + goneThen.length === 0, "one of two writers wins").toBe(true);
    await table.refresh();
    return expected;
  } finally {
    await second.close();
  }
};
