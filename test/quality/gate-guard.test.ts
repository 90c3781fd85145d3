import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { OpenSession, StagedRelation } from "../../src/engine/core/contract.ts";
import { duckdbEngine } from "../../src/engine/session/session.ts";
import { evaluateGate, Gate } from "../../src/quality/gate/gate.ts";
import { noPlaces } from "../../src/quality/model/places.ts";
import { check, suite } from "../../src/quality/suite/builder.ts";
import type { BuiltCheck } from "../../src/quality/suite/built-check.ts";
import { sql } from "../../src/sql/sql.ts";
import { fenceOf } from "../support/fence-of.ts";
import { unchecked } from "../support/unchecked-sql.ts";

let session: OpenSession;
let staged: StagedRelation;

beforeAll(async () => {
  session = await duckdbEngine.open({ threads: 1 });
  staged = await session.stage({
    kind: "sql",
    callerSql: `SELECT 'a' || range AS s, 'b' AS u, range AS i, {'t': 'c'} AS st, TIMESTAMP '2024-01-01' AS at
      FROM range(4)`,
  });
});
afterAll(() => session.close());

const gateOf = (checks: readonly BuiltCheck[], context: object = {}): Promise<Gate> =>
  Gate.open(session, suite("s", checks), staged, { now: 0, fence: fenceOf(session), ...context });

describe("a check that the scan which writes the rows makes", () => {
  it.each([
    ["no nulls in a text", check.notNull("s")],
    ["no nulls in a number", check.notNull("i")],
    ["a pattern", check.matches("s", "^a")],
    ["a length", check.length("s", { max: 9 })],
    ["a list of texts", check.oneOf("s", ["a0"])],
    ["a text in a struct, if no rows are left out", check.matches("st.t", "c", { onNull: "fail" })],
    ["two texts, if no rows are left out", check.equal("s", "u", { onNull: "fail" })],
  ])("looks at each row alone, and any that fails rejects: %s", async (_name, one) => {
    const gate = await gateOf([one]);
    expect(gate.takesWhole).toBe(true);
    expect(gate.guard).toHaveLength(1);
  });

  it.each([
    ["a number", check.between("i", { min: 0 })],
    ["a number in a list", check.oneOf("i", [1])],
    ["nulls that only warn", check.notNull("s", { onFail: "warn" })],
    ["a share", check.matches("s", "^a", { mostly: 0.99 })],
    ["a share of nulls", check.notNull("i", { mostly: 0.99 })],
    ["some rows", check.matches("s", "^a", { where: "i > 1" })],
    ["some rows' nulls", check.notNull("s", { where: "i > 1" })],
    ["nulls of a number in some rows", check.notNull("i", { where: "i > 1" })],
    ["a text in a struct, where there is one", check.matches("st.t", "c")],
    ["two texts, where there are both", check.equal("s", "u")],
    ["SQL of the caller's", check.sql("length(s) < 3")],
    ["a list's keys", check.unique("s")],
    ["rows in an order", check.increasing("i")],
    ["the number of rows", check.rowCount({ min: 1 })],
    ["a function", check.predicate("f", ["s"], () => [true, true, true, true])],
    [
      "a warning that may reject",
      check.notNull("s", { onFail: "warn", escalate: { above: 0.5, to: "reject" } }),
    ],
  ])("is none of: %s", async (_name, one) => {
    const gate = await gateOf([one]);
    expect(gate.takesWhole).toBe(true);
    expect(gate.guard).toEqual([]);
  });

  it.each([
    ["quarantines", check.notNull("i", { onFail: "quarantine" }), {}],
    ["drops", check.notNull("i", { onFail: "drop" }), {}],
    ["tags", check.notNull("i", { onFail: "tag" }), {}],
    [
      "may come to quarantine",
      check.notNull("i", { onFail: "warn", escalate: { above: 0.5, to: "quarantine" } }),
      {},
    ],
    [
      "repairs",
      check.between("i", { min: 0 }, { onFail: "repair", repair: { with: "default", value: 0 } }),
      {},
    ],
    [
      "comes after rows were set aside",
      check.notNull("i"),
      { setAside: { rows: 1, places: noPlaces, sql: "SELECT 1", checks: [] } },
    ],
  ])("stands in no gate that %s", async (_what, other, context) => {
    const gate = await gateOf([check.notNull("s"), other], context);
    expect(gate.takesWhole).toBe(false);
    expect(gate.guard).toEqual([]);
  });
});

describe("a length beside a pattern of ASCII", () => {
  const failing = async (checks: readonly BuiltCheck[], text: string): Promise<unknown> => {
    const { guard } = await gateOf(checks);
    const [row] = await session.rows(
      unchecked(`SELECT (${guard.join(" OR ")}) AS fails FROM (SELECT '${text}' AS s, 'é' AS u)`),
    );
    return row?.["fails"];
  };
  const short = check.length("s", { max: 2 });

  it.each([
    ["counts characters where it is alone", [short], "éé", false],
    [
      "counts characters where only another column's texts are ASCII",
      [short, check.matches("u", "^é$")],
      "éé",
      false,
    ],
    ["counts characters beside a pattern that takes any", [short, check.matches("s", "^..")], "éé", false],
    ["fails what is too long", [short], "ééé", true],
    ["fails what is too long in ASCII", [short, check.matches("s", "^[a-z]*$")], "abc", true],
    ["passes what fits in ASCII", [short, check.matches("s", "^[a-z]*$")], "ab", false],
    ["leaves it to the pattern to fail other texts", [short, check.matches("s", "^[a-z]*$")], "é", true],
  ] as const)("%s", async (_name, checks, text, fails) => {
    expect(await failing(checks, text)).toBe(fails);
  });
});

describe("the columns that a check names", () => {
  it.each([
    ["one", check.between("i", { min: 0 }), ["i"]],
    ["two", check.greater("i", "i", { orEqual: true }), ["i", "i"]],
    ["a list", check.complete(["s", "i"]), ["s", "i"]],
    ["a key", check.unique(["s", "u"]), ["s", "u"]],
    ["none", check.rowCount({ min: 1 }), []],
    ["those compared with another table, keys first", check.matchesTable(["i"], "other", ["s"]), ["i", "s"]],
  ])("stand in its result: %s", async (_what, one, columns) => {
    const relations = {
      other: {
        sql: sql`SELECT range AS i, 'a' || range AS s FROM range(4)`,
        columns: [
          { name: "i", type: "BIGINT" },
          { name: "s", type: "VARCHAR" },
        ],
      },
    };
    const verdict = await evaluateGate(session, suite("s", [one]), staged, {
      now: 0,
      fence: fenceOf(session),
      relations,
    });
    expect(verdict.checks[0]?.columns).toEqual(columns);
  });
});
