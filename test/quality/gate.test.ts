import type { RecordBatch } from "apache-arrow";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { EngineColumn, OpenSession, SourceRow, StagedRelation } from "../../src/engine/core/contract.ts";
import { duckdbEngine } from "../../src/engine/session/session.ts";
import { evaluateGate } from "../../src/quality/gate/gate.ts";
import type { CheckJson, RowRepair, Suite } from "../../src/quality/model/suite.ts";
import { check, suite } from "../../src/quality/suite/builder.ts";
import { defineSuite } from "../../src/quality/suite/define.ts";
import { sql } from "../../src/sql/sql.ts";
import { fenceOf } from "../support/fence-of.ts";
import { unchecked } from "../support/unchecked-sql.ts";

let session: OpenSession;

beforeAll(async () => {
  session = await duckdbEngine.open({ threads: 2 });
});

afterAll(() => session.close());

const stage = (rows: readonly SourceRow[], columns: readonly EngineColumn[]): Promise<StagedRelation> =>
  session.stage({ kind: "rows", rows }, { columns });

const flights: readonly EngineColumn[] = [
  { name: "id", type: "BIGINT" },
  { name: "delay", type: "DOUBLE" },
  { name: "origin", type: "VARCHAR" },
];
const rows: readonly SourceRow[] = [
  { id: 1n, delay: 5, origin: "LAX" },
  { id: 2n, delay: -1116, origin: "SFO" },
  { id: 2n, delay: null, origin: "SFO" },
  { id: 3n, delay: Number.NaN, origin: "???" },
  { id: null, delay: 9, origin: null },
];

const between: CheckJson = {
  kind: "expect_column_values_to_be_between",
  params: { column: "delay", min_value: -120, max_value: 1800 },
};

async function run(checks: readonly CheckJson[], options: { readonly maxBadShare?: number } = {}) {
  return evaluateGate(session, defineSuite({ checks, ...options }), await stage(rows, flights), {
    now: 0,
    fence: fenceOf(session),
  });
}

describe("the gate", () => {
  it("names the failing rows with their values, leaving nulls out and NaN in", async () => {
    const verdict = await run([{ ...between, onFail: "quarantine" }]);
    const [check] = verdict.checks;
    expect(check).toMatchObject({ success: false, considered: 4, unexpected: 2, reaction: "quarantine" });
    expect(check?.sample).toEqual([
      { file: null, row: 1, values: { delay: -1116 } },
      { file: null, row: 3, values: { delay: "NaN" } },
    ]);
    expect(verdict).toMatchObject({ accepted: true, rows: 5, clean: 3, quarantined: 2, dropped: 0 });
    expect((await session.rows(unchecked(verdict.cleanSql))).map((row) => row["id"])).toEqual([1n, 2n, null]);
    const bad = await session.rows(
      unchecked(
        `SELECT row, errors[1].check_id AS id, errors[1].observed_value AS seen FROM (${verdict.quarantineSql}) ORDER BY row`,
      ),
    );
    expect(bad).toEqual([
      { row: 1n, id: "delay:values_to_be_between", seen: "-1116.0" },
      { row: 3n, id: "delay:values_to_be_between", seen: "nan" },
    ]);
  });

  it("holds one map of wide keys in memory at a time, and proves keys of some rows by one too", async () => {
    const count = 2_000_000;
    const wide = (key: string, value: string) => `CAST(${value} AS BIGINT) AS ${key}`;
    const keys = [
      wide("a", "i * 200"),
      wide("b", "i * -200"),
      wide("c", "CASE WHEN i = 7 THEN 0 ELSE i * 200 END"),
    ];
    const sql = `SELECT ${keys.join(", ")} FROM range(${count}) AS t(i)`;
    const staged: StagedRelation = {
      sql: unchecked(sql),
      columns: ["a", "b", "c"].map((name) => ({ name, type: "BIGINT" })),
      positionedSql: unchecked(`SELECT *, CAST(NULL AS VARCHAR) AS f, a // 200 AS r FROM (${sql})`),
      positionColumns: { file: "f", row: "r" },
    };
    const asked: string[] = [];
    const watched = new Proxy(session, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name, target);
        if (name === "rows") {
          return (text: string) => {
            asked.push(text);
            return target.rows(unchecked(text));
          };
        }
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
    const checks = [
      check.unique("a"),
      check.unique("b"),
      check.unique("c", { id: "c" }),
      check.unique("c", { id: "some", where: "a <> 0" }),
      check.unique("c", { id: "others", where: "a >= 0" }),
    ];
    const verdict = await evaluateGate(watched, suite("keys", checks), staged, {
      now: 0,
      fence: fenceOf(session),
    });
    expect(verdict.checks.map(({ considered, unexpected }) => [considered, unexpected])).toEqual([
      [count, 0],
      [count, 0],
      [count, 2],
      [count - 1, 0],
      [count, 2],
    ]);
    const maps = asked.map((text) => text.split("bitstring_agg").length - 1).filter((found) => found > 0);
    expect(maps).toEqual([1, 1, 1, 1, 1]);
  });

  it("shows the first failing rows whether few or most fail, and counts both alike", async () => {
    const many = Array.from({ length: 5000 }, (_, at) => ({
      id: BigInt(at),
      delay: at % 2 === 0 ? 5000 : 1,
      origin: at % 500 === 3 ? "no" : "LAX",
    }));
    const checks: CheckJson[] = [
      { ...between, onFail: "warn" },
      {
        kind: "expect_column_values_to_be_in_set",
        params: { column: "origin", value_set: ["LAX", "SFO", "JFK", "ORD", "DEN"] },
        onFail: "quarantine",
      },
    ];
    const verdict = await evaluateGate(session, defineSuite({ checks }), await stage(many, flights), {
      now: 0,
      fence: fenceOf(session),
    });
    const [often, seldom] = verdict.checks;
    expect(often).toMatchObject({ considered: 5000, unexpected: 2500 });
    expect(often?.sample.map(({ row }) => row)).toEqual(Array.from({ length: 20 }, (_, at) => at * 2));
    expect(seldom).toMatchObject({ considered: 5000, unexpected: 10 });
    expect(seldom?.sample.map(({ row }) => row)).toEqual(Array.from({ length: 10 }, (_, at) => at * 500 + 3));
    expect(verdict).toMatchObject({ rows: 5000, quarantined: 10, clean: 4990 });
  });

  it("leaves nulls out of a set of texts unless they are to fail, and counts missing values where no column has a condition", async () => {
    const set = {
      kind: "expect_column_values_to_be_in_set",
      params: { column: "origin", value_set: ["LAX", "SFO", "JFK"] },
    };
    const verdict = await run([
      { ...set, id: "ignored" },
      { ...set, id: "failing", onNull: "fail" },
      { ...set, id: "scoped", where: "id IS NOT NULL" },
      {
        kind: "expect_column_values_to_not_be_in_set",
        params: { column: "origin", value_set: ["LAX", "SFO", "JFK"] },
        id: "outside",
      },
      { kind: "expect_column_values_to_not_be_null", params: { column: "id" }, id: "present" },
      {
        kind: "expect_column_values_to_not_be_null",
        params: { column: "id" },
        where: "delay < 9 OR delay IS NULL",
        id: "present scoped",
      },
    ]);
    expect(verdict.checks.map(({ id, considered, unexpected }) => [id, considered, unexpected])).toEqual([
      ["ignored", 4, 1],
      ["failing", 5, 2],
      ["scoped", 4, 1],
      ["outside", 4, 3],
      ["present", 5, 1],
      ["present scoped", 3, 0],
    ]);
  });

  it("names every reason of a row that several checks fail, and prefers the quarantine to dropping", async () => {
    const verdict = await run([
      { ...between, onFail: "drop" },
      { kind: "expect_column_values_to_be_unique", params: { column: "id" }, onFail: "quarantine" },
      {
        kind: "expect_column_values_to_match_regex",
        params: { column: "origin", regex: "^[A-Z]{3}$" },
        onFail: "warn",
      },
    ]);
    expect(verdict).toMatchObject({ clean: 2, quarantined: 2, dropped: 1 });
    const bad = await session.rows(
      unchecked(
        `SELECT row, list_transform(errors, lambda e: e.check_id) AS ids FROM (${verdict.quarantineSql}) ORDER BY row`,
      ),
    );
    expect(bad).toEqual([
      { row: 1n, ids: ["delay:values_to_be_between", "id:values_to_be_unique"] },
      { row: 2n, ids: ["id:values_to_be_unique"] },
    ]);
    expect(await session.rows(unchecked(verdict.cleanSql))).toHaveLength(2);
  });

  it("rejects the batch when a rejecting check fails, and says why", async () => {
    const verdict = await run([
      between,
      { kind: "expect_table_row_count_to_be_between", params: { min_value: 10 } },
    ]);
    expect(verdict.accepted).toBe(false);
    expect(verdict.reasons).toEqual([
      "delay:values_to_be_between: delay must be between -120 and 1800; 2 of 4 rows fail",
      "row_count_to_be_between: number of rows must be at least 10; found 5",
    ]);
  });

  it("rejects the batch when more than the allowed share is bad", async () => {
    expect((await run([{ ...between, onFail: "drop" }], { maxBadShare: 0.4 })).accepted).toBe(true);
    const verdict = await run([{ ...between, onFail: "drop" }], { maxBadShare: 0.39 });
    expect(verdict.reasons).toEqual([
      "2 of 5 rows failed delay:values_to_be_between (2), more than the 39 % that maxBadShare allows",
    ]);
  });

  it("rejects a batch that is mostly bad where the suite gives no share, and names the checks that failed", async () => {
    const checks: CheckJson[] = [
      { ...between, params: { column: "delay", min_value: 1000 }, onFail: "drop" },
      { kind: "expect_column_values_to_be_unique", params: { column: "id" }, onFail: "quarantine" },
    ];
    const verdict = await run(checks);
    expect(verdict.reasons).toEqual([
      "5 of 5 rows failed delay:values_to_be_between (4), id:values_to_be_unique (2), more than the 50 % that maxBadShare allows, its default; maxBadShare: 1 allows any share",
    ]);
    expect((await run(checks, { maxBadShare: 1 })).accepted).toBe(true);
  });

  it("keeps the first row of a duplicate group on demand", async () => {
    const verdict = await run([
      {
        kind: "expect_column_values_to_be_unique",
        params: { column: "id", keep: "first" },
        onFail: "quarantine",
      },
    ]);
    expect(verdict).toMatchObject({ clean: 4, quarantined: 1 });
    expect((await session.rows(unchecked(verdict.quarantineSql ?? "")))[0]).toMatchObject({ row: 2n });
  });

  it("counts a primary key's nulls as failing", async () => {
    const verdict = await run([
      { kind: "expect_columns_to_be_primary_key", params: { column_list: ["id"] }, onFail: "quarantine" },
    ]);
    expect(verdict).toMatchObject({ clean: 2, quarantined: 3 });
  });

  it("compares keys with the rows that the table holds already", async () => {
    const suite = defineSuite({
      checks: [
        {
          kind: "expect_column_values_to_be_unique",
          params: { column: "id", across_table: true },
          onFail: "quarantine",
        },
      ],
    });
    const table = { sql: sql`SELECT 1::BIGINT AS id`, columns: [{ name: "id", type: "BIGINT" }] };
    const verdict = await evaluateGate(session, suite, await stage(rows, flights), {
      now: 0,
      fence: fenceOf(session),
      relations: { this: table },
    });
    expect(verdict).toMatchObject({ clean: 2, quarantined: 3 });
  });

  it("finds keys that another table lacks", async () => {
    const suite = defineSuite({
      checks: [
        {
          kind: "expect_column_values_to_exist_in_table",
          params: { column_list: ["origin"], table: "airports", table_columns: ["iata"] },
          onFail: "quarantine",
        },
      ],
    });
    const airports = {
      sql: sql`SELECT 'LAX' AS iata UNION ALL SELECT 'SFO'`,
      columns: [{ name: "iata", type: "VARCHAR" }],
    };
    const verdict = await evaluateGate(session, suite, await stage(rows, flights), {
      now: 0,
      fence: fenceOf(session),
      relations: { airports },
    });
    expect(verdict.checks[0]).toMatchObject({ considered: 4, unexpected: 1 });
    await expect(
      evaluateGate(session, suite, await stage(rows, flights), { now: 0, fence: fenceOf(session) }),
    ).rejects.toMatchObject({
      code: "SUITE_INVALID",
      data: { path: "checks[0].params.table" },
    });
  });

  it("repairs values, tests them again and records how many", async () => {
    const verdict = await run([{ ...between, onFail: "repair", repair: { with: "clip" } }]);
    expect(verdict.checks[0]).toMatchObject({ success: true, unexpected: 0, repaired: 2 });
    expect((await session.rows(unchecked(verdict.cleanSql))).map((row) => row["delay"])).toEqual([
      5,
      -120,
      null,
      1800,
      9,
    ]);
  });

  it("treats what a repair leaves failing as told", async () => {
    const verdict = await run([
      { ...between, onFail: "repair", repair: { with: "default", value: 9999, otherwise: "drop" } },
    ]);
    expect(verdict).toMatchObject({ accepted: true, clean: 3, dropped: 2 });
  });

  it("hands a TypeScript predicate the columns that it names, in their order", async () => {
    const seen: unknown[] = [];
    const test = (batch: RecordBatch) =>
      Array.from({ length: batch.numRows }, (_, at) => {
        const [origin, id] = [batch.getChildAt(0)?.get(at), batch.getChild("id")?.get(at)];
        seen.push([origin, id]);
        return id === null ? null : origin === "LAX" || id === 3n;
      });
    const made = suite("s", [check.predicate("known", ["origin", "id"], test, { onFail: "quarantine" })]);
    const verdict = await evaluateGate(session, made, await stage(rows, flights), {
      now: 0,
      fence: fenceOf(session),
    });
    expect(seen).toEqual([
      ["LAX", 1n],
      ["SFO", 2n],
      ["SFO", 2n],
      ["???", 3n],
      [null, null],
    ]);
    expect(verdict).toMatchObject({ clean: 3, quarantined: 2, checks: [{ considered: 4, unexpected: 2 }] });
  });

  it("repairs by a TypeScript function, which sees whole rows, and tests what it gave", async () => {
    const seen: unknown[] = [];
    const replace = (batch: RecordBatch) => {
      const [ids, delays] = [batch.getChild("id"), batch.getChild("delay")];
      return Array.from({ length: batch.numRows }, (_, at) => {
        seen.push([ids?.get(at), delays?.get(at)]);
        return ids?.get(at) === 2n ? 7.5 : null;
      });
    };
    const repaired = check.repairedBy(
      "replace",
      replace,
      check.between("delay", { min: -120, max: 1800 }, { onNull: "fail" }),
      "quarantine",
    );
    const verdict = await evaluateGate(session, suite("s", [repaired]), await stage(rows, flights), {
      now: 0,
      fence: fenceOf(session),
    });
    expect(seen).toEqual([
      [2n, -1116],
      [2n, null],
      [3n, Number.NaN],
    ]);
    expect(verdict).toMatchObject({
      accepted: true,
      clean: 4,
      quarantined: 1,
      checks: [{ repaired: 3, unexpected: 1 }],
    });
    expect((await session.rows(unchecked(verdict.cleanSql))).map((row) => row["delay"])).toEqual([
      5, 7.5, 7.5, 9,
    ]);
    expect(await session.rows(unchecked(`SELECT row, id, delay FROM (${verdict.quarantineSql})`))).toEqual([
      { row: 3n, id: 3n, delay: null },
    ]);
  });

  it("refuses a repair function that is not there, leaves rows out, or gives a value of another type", async () => {
    const good = check.between("delay", { min: -120, max: 1800 });
    const repairing = (replace: RowRepair) => suite("s", [check.repairedBy("replace", replace, good)]);
    const judge = async (made: Suite) =>
      evaluateGate(session, made, await stage(rows, flights), { now: 0, fence: fenceOf(session) });
    await expect(judge(defineSuite(repairing(() => []).json))).rejects.toMatchObject({
      code: "SUITE_INVALID",
      data: { path: "checks[0].repair.function" },
    });
    await expect(judge(repairing(() => []))).rejects.toMatchObject({ code: "SUITE_INVALID" });
    await expect(
      judge(repairing((batch) => Array.from({ length: batch.numRows }, () => "much"))),
    ).rejects.toMatchObject({
      code: "SCHEMA_MISMATCH",
    });
  });

  it("tags rows with the checks that they fail", async () => {
    const verdict = await run([{ ...between, onFail: "tag" }]);
    expect(verdict).toMatchObject({ clean: 5, tagged: 2, tagColumn: "_failed_checks" });
    expect((await session.rows(unchecked(verdict.cleanSql))).map((row) => row["_failed_checks"])).toEqual([
      null,
      ["delay:values_to_be_between"],
      null,
      ["delay:values_to_be_between"],
      null,
    ]);
  });

  it("turns one reaction into another above a share", async () => {
    const check: CheckJson = { ...between, onFail: "quarantine", escalate: { above: 0.4, to: "reject" } };
    const verdict = await run([check]);
    expect(verdict.accepted).toBe(false);
    expect(verdict.checks[0]).toMatchObject({ onFail: "quarantine", reaction: "reject" });
  });

  it("rejects above the share whatever share of failing rows the check allows otherwise", async () => {
    const lenient: CheckJson = {
      ...between,
      mostly: 0.1,
      onFail: "quarantine",
      escalate: { above: 0.4, to: "reject" },
    };
    expect(await run([lenient])).toMatchObject({
      accepted: false,
      checks: [{ reaction: "reject", success: false }],
    });
    expect(await run([{ ...lenient, escalate: { above: 0.9, to: "reject" } }])).toMatchObject({
      accepted: true,
      quarantined: 2,
    });
  });

  it("treats a null as told: ignored, failing or passing", async () => {
    const counted = async (onNull: "ignore" | "fail" | "pass") =>
      (await run([{ ...between, onNull }])).checks[0];
    expect(await counted("ignore")).toMatchObject({ considered: 4, unexpected: 2 });
    expect(await counted("fail")).toMatchObject({ considered: 5, unexpected: 3 });
    expect(await counted("pass")).toMatchObject({ considered: 5, unexpected: 2 });
  });

  it("passes an empty batch vacuously, but fails measures of nothing", async () => {
    const empty = await stage([], flights);
    const suite = defineSuite({
      checks: [
        { ...between, onFail: "quarantine" },
        {
          kind: "expect_column_mean_to_be_between",
          params: { column: "delay", min_value: 0 },
          onFail: "warn",
        },
      ],
    });
    const verdict = await evaluateGate(session, suite, empty, { now: 0, fence: fenceOf(session) });
    expect(verdict.checks.map((check) => check.success)).toEqual([true, false]);
    expect(verdict).toMatchObject({ accepted: true, rows: 0, clean: 0, untouched: true });
  });

  it("flags values far from the others", async () => {
    const many = await stage(
      [
        ...Array.from({ length: 50 }, (_, at) => ({ id: BigInt(at), delay: at % 5, origin: "LAX" })),
        { id: 99n, delay: 1000, origin: "LAX" },
      ],
      flights,
    );
    const suite = defineSuite({
      checks: [
        {
          kind: "expect_column_value_z_scores_to_be_less_than",
          params: { column: "delay", threshold: 3, double_sided: true },
          onFail: "quarantine",
        },
        {
          kind: "expect_column_values_to_not_be_outliers",
          params: { column: "delay" },
          onFail: "quarantine",
        },
      ],
    });
    const verdict = await evaluateGate(session, suite, many, { now: 0, fence: fenceOf(session) });
    expect(verdict.checks.map((check) => check.unexpected)).toEqual([1, 1]);
    expect(verdict.quarantined).toBe(1);
  });

  it("holds the metric of this batch against its history", async () => {
    const suite = defineSuite({
      checks: [
        {
          kind: "expect_metric_to_be_normal",
          params: { metric: "row_count", rule: "relative_change", max_decrease: 0.5 },
        },
      ],
    });
    const verdict = await evaluateGate(session, suite, await stage(rows, flights), {
      now: 0,
      fence: fenceOf(session),
      history: () => Promise.resolve([100, 100]),
    });
    expect(verdict.accepted).toBe(false);
    expect(verdict.checks[0]).toMatchObject({ success: false, observed: 5 });
  });

  it("measures moments of columns with NaN, infinities or enormous numbers as NaN, and calls these outliers", async () => {
    const kinds = ["mean", "stdev", "variance_population", "skewness", "kurtosis"].map(
      (name) => `expect_column_${name}_to_be_between`,
    );
    for (const wild of [Number.NaN, Number.POSITIVE_INFINITY, 1e300]) {
      const staged = await stage(
        [1, 2, 3, 4, wild].map((delay) => ({ id: 1n, delay, origin: "a" })),
        flights,
      );
      const measures = kinds.map(
        (kind): CheckJson => ({ kind, params: { column: "delay", max_value: 1e9 }, onFail: "warn" }),
      );
      const pair = {
        kind: "expect_column_pair_correlation_to_be_between",
        params: { column_A: "id", column_B: "delay", min_value: 0 },
        onFail: "warn",
      } as const;
      const outliers = [
        "expect_column_value_z_scores_to_be_less_than",
        "expect_column_values_to_not_be_outliers",
      ].map((kind): CheckJson => ({ kind, params: { column: "delay", threshold: 5 }, onFail: "quarantine" }));
      const verdict = await evaluateGate(
        session,
        defineSuite({ checks: [...measures, pair, ...outliers] }),
        staged,
        { now: 0, fence: fenceOf(session) },
      );
      expect(verdict.checks.map(({ success }) => success)).toEqual(Array.from({ length: 8 }, () => false));
      expect(verdict).toMatchObject({ quarantined: 1, clean: 4 });
    }
  });

  it("compares and adds decimals of 38 digits, with fractions and with each other", async () => {
    const big = "99999999999999999999999999999999999999";
    const columns = [
      { name: "whole", type: "DECIMAL(38,0)" },
      { name: "part", type: "DECIMAL(38,10)" },
    ];
    const staged = await stage(
      [
        { whole: big, part: "0.5" },
        { whole: big, part: "0.1" },
        { whole: "0", part: "0" },
      ],
      columns,
    );
    const found = await evaluateGate(
      session,
      suite("wide", [
        check.between("whole", { min: 0.5 }, { onFail: "warn" }),
        check.oneOf("part", [0.5, 0.1, 0], { onFail: "warn" }),
        check.equal("part", "whole", { onFail: "warn" }),
        { json: { kind: "expect_column_sum_to_be_between", params: { column: "whole", min_value: 1 } } },
        {
          json: {
            kind: "expect_multicolumn_sum_to_equal",
            params: { column_list: ["whole", "whole"], sum_total: 0.5 },
            onFail: "warn",
          },
        },
      ]),
      staged,
      { now: 0, fence: fenceOf(session) },
    );
    expect(found.checks.map(({ unexpected }) => unexpected)).toEqual([1, 0, 2, null, 3]);
    expect(found.accepted).toBe(true);
    const large = await stage([{ delay: 1e120 }, { delay: -1e140 }, { delay: 5 }], flights);
    const powers = ["skewness", "kurtosis"].map(
      (name): CheckJson => ({
        kind: `expect_column_${name}_to_be_between`,
        params: { column: "delay", max_value: 1e9 },
      }),
    );
    expect(
      (
        await evaluateGate(session, defineSuite({ checks: powers }), large, {
          now: 0,
          fence: fenceOf(session),
        })
      ).checks.map(({ observed }) => observed),
    ).toEqual(["NaN", "NaN"]);
  });

  it("refuses to compare with columns that another table lacks or has of another type, naming the place", async () => {
    const staged = await stage(rows, flights);
    const other = {
      sql: sql`SELECT 'x' AS id, 1 AS number`,
      columns: [
        { name: "id", type: "VARCHAR" },
        { name: "number", type: "INTEGER" },
      ],
    };
    const refused: readonly (readonly [CheckJson, string])[] = [
      [check.existsIn(["id"], "other", ["nope"]).json, "checks[0].params.table_columns"],
      [
        { kind: "expect_column_values_to_exist_in_table", params: { column_list: ["id"], table: "other" } },
        "checks[0].params.table",
      ],
      [
        { kind: "expect_rows_to_match_table", params: { key_columns: ["origin"], table: "other" } },
        "checks[0].params.table",
      ],
      [
        { kind: "expect_rows_to_cover_table", params: { key_columns: ["origin"], table: "other" } },
        "checks[0].params.table",
      ],
    ];
    for (const [json, path] of refused)
      await expect(
        evaluateGate(session, defineSuite({ checks: [json] }), staged, {
          now: 0,
          fence: fenceOf(session),
          relations: { other },
        }),
      ).rejects.toMatchObject({
        code: "SUITE_INVALID",
        data: { path },
      });
    const found = await evaluateGate(
      session,
      suite("ok", [check.existsIn(["id"], "other", ["number"], { onFail: "warn" })]),
      staged,
      {
        now: 0,
        fence: fenceOf(session),
        relations: { other },
      },
    );
    expect(found.checks[0]).toMatchObject({ considered: 4, unexpected: 3 });
  });

  it("refuses an SQL repair that gives no values of the column's type, naming the place", async () => {
    const repair = { with: "sql", expression: "origin || '?'" } as const;
    await expect(run([{ ...between, onFail: "repair", repair }])).rejects.toMatchObject({
      code: "SUITE_INVALID",
      data: { path: "checks[0].repair.expression" },
    });
  });
});
