import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { OpenSession, StagedRelation } from "../../src/engine/core/contract.ts";
import { duckdbEngine } from "../../src/engine/session/session.ts";
import { evaluateGate } from "../../src/quality/gate/gate.ts";
import type { GateOutcome } from "../../src/quality/gate/verdict.ts";
import { check, suite } from "../../src/quality/suite/builder.ts";
import type { BuiltCheck } from "../../src/quality/suite/built-check.ts";
import { fenceOf } from "../support/fence-of.ts";
import { unchecked } from "../support/unchecked-sql.ts";

let session: OpenSession;

beforeAll(async () => {
  session = await duckdbEngine.open({ threads: 2 });
});

afterAll(() => session.close());

/** Rows with the column `x`. */
const numbers = (values: readonly (number | null)[]): Promise<StagedRelation> =>
  session.stage(
    { kind: "rows", rows: values.map((x) => ({ x })) },
    { columns: [{ name: "x", type: "BIGINT" }] },
  );

async function judged(
  values: readonly (number | null)[],
  checks: readonly BuiltCheck[],
  maxBadShare = 1,
): Promise<GateOutcome> {
  return evaluateGate(session, suite("borders", checks, { maxBadShare }), await numbers(values), {
    now: 0,
    fence: fenceOf(session),
  });
}

/** As many rows, of which the first `bad` are negative. */
const rows = (count: number, bad: number) => Array.from({ length: count }, (_, at) => (at < bad ? -1 : at));

describe("a share of rows", () => {
  it.each([
    [1000, 2, 0.999, false],
    [1000, 1, 0.999, true],
    [1000, 6, 0.995, false],
    [1000, 5, 0.995, true],
    [10, 3, 0.7, true],
    [10, 1, 0.9, true],
    [3, 1, 0.6667, false],
    [3, 1, 0.6666, true],
  ])("of %i rows, %i bad, is held to mostly %f exactly: success %s", async (count, bad, mostly, success) => {
    const verdict = await judged(rows(count, bad), [check.between("x", { min: 0 }, { mostly })]);
    expect(verdict.checks[0]).toMatchObject({ considered: count, unexpected: bad, success });
    expect(verdict.accepted).toBe(success);
  });

  it.each([
    [4, 1, 0.25, "warn"],
    [4, 2, 0.25, "reject"],
    [10, 1, 0.1, "warn"],
    [10, 3, 0.3, "warn"],
    [1000, 4, 0.003, "reject"],
    [1000, 3, 0.003, "warn"],
  ] as const)(
    "of %i rows, %i bad, escalates above %f, not at it: %s",
    async (count, bad, above, reaction) => {
      const verdict = await judged(rows(count, bad), [
        check.between("x", { min: 0 }, { onFail: "warn", escalate: { above, to: "reject" } }),
      ]);
      expect(verdict.checks[0]).toMatchObject({ reaction });
      expect(verdict.accepted).toBe(reaction === "warn");
    },
  );

  it.each([
    [4, 1, 0.25, true],
    [4, 2, 0.25, false],
    [10, 3, 0.3, true],
    [1000, 4, 0.003, false],
  ])("of %i rows, %i bad, is held to maxBadShare %f: accepted %s", async (count, bad, share, accepted) => {
    for (const onFail of ["quarantine", "drop"] as const) {
      expect(
        await judged(rows(count, bad), [check.between("x", { min: 0 }, { onFail })], share),
      ).toMatchObject({ accepted });
    }
  });

  it.each([
    [1, 1, undefined, true],
    [1, 1, 0.5, false],
    [2, 1, undefined, true],
    [2, 2, undefined, false],
    [3, 2, undefined, false],
    [3, 3, 1, true],
    [0, 0, undefined, true],
  ])("of %i rows, %i bad, with maxBadShare %s: accepted %s", async (count, bad, maxBadShare, accepted) => {
    for (const onFail of ["quarantine", "drop"] as const) {
      const tests = suite("borders", [check.between("x", { min: 0 }, { onFail })], { maxBadShare });
      const verdict = await evaluateGate(session, tests, await numbers(rows(count, bad)), {
        now: 0,
        fence: fenceOf(session),
      });
      expect(verdict).toMatchObject({ accepted });
    }
  });

  it("escalates by the rows that the check considers, not by all", async () => {
    const verdict = await judged(
      [-1, 1, null, null, null, null],
      [check.between("x", { min: 0 }, { onFail: "warn", escalate: { above: 0.3, to: "reject" } })],
    );
    expect(verdict.checks[0]).toMatchObject({ considered: 2, unexpected: 1, reaction: "reject" });
  });
});

describe("uniqueness", () => {
  it("leaves nulls out, however many there are", async () => {
    const verdict = await judged([1, null, null, null, 2], [check.unique("x", { onFail: "quarantine" })]);
    expect(verdict).toMatchObject({ accepted: true, quarantined: 0, clean: 5 });
    expect(verdict.checks[0]).toMatchObject({ considered: 2, unexpected: 0, success: true });
  });

  it.each(["none", "first"] as const)(
    "counts the rows of equal values and no nulls among them (keep %s)",
    async (keep) => {
      const verdict = await judged(
        [1, 1, null, null, null, 2],
        [check.unique("x", { onFail: "quarantine", keep })],
      );
      const unexpected = keep === "first" ? 1 : 2;
      expect(verdict.checks[0]).toMatchObject({ considered: 3, unexpected, success: false });
      expect(verdict).toMatchObject({ quarantined: unexpected, clean: 6 - unexpected });
      const bad = await session.rows(unchecked(`SELECT row FROM (${verdict.quarantineSql}) ORDER BY row`));
      expect(bad.map((row) => row["row"])).toEqual(keep === "first" ? [1n] : [0n, 1n]);
    },
  );

  it("of values that only differ at the ends of what they span, or fill all of it, is found", async () => {
    expect((await judged([7, 8, 9, 10], [check.unique("x")])).checks[0]).toMatchObject({ unexpected: 0 });
    expect((await judged([7, 8, 9, 7], [check.unique("x")])).checks[0]).toMatchObject({ unexpected: 2 });
    expect((await judged([7, 10, 9, 10], [check.unique("x")])).checks[0]).toMatchObject({ unexpected: 2 });
    expect((await judged([5, 5], [check.unique("x")])).checks[0]).toMatchObject({ unexpected: 2 });
  });

  it("of many rows that rise, but for two that are equal, is found", async () => {
    const values = Array.from({ length: 10_000 }, (_, at) => (at <= 7000 ? at : at - 1) * 1_000_003);
    expect((await judged(values, [check.unique("x")])).checks[0]).toMatchObject({
      considered: 10_000,
      unexpected: 2,
    });
  });

  /** Rows with two columns, and what the table holds already. */
  async function pairs(
    rows: readonly (readonly [number | null, number | null])[],
    built: BuiltCheck,
    held: readonly (readonly [number | null, number | null])[] = [],
  ) {
    const columns = ["x", "y"].map((name) => ({ name, type: "BIGINT" }));
    const stage = (values: typeof rows) =>
      session.stage({ kind: "rows", rows: values.map(([x, y]) => ({ x, y })) }, { columns });
    return evaluateGate(session, suite("pairs", [built]), await stage(rows), {
      now: 0,
      fence: fenceOf(session),
      relations: { this: await stage(held) },
    });
  }

  it("of a primary key is broken by a null in any part of it", async () => {
    const rows = [[1, 1], [1, null], [null, 2], [null, null], [2, 2]] as const; // biome-ignore format: one line
    const verdict = await pairs(rows, check.primaryKey(["x", "y"], { onFail: "quarantine" }));
    expect(verdict).toMatchObject({ quarantined: 3, clean: 2 });
    expect(
      (await session.rows(unchecked(`SELECT row FROM (${verdict.quarantineSql}) ORDER BY row`))).map(
        ({ row }) => row,
      ),
    ).toEqual([1n, 2n, 3n]);
  });

  it("across the table leaves no row of a key that the table holds, and the first of one that it does not", async () => {
    const rows = [[1, 0], [1, 1], [2, 2], [2, 3], [3, 4]] as const; // biome-ignore format: one line
    const verdict = await pairs(
      rows,
      check.unique("x", { acrossTable: true, keep: "first", onFail: "quarantine" }),
      [[1, 9]],
    );
    const bad = await session.rows(unchecked(`SELECT row FROM (${verdict.quarantineSql}) ORDER BY row`));
    expect(bad.map(({ row }) => row)).toEqual([0n, 1n, 3n]);
    expect(verdict.checks[0]).toMatchObject({ unexpected: 3 });
  });
});
