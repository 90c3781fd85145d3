import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createTable } from "../../../src/api/create-table.ts";
import { openTable } from "../../../src/api/open-table.ts";
import { openLog } from "../../../src/log/snapshot/open-log.ts";
import { check, suite } from "../../../src/quality/suite/builder.ts";
import { discardQuarantine, repairQuarantine } from "../../../src/quarantine/quarantine-change.ts";
import { exportQuarantine, listQuarantine, readQuarantine } from "../../../src/quarantine/quarantine-read.ts";
import { resubmit } from "../../../src/quarantine/resubmit.ts";
import { arrayOf, type SchemaBuilder, schema } from "../../../src/schema/builder.ts";
import type { ObjectStore } from "../../../src/storage/contract/object-store.ts";
import { openContext } from "../../../src/table/definition/open-context.ts";
import { actionsOf, freshFolder, rowsOf } from "../table-folder.ts";

const gate = suite(
  "flights",
  [
    check.between("delay", { min: -120, max: 1800 }, { onFail: "quarantine" }),
    check.sql("origin <> 'XXX'", { id: "known", onFail: "quarantine" }),
  ],
  { maxBadShare: 1 },
);
const batch = [
  { id: 1, delay: 5, origin: "LAX" },
  { id: 2, delay: -1116, origin: "XXX" },
  { id: 3, delay: 9999, origin: "SFO" },
];

async function quarantined({ carried = false } = {}) {
  const folder = join(freshFolder(), "t");
  const table = await createTable(folder, {
    schema: schema().long("id", { nullable: false }).double("delay").string("origin"),
  });
  if (carried) await table.suite.set(gate);
  await table.append(batch, { gate: carried ? undefined : gate, batchId: "b1" });
  const context = await openContext(folder);
  return { folder, table, context, log: () => openLog(context, {}) };
}

/**
 * A store that does something else first when `path` is about to be created, as a writer that is slower than
 * another.
 */
function interrupted(store: ObjectStore, path: string, first: () => Promise<void>): ObjectStore {
  let due = true;
  return new Proxy(store, {
    get(target, name) {
      // Without it writers do not take turns, as those of several processes do not.
      if (name === "identity") return undefined;
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== "function") return value;
      if (name !== "putIfAbsent") return value.bind(target);
      return async (key: string, ...rest: unknown[]) => {
        if (due && key === path) {
          due = false;
          await first();
        }
        return value.call(target, key, ...rest);
      };
    },
  });
}

/** The commit that claims the rows of a quarantine's first batch. */
const claiming = "_quarantine/_delta_log/00000000000000000002.json";

describe("a quarantine", () => {
  it("lists what each batch left behind, and by which checks", async () => {
    const { context, table } = await quarantined();
    expect(await listQuarantine(context)).toMatchObject([
      {
        batchId: "b1",
        rows: 2,
        open: 2,
        resubmitted: 0,
        checks: { "delay:values_to_be_between": 2, known: 1 },
      },
    ]);
    const [first] = await readQuarantine(context, { checkId: "known" });
    expect(await readQuarantine(context, { ids: [String(first?.["quarantine_id"])] })).toHaveLength(1);
    await expect(readQuarantine(context, { ids: ["nope"] })).rejects.toMatchObject({
      code: "QUARANTINE_INVALID",
    });
    let lines = "";
    for await (const text of exportQuarantine(context)) lines += text;
    expect(lines.trim().split("\n")).toHaveLength(2);
    await table.close();
  });

  it("is empty for a table that never had bad rows", async () => {
    const folder = join(freshFolder(), "t");
    await createTable(folder, { schema: schema().long("id") });
    const context = await openContext(folder);
    expect(await listQuarantine(context)).toEqual([]);
    expect(await resubmit(await openLog(context, {}))).toEqual({
      landed: 0,
      stillBad: 0,
      version: null,
      failures: [],
      ofRemovedTable: 0,
      needMerge: 0,
    });
  });

  it("lands repaired rows once, gives the others their new reasons, and links both ways", async () => {
    const { folder, table, context, log } = await quarantined();
    expect(
      await repairQuarantine(
        await log(),
        { batchId: "b1" },
        { delay: "CASE WHEN delay > 1800 THEN delay / 10 ELSE delay END" },
      ),
    ).toBe(2);
    expect(await resubmit(await log(), { gate })).toMatchObject({ landed: 1, stillBad: 1, version: 2 });
    await table.refresh();
    expect(await rowsOf(table)).toEqual([
      { id: 1n, delay: 5, origin: "LAX" },
      { id: 3n, delay: 999.9, origin: "SFO" },
    ]);
    const info = actionsOf(folder, 2, "commitInfo")[0];
    expect(JSON.parse(String(info?.["userMetadata"]))).toMatchObject({ resubmittedFrom: { rows: 1 } });
    const [landed] = await readQuarantine(context, { status: "resubmitted" });
    expect(landed).toMatchObject({ resolved_version: 2n, attempt: 2 });
    const [open] = await readQuarantine(context);
    expect(open).toMatchObject({ attempt: 2, status: "open" });
    expect(await resubmit(await log(), { gate })).toMatchObject({ landed: 0, stillBad: 1, version: null });
    await table.close();
  });

  it("lands rows as they are where their tests are waived", async () => {
    const { table, log } = await quarantined();
    expect(await resubmit(await log(), { untested: true })).toMatchObject({
      landed: 2,
      stillBad: 0,
      version: 2,
    });
    await table.refresh();
    expect(await rowsOf(table)).toHaveLength(3);
    await table.close();
  });

  it("keeps discarded rows with their note, and never resubmits them", async () => {
    const { table, context, log } = await quarantined();
    expect(await discardQuarantine(context, { checkId: "known" }, "typing error")).toBe(1);
    expect(await readQuarantine(context, { status: "discarded" })).toMatchObject([{ note: "typing error" }]);
    expect(await resubmit(await log(), { untested: true })).toMatchObject({ landed: 1 });
    await table.close();
  });

  it("lets go of resolved rows when they are purged, by their age, and never of open ones", async () => {
    const { table, context } = await quarantined();
    await discardQuarantine(context, { checkId: "known" });
    expect(await table.quarantine.purge()).toBe(0);
    const later = new Date(Date.now() + 60_000);
    expect(await table.quarantine.purge({ before: later, dryRun: true })).toBe(1);
    expect(await table.quarantine.purge({ before: later })).toBe(1);
    expect(await table.quarantine.purge({ before: later })).toBe(0);
    expect(await readQuarantine(context)).toHaveLength(1);
    expect(await readQuarantine(context, { status: "discarded" })).toEqual([]);
    await table.close();
  });

  it("lands each row once when two resubmit at once", async () => {
    const { folder, table, context } = await quarantined();
    const results = await Promise.allSettled(
      [0, 1].map(async () => resubmit(await openLog(await openContext(folder), {}), { untested: true })),
    );
    const landed = results.flatMap((result) => (result.status === "fulfilled" ? [result.value.landed] : []));
    expect(landed.length).toBeGreaterThan(0);
    expect(await resubmit(await openLog(context, {}), { untested: true })).toMatchObject({ stillBad: 0 });
    await table.refresh();
    expect((await rowsOf(table)).map((row) => row["id"])).toEqual([1n, 2n, 3n]);
    expect(await readQuarantine(context, { status: "resubmitted" })).toHaveLength(2);
    expect([await readQuarantine(context), await readQuarantine(context, { status: "claimed" })]).toEqual([
      [],
      [],
    ]);
    await table.close();
  });

  it.each([
    ["before the rows land", "_delta_log/00000000000000000002.json", 1],
    ["between landing and marking", "_quarantine/_delta_log/00000000000000000003.json", 3],
  ])("lands or reopens each row once when a stricter resubmission comes %s", async (_, path, expected) => {
    const { folder, table, context } = await quarantined();
    const strict = suite("flights", [check.between("delay", { min: 0, max: 10 }, { onFail: "quarantine" })], {
      maxBadShare: 1,
    });
    let stricter: unknown;
    const store = interrupted(context.store, path, async () => {
      stricter = await resubmit(await openLog(await openContext(folder), {}), { gate: strict }).catch(
        (error: unknown) => error,
      );
    });
    const lax = await resubmit(await openLog({ ...context, store }, {}), { untested: true });
    expect(lax.landed).toBe(expected - 1);
    expect(stricter).toMatchObject(expected === 1 ? { code: "BATCH_REJECTED" } : { landed: 2, version: 2 });
    await table.refresh();
    expect(await rowsOf(table)).toHaveLength(expected);
    expect(await readQuarantine(context)).toHaveLength(3 - expected);
    expect(await readQuarantine(context, { status: "claimed" })).toEqual([]);
    expect(await resubmit(await openLog(context, {}), { untested: true })).toMatchObject({
      landed: 3 - expected,
    });
    await table.refresh();
    expect((await rowsOf(table)).map((row) => row["id"])).toEqual([1n, 2n, 3n]);
    await table.close();
  });

  it("holds rows to what the table has got meanwhile", async () => {
    const { table, context, log } = await quarantined();
    const strict = suite("flights", [check.unique("id", { acrossTable: true, onFail: "quarantine" })], {
      maxBadShare: 1,
    });
    await table.append([{ id: 3, delay: 1, origin: "JFK" }]);
    expect(await resubmit(await log(), { gate: strict })).toMatchObject({
      landed: 1,
      stillBad: 1,
      version: 3,
    });
    expect(
      (await readQuarantine(context)).map((row) => (row["errors"] as { check_id: string }[])[0]?.check_id),
    ).toEqual(["id:values_to_be_unique"]);
    await table.close();
  });

  it("holds rows to the suite that another writer gave the table, not to the one of an old handle", async () => {
    const { folder, table, context } = await quarantined({ carried: true });
    const other = await openTable(folder);
    await other.suite.set(suite("late", [check.between("delay", { max: 1800 }, { id: "late" })]));
    expect(await table.quarantine.resubmit({ all: true })).toMatchObject({ landed: 1, stillBad: 1 });
    expect((await readQuarantine(context)).map(({ errors }) => errors)).toMatchObject([
      [{ check_id: "late" }],
    ]);
    await other.suite.set(suite("lax", []));
    expect(await table.quarantine.resubmit({ all: true })).toMatchObject({ landed: 1, stillBad: 0 });
    await Promise.all([other.close(), table.close()]);
  });

  it("can be given a column that another writer added", async () => {
    const { folder, table } = await quarantined();
    const other = await openTable(folder);
    await other.append([{ id: 4, delay: 0, origin: "LAX", carrier: "AA" }], { mergeSchema: true });
    expect(await table.quarantine.repair({ all: true }, { carrier: "'UA'" })).toBe(2);
    await Promise.all([other.close(), table.close()]);
  });

  it("asks only the checks that name rows: a handful of rows has no mean to speak of", async () => {
    const { table, context, log } = await quarantined();
    const newest = await log();
    const racing = resubmit(newest, {
      gate: suite("s", [check.measure("mean", "delay", { max: 0 }), check.notNull("id")]),
    });
    await expect(racing).resolves.toMatchObject({ landed: 2 });
    expect(await readQuarantine(context)).toEqual([]);
    await table.close();
  });

  it("brings every type back as it was", async () => {
    const folder = join(freshFolder(), "t");
    const types = schema()
      .long("id")
      .double("d")
      .float("f")
      .column("m", "decimal(38,10)")
      .boolean("b")
      .date("day")
      .timestamp("at")
      .binary("bytes")
      .struct("st", schema().string("x").column("l", arrayOf("double")));
    const table = await createTable(folder, { schema: types });
    const rows = [
      {
        id: 2n ** 62n + 1n,
        d: Number.NaN,
        f: 0.1,
        m: "1234567890123456789012345678.0123456789",
        b: true,
        day: "2001-01-31",
        at: new Date("2001-01-01T01:02:03.456Z"),
        bytes: new Uint8Array([0, 255, 92, 39]),
        st: { x: "a'b\\c\"{}, [", l: [0.1, null, Number.NaN, -Infinity] },
      },
      { id: -1n, d: -Infinity, f: null, m: null, b: null, day: null, at: null, bytes: null, st: null },
      {
        id: 0n,
        d: 5e-324,
        f: 3.4e38,
        m: "-0.0000000001",
        b: false,
        day: "1600-01-01",
        at: new Date(-1),
        bytes: new Uint8Array(),
        st: { x: null, l: [] },
      },
    ];
    await table.append(rows);
    const before = await rowsOf(table);
    await table.append(rows, {
      gate: suite("none", [check.isNull("id", { onFail: "quarantine" })], { maxBadShare: 1 }),
    });
    expect(await resubmit(await openLog(await openContext(folder), {}), { untested: true })).toMatchObject({
      landed: 3,
    });
    await table.refresh();
    const after = await rowsOf(table);
    expect(after).toHaveLength(6);
    for (const row of before)
      expect(
        after.filter((other) => JSON.stringify(plain(other)) === JSON.stringify(plain(row))),
      ).toHaveLength(2);
    await table.close();
  });

  describe("of a table whose columns are not simply given", () => {
    const refuse = suite("refuse", [check.sql("false", { id: "no", onFail: "quarantine" })], {
      maxBadShare: 1,
    });
    const fresh = async (columns: SchemaBuilder) =>
      createTable(join(freshFolder(), "t"), { schema: columns });
    const all = { gate: suite("all", []) };

    it("finds values that the source spelled in another case", async () => {
      const table = await fresh(schema().long("id").string("Name"));
      await table.append([{ ID: 1, name: "x" }], { gate: refuse });
      expect((await table.quarantine.read())[0]?.["payload"]).toBe('{"id":1,"Name":"x"}');
      expect(await table.quarantine.resubmit({ all: true, ...all })).toMatchObject({ landed: 1 });
      expect(await rowsOf(table)).toEqual([{ id: 1n, Name: "x" }]);
      await table.close();
    });

    it("lets the table fill what the row says nothing of, and keeps a null that it says", async () => {
      const columns = schema()
        .long("id")
        .column("d", "long", { default: "7" })
        .column("g", "long", { generatedAs: "id + coalesce(d, 0)" });
      const table = await fresh(columns.column("n", "long", { identity: { start: 100, step: 1 } }));
      for (const row of [{ id: 1 }, { id: 2, d: null }, { id: 3, d: 9 }, { id: 4, d: 9, g: 13 }, { id: 5 }])
        await table.append([row], { gate: refuse });
      const last = (await table.quarantine.read()).find((row) => String(row["payload"]).includes("5"));
      await table.quarantine.repair({ ids: [String(last?.["quarantine_id"])] }, { d: "NULL" });
      const strict = { gate: suite("filled", [check.between("g", { min: 3 }), check.notNull("g")]) };
      expect(await table.quarantine.resubmit({ all: true, ...strict })).toMatchObject({
        landed: 4,
        stillBad: 1,
      });
      const found = await rowsOf(table);
      expect(found.map(({ id, d, g }) => [id, d, g])).toEqual([
        [1n, 7n, 8n],
        [3n, 9n, 12n],
        [4n, 9n, 13n],
        [5n, null, 5n],
      ]);
      expect(found.map(({ n }) => n).sort()).toEqual([100n, 101n, 102n, 103n]);
      expect((await table.quarantine.read())[0]).toMatchObject({ payload: '{"id":2,"d":null}', attempt: 2 });
      await table.close();
    });

    it("keeps a row open that says something of a column that the table has no more, until that is set to NULL", async () => {
      const table = await fresh(schema().long("id").string("old").string("s"));
      const rows = [
        { id: 1, old: "x", s: "abc" },
        { id: 2, s: "5", old: null },
      ];
      await table.append(rows, { gate: refuse });
      await table.overwrite([{ id: 9, s: 3 }], { overwriteSchema: true });
      expect(await table.quarantine.resubmit({ all: true, ...all })).toMatchObject({
        landed: 1,
        stillBad: 1,
      });
      const [left] = await table.quarantine.read();
      expect(left?.["errors"]).toMatchObject([
        { check_id: "schema:s", message: "s must be a long", observed_value: "abc" },
        { check_id: "schema:old", message: "the table has no column old", observed_value: "x" },
      ]);
      await expect(table.quarantine.repair({ all: true }, { old: "'y'" })).rejects.toMatchObject({
        code: "COLUMN_NOT_FOUND",
      });
      await table.quarantine.repair({ all: true }, { old: "NULL", s: "1" });
      expect(await table.quarantine.resubmit({ all: true, ...all })).toMatchObject({
        landed: 1,
        stillBad: 0,
      });
      expect((await rowsOf(table)).map(({ id, s }) => [id, s])).toEqual([
        [1n, 1n],
        [2n, 5n],
        [9n, 3n],
      ]);
      await table.close();
    });

    it("keeps variants what they were", async () => {
      const table = await fresh(schema().long("id").column("v", "variant"));
      const other = await fresh(schema().long("id").column("v", "variant"));
      const rows = [{ a: 1, b: ["x", null], c: { d: "it's" } }, "text", 5.5, null, true, "{}"].map(
        (v, id) => [{ id, v }],
      );
      for (const one of rows) {
        await other.append(one);
        await table.append(one, { gate: refuse });
      }
      await table.append(other.snapshot(), { gate: refuse });
      expect(await table.quarantine.resubmit({ all: true, ...all })).toMatchObject({ landed: 12 });
      const [found, wanted] = [await rowsOf(table), await rowsOf(other)];
      expect(found.filter((_, at) => at % 2 === 0)).toEqual(wanted);
      expect(found.filter((_, at) => at % 2 === 1)).toEqual(wanted);
      await table.close();
    });

    it("leaves the column of tags to the suite that fills it", async () => {
      const table = await fresh(schema().long("id").array("_failed_checks", "string"));
      const rules = [
        check.between("id", { min: 0 }, { id: "low", onFail: "quarantine" }),
        check.between("id", { max: 9 }, { id: "high", onFail: "tag" }),
      ];
      await table.suite.set(suite("tags", rules, { maxBadShare: 1 }));
      await table.append([{ id: -5 }, { id: 50 }]);
      await table.quarantine.repair({ all: true }, { id: "60" });
      expect(await table.quarantine.resubmit({ all: true })).toMatchObject({ landed: 1 });
      expect((await rowsOf(table)).map((row) => row["_failed_checks"])).toEqual([["high"], ["high"]]);
      await table.close();
    });

    it("opens claimed rows again, and lands none, where the columns changed before they were landed", async () => {
      const table = await fresh(schema().long("id").string("s"));
      await table.append([{ id: 1, s: "abc" }], { gate: refuse });
      const context = await openContext(table.uri);
      const store = interrupted(context.store, claiming, async () => {
        await (await openTable(table.uri)).overwrite([{ id: 9, s: 3 }], { overwriteSchema: true });
      });
      await expect(
        resubmit(await openLog({ ...context, store }), { gate: suite("all", []) }),
      ).rejects.toMatchObject({
        code: "SCHEMA_MISMATCH",
      });
      expect(await readQuarantine(context, {})).toMatchObject([
        { status: "open", resubmission_id: null, attempt: 2 },
      ]);
      expect(await rowsOf(await openTable(table.uri))).toEqual([{ id: 9n, s: 3n }]);
      await table.close();
    });

    it("gives a claim up in the table's log before its rows are open: a landing under way cannot come after that", async () => {
      const table = await fresh(schema().long("id").string("s"));
      await table.append([{ id: 1, s: "abc" }], { gate: refuse });
      const context = await openContext(table.uri);
      const { store } = context;
      const commits: string[] = [];
      const recording: ObjectStore = {
        ...store,
        putIfAbsent: async (path, bytes, options) => {
          const answer = await store.putIfAbsent(path, bytes, options);
          if (/\d{20}\.json$/.test(path))
            commits.push(path.startsWith("_quarantine/") ? "quarantine" : "table");
          return answer;
        },
      };
      const slow = interrupted(recording, claiming, async () => {
        await (await openTable(table.uri)).overwrite([{ id: 9, s: 3 }], { overwriteSchema: true });
      });
      await expect(
        resubmit(await openLog({ ...context, store: slow }), { gate: suite("all", []) }),
      ).rejects.toMatchObject({
        code: "SCHEMA_MISMATCH",
      });
      expect(commits).toEqual(["quarantine", "table", "quarantine"]);
      await table.close();
    });
  });
});

function plain(value: unknown): unknown {
  if (typeof value === "bigint" || (typeof value === "number" && !Number.isFinite(value)))
    return String(value);
  if (value instanceof Uint8Array) return [...value];
  if (value instanceof Date) return value.getTime();
  if (Array.isArray(value)) return value.map(plain);
  return typeof value === "object" && value !== null
    ? Object.fromEntries(Object.entries(value).map(([name, item]) => [name, plain(item)]))
    : value;
}

describe("columns whose names are letters", () => {
  it("do not come between a quarantined row and the table", async () => {
    const columns = schema().long("id", { nullable: false }).long("e").long("k").long("c");
    const table = await createTable(join(freshFolder(), "t"), { schema: columns });
    const strict = suite("strict", [check.between("k", { max: 9 }, { onFail: "quarantine", id: "k" })], {
      maxBadShare: 1,
      onMisfit: "quarantine",
    });
    const rows = [
      { id: 1, e: 1, k: 10, c: 1 },
      { id: "x", e: 1, k: 1, c: 1 },
    ];
    await table.append(rows, { gate: strict, batchId: "b" });
    expect(await table.quarantine.read({ checkId: "k" })).toHaveLength(1);
    await table.quarantine.repair({ checkId: "k" }, { k: "5" });
    expect(await table.quarantine.resubmit({ all: true, gate: strict })).toMatchObject({
      landed: 1,
      stillBad: 1,
    });
    expect(await table.quarantine.repair({ all: true }, { id: "2" })).toBe(1);
    expect(await table.quarantine.resubmit({ all: true, gate: strict })).toMatchObject({
      landed: 1,
      stillBad: 0,
    });
    await table.close();
  });
});
