import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  check,
  createTable,
  openTable,
  type ResubmitOptions,
  schema,
  suite,
  type Table,
} from "../../../src/index.ts";
import { openLog } from "../../../src/log/snapshot/open-log.ts";
import { resubmit } from "../../../src/quarantine/resubmit.ts";
import { openContext } from "../../../src/table/definition/open-context.ts";
import { freshFolder, rowsOf } from "../table-folder.ts";

const atLeast = (min: number) =>
  suite("least", [check.between("n", { min }, { onFail: "quarantine" })], { maxBadShare: 1 });
const columns = schema().long("id").long("n");
const all = { all: true } as const;

async function withBadRows(
  gate = atLeast(0),
  rows = [
    { id: 1, n: 1 },
    { id: 2, n: -2 },
    { id: 3, n: -3 },
  ],
) {
  const table = await createTable(join(freshFolder(), "t"), { schema: columns });
  await table.append(rows, { gate, batchId: "june" });
  return table;
}

async function landedIds(table: Table): Promise<number[]> {
  await table.refresh();
  return (await rowsOf(table)).map((row) => Number(row["id"])).sort((a, b) => a - b);
}

/** Makes a quarantine as versions of varve before kept suites left it. */
function forgetSuites(table: Table): void {
  rmSync(join(table.uri.replace("file://", ""), "_quarantine", "_suites"), { recursive: true });
}

describe("a resubmission without a suite of its own", () => {
  it("tests rows again with the suite that set them aside, and says why they still fail", async () => {
    await using table = await withBadRows();
    expect(await table.quarantine.resubmit({ all: true })).toEqual({
      landed: 0,
      stillBad: 2,
      version: null,
      ofRemovedTable: 0,
      needMerge: 0,
      failures: [{ checkId: "n:values_to_be_between", message: expect.stringMatching(/^n /), rows: 2 }],
    });
    await table.quarantine.repair({ checkId: "n:values_to_be_between" }, { n: "n + 2" });
    expect(await table.quarantine.resubmit({ all: true })).toMatchObject({
      landed: 1,
      stillBad: 1,
      version: 2,
    });
    expect(await landedIds(table)).toEqual([1, 2]);
  });

  it("tests rows of each batch with that batch's suite and with the suite that the table carries now", async () => {
    await using table = await withBadRows();
    await table.append(
      [
        { id: 4, n: 5 },
        { id: 5, n: 50 },
      ],
      { gate: atLeast(10), batchId: "july" },
    );
    await table.suite.set(suite("even", [check.sql("n % 2 = 0", { id: "even" })]));
    await table.quarantine.repair(all, { n: "n + 3" });
    expect(await table.quarantine.resubmit({ all: true })).toMatchObject({ landed: 1, stillBad: 2 });
    expect(await landedIds(table)).toEqual([1, 3, 5]);
    const reasons = (await table.quarantine.read()).map(({ batch_id, errors }) => [batch_id, errors]);
    expect(reasons).toMatchObject([
      ["july", [{ check_id: "n:values_to_be_between" }]],
      ["june", [{ check_id: "even" }]],
    ]);
  });

  it.each([[{}], ["given"]])(
    "lands no row twice that was set aside because its batch had it twice (%j)",
    async (choice) => {
      const gate = suite("once", [check.unique("id", { keep: "first", onFail: "quarantine" })], {
        maxBadShare: 1,
      });
      const options = choice === "given" ? { gate } : {};
      const rows = [1, 1, 2].map((id) => ({ id, n: 1 }));
      await using table = await withBadRows(gate, rows);
      expect(await table.quarantine.resubmit({ all: true, ...options })).toMatchObject({
        landed: 0,
        stillBad: 1,
      });
      await table.quarantine.repair(all, { id: "3" });
      expect(await table.quarantine.resubmit({ all: true, ...options })).toMatchObject({
        landed: 1,
        stillBad: 0,
      });
      expect(await landedIds(table)).toEqual([1, 2, 3]);
    },
  );

  it("keeps the suite of an overwrite, a creation and a publication too", async () => {
    const folder = freshFolder();
    const source = [
      { id: 1, n: 1 },
      { id: 2, n: -2 },
    ];
    await using created = await createTable(join(folder, "a"), { source, gate: atLeast(0) });
    await using written = await createTable(join(folder, "b"), { schema: columns });
    await written.overwrite(source, { gate: atLeast(0) });
    await using published = await createTable(join(folder, "c"), { schema: columns });
    const gate = { ...atLeast(0).json, onMisfit: "quarantine" as const };
    await published.staging.stage([...source, { id: 3, n: "x" }] as never, { id: "s", gate });
    await published.staging.publish("s");
    for (const [table, bad] of [
      [created, 1],
      [written, 1],
      [published, 2],
    ] as const) {
      expect(await table.quarantine.resubmit({ all: true })).toMatchObject({ landed: 0, stillBad: bad });
      expect(await landedIds(table)).toEqual([1]);
    }
    await published.quarantine.repair(all, { n: "coalesce(n, -1)" });
    expect(await published.quarantine.resubmit({ all: true })).toMatchObject({ landed: 0, stillBad: 2 });
  });

  it("is refused where no suite was kept, and where the table no longer carries the one that tested the rows", async () => {
    await using old = await withBadRows();
    forgetSuites(old);
    await using carrying = await createTable(join(freshFolder(), "t"), { schema: columns });
    await carrying.suite.set(atLeast(0));
    await carrying.append([
      { id: 2, n: -2 },
      { id: 3, n: -3 },
    ]);
    expect(await carrying.quarantine.resubmit({ all: true })).toMatchObject({ landed: 0, stillBad: 2 });
    await carrying.suite.unset();
    for (const table of [old, carrying]) {
      await expect(table.quarantine.resubmit({ all: true })).rejects.toMatchObject({
        code: "QUARANTINE_INVALID",
        message: expect.stringMatching(/gate.*untested/s),
      });
      expect(await table.quarantine.resubmit({ all: true, gate: atLeast(-2) })).toMatchObject({
        landed: 1,
        stillBad: 1,
      });
      expect(await table.quarantine.resubmit({ all: true, untested: true })).toMatchObject({
        landed: 1,
        stillBad: 0,
      });
    }
    expect(await landedIds(old)).toEqual([1, 2, 3]);
  });

  it("of rows from before suites were kept goes by the table's suite if that set them aside", async () => {
    await using table = await createTable(join(freshFolder(), "t"), { schema: columns });
    await table.suite.set(atLeast(0));
    await table.append([{ id: 2, n: -2 }]);
    await withoutColumn(table);
    expect(await table.quarantine.resubmit({ all: true })).toMatchObject({ landed: 0, stillBad: 1 });
    await table.suite.set(atLeast(1));
    await expect(table.quarantine.resubmit({ all: true })).rejects.toMatchObject({
      code: "QUARANTINE_INVALID",
    });
  });

  it("is refused where the tests call TypeScript functions, unless they are given", async () => {
    const functions = { positive: (batch: { readonly numRows: number }) => Array(batch.numRows).fill(false) };
    const gate = suite(
      "typed",
      [
        check.predicate("positive", ["n"], functions.positive as never, {
          id: "positive",
          onFail: "quarantine",
        }),
      ],
      { maxBadShare: 1 },
    );
    await using table = await withBadRows(gate, [{ id: 1, n: 1 }]);
    await expect(table.quarantine.resubmit({ all: true })).rejects.toMatchObject({
      code: "QUARANTINE_INVALID",
      message: expect.stringContaining("positive"),
    });
    const given = { gateOptions: { functions: functions as never } };
    expect(await table.quarantine.resubmit({ all: true, ...given })).toMatchObject({
      landed: 0,
      stillBad: 1,
    });
    expect(await table.quarantine.resubmit({ all: true, gate })).toMatchObject({ landed: 0, stillBad: 1 });
  });

  it("lands no row that a resubmission without tests had claimed when it was killed", async () => {
    await using table = await withBadRows();
    const context = await openContext(table.uri);
    const dead = {
      ...context.store,
      putIfAbsent: (path: string, ...rest: [Uint8Array]) =>
        /^_delta_log\/0{19}2/.test(path)
          ? Promise.reject(new Error("the process died"))
          : context.store.putIfAbsent(path, ...rest),
    };
    const died = resubmit(await openLog({ ...context, store: dead }), { untested: true });
    await expect(died).rejects.toThrow("died");
    expect(await table.quarantine.read({ status: "claimed" })).toHaveLength(2);
    await expect(table.quarantine.resubmit({ all: true })).rejects.toMatchObject({ code: "BATCH_REJECTED" });
    expect(await table.quarantine.resubmit({ all: true })).toMatchObject({ landed: 0, stillBad: 2 });
    expect(await landedIds(table)).toEqual([1]);
  });

  it("claims rows anew by batch where a killed one had claimed rows of several suites together", async () => {
    await using table = await withBadRows();
    await table.append([{ id: 4, n: 5 }], { gate: atLeast(10), batchId: "july" });
    const context = await openContext(table.uri);
    const dead = {
      ...context.store,
      putIfAbsent: (path: string, ...rest: [Uint8Array]) =>
        /^_delta_log\/0{19}3/.test(path)
          ? Promise.reject(new Error("the process died"))
          : context.store.putIfAbsent(path, ...rest),
    };
    await table.quarantine.repair({ batchId: "june" }, { n: "7" });
    const died = resubmit(await openLog({ ...context, store: dead }), { untested: true });
    await expect(died).rejects.toThrow("died");
    expect(await table.quarantine.resubmit({ all: true })).toMatchObject({ landed: 2, stillBad: 1 });
    expect(await landedIds(table)).toEqual([1, 2, 3]);
    expect(await table.quarantine.read({ status: "claimed" })).toEqual([]);
  });
});

describe("the options of a resubmission", () => {
  it.each([
    [{ gate: atLeast(0), untested: true }, "untested"],
    [{ untested: "yes" } as unknown as ResubmitOptions, "untested"],
  ])("%# are refused if they contradict each other or have another type", async (options, option) => {
    await using table = await withBadRows();
    await expect(table.quarantine.resubmit({ all: true, ...options })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      data: { option },
    });
  });

  it("without tests are named in the history", async () => {
    await using table = await withBadRows();
    await table.quarantine.resubmit({ all: true, untested: true });
    await table.refresh();
    const [entry] = await table.history();
    expect(JSON.parse(entry?.userMetadata ?? "{}")).toMatchObject({ resubmittedFrom: { untested: true } });
  });
});

it("a suite is kept once for all batches that it tested", async () => {
  await using table = await withBadRows();
  await table.append([{ id: 4, n: -5 }], { gate: atLeast(0), batchId: "july" });
  const folder = join(table.uri.replace("file://", ""), "_quarantine", "_suites");
  expect(readdirSync(folder)).toEqual([`${atLeast(0).fingerprint}.json`]);
});

/** Takes away the column that names the kept suite, as versions of varve without it left a quarantine. */
async function withoutColumn(table: Table): Promise<void> {
  await using quarantine = await openTable(`${table.uri}/_quarantine`);
  const sql = "SELECT * EXCLUDE (writer_suite) FROM q";
  await quarantine.overwrite({ sql, tables: { q: quarantine } }, { overwriteSchema: true });
}
