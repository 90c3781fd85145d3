import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { createTable } from "../../src/api/create-table.ts";
import { fsck } from "../../src/api/fsck.ts";
import { openTable } from "../../src/api/open-table.ts";
import { query } from "../../src/api/query.ts";
import type { Table } from "../../src/api/table.ts";
import { openLog } from "../../src/log/snapshot/open-log.ts";
import { check, suite } from "../../src/quality/suite/builder.ts";
import { checkText } from "../../src/report/check-text.ts";
import { schema } from "../../src/schema/builder.ts";
import { discardStaged, publishStaged } from "../../src/staging/publish-staged.ts";
import type { ObjectStore } from "../../src/storage/contract/object-store.ts";
import { openContext } from "../../src/table/definition/open-context.ts";
import { realWorld, type World } from "../../src/util/world.ts";
import { startS3Server } from "../support/s3-server.ts";
import { actionsOf, dataFiles, freshFolder, rowsOf } from "./table-folder.ts";

const orders = () => schema().long("id", { nullable: false }).double("amount");
const keys = suite("keys", [check.unique("id", { acrossTable: true })]);
const amounts = suite(
  "amounts",
  [check.between("amount", { min: 0 }, { id: "amount", onFail: "quarantine" })],
  { maxBadShare: 1 },
);

async function fresh(
  rows: readonly Record<string, unknown>[] = [{ id: 1, amount: 1 }],
): Promise<{ folder: string; table: Table }> {
  const folder = join(freshFolder(), "t");
  const table = await createTable(folder, { schema: orders() });
  await table.append(rows);
  return { folder, table };
}

const folderOf = (table: Table): string =>
  table.uri.startsWith("file:") ? fileURLToPath(table.uri) : table.uri;
const leftOf = (folder: string): string[] =>
  existsSync(join(folder, "_staged")) ? readdirSync(join(folder, "_staged")).sort() : [];

describe("a staged batch", () => {
  it("is seen by nobody until it is published, and then as the files that were staged", async () => {
    const { folder, table } = await fresh();
    const staged = await table.staging.stage([{ id: 2, amount: 2 }], {
      gate: amounts,
      userMetadata: "from a test",
    });
    expect(staged).toMatchObject({ rows: 1, files: 1, baseVersion: 1 });
    expect(await rowsOf(await openTable(folder))).toHaveLength(1);
    const files = dataFiles(folder);
    expect(await staged.audit()).toMatchObject({ accepted: true, rows: 1, suite: { name: "amounts" } });
    const result = await staged.publish();
    expect(result).toMatchObject({
      outcome: "committed",
      version: 2,
      rows: 1,
      reaudited: false,
      gate: { accepted: true, clean: 1 },
    });
    expect(dataFiles(folder)).toEqual(files);
    expect(await rowsOf(table)).toEqual([
      { id: 1n, amount: 1 },
      { id: 2n, amount: 2 },
    ]);
    expect(actionsOf(folder, 2, "commitInfo")[0]).toMatchObject({
      userMetadata: "from a test",
      gate: { suite: { name: "amounts" } },
    });
    expect(leftOf(folder)).toEqual([]);
    await table.close();
  });

  it("gets an id that sorts by the time it was staged, made by the injected clock and ids", async () => {
    let clock = Date.UTC(2024, 0, 1);
    const world: World = { ...realWorld, now: () => clock };
    const table = await createTable(join(freshFolder(), "t"), { schema: orders(), world });
    const ids: string[] = [];
    for (let id = 0; id < 5; id++) {
      clock += 1;
      ids.push((await table.staging.stage([{ id, amount: 1 }])).id);
    }
    expect([...ids].sort()).toEqual(ids);
    expect(new Set(ids.map((id) => id.slice(0, 8)))).toEqual(
      new Set([(Date.UTC(2024, 0, 1) / 2 ** 16).toString(16).split(".")[0]?.padStart(8, "0")]),
    );
    expect(
      ids.every((id) => /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(id)),
    ).toBe(true);
    await table.close();
  });

  it("keeps whole numbers of its suite that are larger than JavaScript's", async () => {
    const { table } = await fresh();
    const wide = {
      checks: [
        { kind: "expect_column_values_to_be_between", params: { column: "id", max_value: 2n ** 62n + 1n } },
      ],
    };
    const staged = await table.staging.stage([{ id: 2n ** 62n + 1n, amount: 2 }], { gate: wide });
    expect(await (await table.staging.get(staged.id)).publish()).toMatchObject({
      rows: 1,
      gate: { accepted: true },
    });
    const above = await table.staging.stage([{ id: 2n ** 62n + 2n, amount: 2 }], { gate: wide });
    await expect((await table.staging.get(above.id)).publish()).rejects.toMatchObject({
      code: "BATCH_REJECTED",
    });
    await table.close();
  });

  it("can be read and queried beside the table before it is published", async () => {
    const { table } = await fresh();
    const staged = await table.staging.stage([
      { id: 1, amount: 5 },
      { id: 2, amount: -2 },
    ]);
    const found: unknown[] = [];
    for await (const row of (await staged.snapshot()).rows({ where: "amount < 0" })) found.push(row);
    expect(found).toEqual([{ id: 2n, amount: -2 }]);
    const both = await staged.sql(
      "SELECT s.id, s.amount - t.amount AS change FROM staged s JOIN t USING (id)",
    );
    for await (const row of both.rows()) expect(row).toEqual({ id: 1n, change: 4 });
    const named = await query("SELECT count(*) AS n FROM s", { tables: { s: await staged.snapshot() } });
    for await (const row of named.rows()) expect(row).toEqual({ n: 2n });
    await table.close();
  });

  it("is found by its id from elsewhere, audited with more tests there, and published as the last audit asked", async () => {
    const { folder, table } = await fresh();
    await table.staging.stage([{ id: 2, amount: -2 }], { id: "2001-02" });
    const elsewhere = await openTable(folder);
    expect((await elsewhere.staging.list()).map(({ id, rows }) => [id, rows])).toEqual([["2001-02", 1]]);
    const staged = await elsewhere.staging.get("2001-02");
    const report = await staged.audit(suite("strict", [check.between("amount", { min: 0 })]));
    expect(report).toMatchObject({ accepted: false, checks: [{ unexpected: 1 }] });
    expect(checkText(report)).toContain("amount must be at least 0");
    const again = await (await openTable(folder)).staging.get("2001-02");
    await expect(again.publish()).rejects.toMatchObject({
      code: "BATCH_REJECTED",
      data: { id: "2001-02", version: 1 },
    });
    expect(await rowsOf(await openTable(folder))).toHaveLength(1);
    expect(await again.publish({ gate: suite("none", []) })).toMatchObject({
      outcome: "committed",
      reaudited: true,
    });
    await table.close();
  });

  it("is audited by what the table carries, rows of the table included, and then sets aside what a gate would", async () => {
    const { folder, table } = await fresh();
    await table.suite.set(
      suite("carried", [check.unique("id", { acrossTable: true, onFail: "quarantine" })], { maxBadShare: 1 }),
    );
    const staged = await table.staging.stage([
      { id: 1, amount: 5 },
      { id: 2, amount: 6 },
      { id: 3, amount: -1 },
    ]);
    expect(await staged.audit(amounts)).toMatchObject({ accepted: true, rows: 3, clean: 1, quarantined: 2 });
    expect(await staged.publish()).toMatchObject({
      outcome: "committed",
      rows: 1,
      quarantine: { rows: 2 },
      reaudited: false,
    });
    expect((await rowsOf(table)).map((row) => row["id"])).toEqual([1n, 2n]);
    expect(
      (await table.quarantine.read()).map((row) => JSON.parse(String(row["payload"])).id).sort(),
    ).toEqual([1, 3]);
    expect(dataFiles(folder).filter((file) => !file.startsWith("_"))).toHaveLength(2);
    expect(leftOf(folder)).toEqual([]);
    await table.close();
  });

  it("is tested again when the table moved on, and published when it still passes", async () => {
    const { table } = await fresh();
    const staged = await table.staging.stage([{ id: 2, amount: 2 }], { gate: keys });
    await staged.audit();
    await table.append([{ id: 3, amount: 3 }]);
    expect(await staged.publish()).toMatchObject({ outcome: "committed", version: 3, reaudited: true });
    await table.close();
  });

  it("is refused and stays staged when the table got one of its keys meanwhile", async () => {
    const { folder, table } = await fresh();
    const staged = await table.staging.stage([{ id: 2, amount: 2 }], { gate: keys });
    expect(await staged.audit()).toMatchObject({ accepted: true });
    await (await openTable(folder)).append([{ id: 2, amount: 3 }]);
    await expect(staged.publish()).rejects.toMatchObject({ code: "BATCH_REJECTED" });
    expect((await rowsOf(await openTable(folder))).map((row) => row["id"])).toEqual([1n, 2n]);
    expect(leftOf(folder)).toContain(`${staged.id}.json`);
    await table.refresh();
    await table.overwrite([]);
    expect(await staged.publish()).toMatchObject({ outcome: "committed", reaudited: true });
    await table.close();
  });

  it("is tested again when the table gets one of its keys between the audit and the commit", async () => {
    const { folder, table } = await fresh();
    const staged = await table.staging.stage([{ id: 2, amount: 2 }], { gate: keys });
    const racer = await openTable(folder);
    let races = 0;
    const history = async () => {
      if (races++ === 0) await racer.append([{ id: 2, amount: 9 }]);
      return [];
    };
    const normal = suite("normal", [check.normal("row_count", undefined, { rule: "threshold", lower: 0 })]);
    await expect(staged.publish({ gate: normal, gateOptions: { history } })).rejects.toMatchObject({
      code: "BATCH_REJECTED",
      data: { version: 2 },
    });
    expect(races).toBe(2);
    expect((await rowsOf(await openTable(folder))).map((row) => row["amount"])).toEqual([1, 9]);
    await table.close();
  });

  it("takes the columns that the table got meanwhile, and is refused where it lacks one that must not be null", async () => {
    const { folder, table } = await fresh();
    const staged = await table.staging.stage([{ id: 2, amount: 2 }], { gate: amounts });
    await staged.audit();
    await table.append([{ id: 3, amount: 3, note: "new" }], { mergeSchema: true });
    expect(await staged.publish()).toMatchObject({ outcome: "committed", reaudited: true, rows: 1 });
    expect((await rowsOf(table)).find((row) => row["id"] === 2n)).toEqual({ id: 2n, amount: 2, note: null });
    const late = await table.staging.stage([{ id: 4, amount: 4, note: "x" }]);
    await table.overwrite([{ id: 9 }], { overwriteSchema: true });
    await expect(late.publish()).rejects.toMatchObject({ code: "SCHEMA_MISMATCH" });
    expect(await rowsOf(await openTable(folder))).toEqual([{ id: 9n }]);
    await late.discard();
    await table.close();
  });

  it("brings new columns with mergeSchema", async () => {
    const { table } = await fresh();
    const staged = await table.staging.stage([{ id: 2, amount: 2, note: "x" }], { mergeSchema: true });
    expect(await staged.publish()).toMatchObject({ outcome: "committed", rows: 1 });
    expect((await rowsOf(table)).map((row) => row["note"])).toEqual([null, "x"]);
    await table.close();
  });

  it("lands once when it is published twice, one after the other or both at once", async () => {
    const { folder, table } = await fresh();
    const first = await table.staging.stage([{ id: 2, amount: 2 }]);
    await first.publish();
    expect(await first.publish()).toMatchObject({ outcome: "alreadyApplied", rows: 0 });
    const second = await table.staging.stage([{ id: 3, amount: 3 }]);
    const [one, other] = await Promise.all([
      (await openTable(folder)).staging.publish(second.id),
      (await openTable(folder)).staging.publish(second.id),
    ]);
    expect([one.outcome, other.outcome].sort()).toEqual(["alreadyApplied", "committed"]);
    expect((await rowsOf(await openTable(folder))).map((row) => row["id"])).toEqual([1n, 2n, 3n]);
    expect(leftOf(folder)).toEqual([]);
    await table.close();
  });

  it("lands once when it is published twice and its tests drop rows of it", async () => {
    const { folder, table } = await fresh();
    const gate = suite("positive", [check.between("amount", { min: 0 }, { onFail: "drop" })], {
      maxBadShare: 1,
    });
    const staged = await table.staging.stage([
      { id: 2, amount: 2 },
      { id: 3, amount: -1 },
    ]);
    const tries = await Promise.all(
      [1, 2].map(async () => (await openTable(folder)).staging.publish(staged.id, { gate })),
    );
    expect(tries.map(({ outcome }) => outcome).sort()).toEqual(["alreadyApplied", "committed"]);
    expect(await table.staging.publish(staged.id, { gate })).toMatchObject({ outcome: "alreadyApplied" });
    expect((await rowsOf(await openTable(folder))).map((row) => row["id"])).toEqual([1n, 2n]);
    expect(leftOf(folder)).toEqual([]);
    await table.close();
  });

  it("is gone when it is discarded, files and all", async () => {
    const { folder, table } = await fresh();
    const before = dataFiles(folder);
    const staged = await table.staging.stage([{ id: 2, amount: 2 }]);
    await staged.audit(amounts);
    await staged.discard();
    expect([dataFiles(folder), leftOf(folder)]).toEqual([before, []]);
    await expect(staged.publish()).rejects.toMatchObject({ code: "STAGED_INVALID" });
    await expect(staged.discard()).rejects.toMatchObject({ code: "STAGED_INVALID" });
    await expect(table.staging.get(staged.id)).rejects.toMatchObject({ code: "STAGED_INVALID" });
    await table.close();
  });

  it("cannot be discarded once it is published, and its files stay", async () => {
    const { table } = await fresh();
    const staged = await table.staging.stage([{ id: 2, amount: 2 }]);
    await staged.publish();
    await expect(staged.discard()).rejects.toMatchObject({
      code: "STAGED_INVALID",
      message: expect.stringContaining("published"),
    });
    expect(await rowsOf(table)).toHaveLength(2);
    await table.close();
  });

  it("lands or is discarded, never both, when both happen at once", async () => {
    const { folder, table } = await fresh();
    for (let round = 0; round < 5; round++) {
      const staged = await table.staging.stage([{ id: 100 + round, amount: 1 }]);
      const [published] = await Promise.allSettled([
        (await openTable(folder)).staging.publish(staged.id),
        (async () => (await (await openTable(folder)).staging.get(staged.id)).discard())(),
      ]);
      const ids = (await rowsOf(await openTable(folder))).map((row) => row["id"]);
      expect(ids.includes(BigInt(100 + round)), `round ${round}`).toBe(published?.status === "fulfilled");
    }
    await table.close();
  });

  it("is not published where a whole discard comes before the claim of a publication", async () => {
    const { folder, table } = await fresh();
    const { id } = await table.staging.stage([{ id: 2, amount: 2 }]);
    const context = await openContext(folder);
    const overtaken: ObjectStore = {
      ...context.store,
      putIfAbsent: async (path, bytes, options) => {
        if (path.endsWith(".end.json")) await discardStaged(await openLog(context), id);
        return context.store.putIfAbsent(path, bytes, options);
      },
    };
    const publication = publishStaged(await openLog({ ...context, store: overtaken }), id);
    await expect(publication).rejects.toMatchObject({ code: "STAGED_INVALID" });
    expect(await rowsOf(await openTable(folder))).toHaveLength(1);
    await table.close();
  });

  it("keeps its files where a whole publication comes between the steps of a discard", async () => {
    const { folder, table } = await fresh();
    const { id } = await table.staging.stage([{ id: 2, amount: 2 }]);
    const context = await openContext(folder);
    const overtaken: ObjectStore = {
      ...context.store,
      putIfAbsent: async (path, bytes, options) => {
        await (await openTable(folder)).staging.publish(id);
        return context.store.putIfAbsent(path, bytes, options);
      },
    };
    await expect(discardStaged(await openLog({ ...context, store: overtaken }), id)).rejects.toMatchObject({
      code: "STAGED_INVALID",
    });
    expect(await rowsOf(await openTable(folder))).toHaveLength(2);
    expect(leftOf(folder)).toEqual([]);
    await table.close();
  });

  it("keeps its files where two discards come between the claim of a publication and its commit", async () => {
    const { folder, table } = await fresh();
    const { id } = await table.staging.stage([{ id: 2, amount: 2 }]);
    const context = await openContext(folder);
    const intercepted = (when: (path: string) => boolean, act: () => Promise<unknown>): ObjectStore => ({
      ...context.store,
      putIfAbsent: async (path, bytes, options) => {
        if (when(path)) await act();
        return context.store.putIfAbsent(path, bytes, options);
      },
    });
    const first = async () => discardStaged(await openLog(context), id);
    // The second one has read the record before the first one takes it away.
    const second = intercepted((path) => path.endsWith(".end.json"), first);
    const discards = async () => discardStaged(await openLog({ ...context, store: second }), id);
    const publisher = intercepted((path) => /^_delta_log\/\d+\.json$/.test(path), discards);
    const published = await publishStaged(await openLog({ ...context, store: publisher }), id);
    expect(published.outcome).toBe("committed");
    expect(await rowsOf(await openTable(folder))).toHaveLength(2);
    await table.close();
  });

  it("refuses to name files that a vacuum took", async () => {
    const { folder, table } = await fresh();
    const before = new Set(dataFiles(folder));
    const staged = await table.staging.stage([{ id: 2, amount: 2 }]);
    await staged.audit();
    for (const file of dataFiles(folder)) if (!before.has(file)) rmSync(join(folder, file));
    await expect(staged.publish()).rejects.toMatchObject({ code: "DATA_FILE_MISSING" });
    expect(await rowsOf(await openTable(folder))).toHaveLength(1);
    await table.close();
  });

  it("refuses to name files that were damaged since, and their rows stay staged", async () => {
    const { folder, table } = await fresh();
    const before = new Set(dataFiles(folder));
    const staged = await table.staging.stage([{ id: 2, amount: 2 }]);
    await staged.audit();
    for (const file of dataFiles(folder)) if (!before.has(file)) truncateSync(join(folder, file), 7);
    await expect(staged.publish()).rejects.toMatchObject({ code: "DATA_FILE_MISSING" });
    expect(await rowsOf(await openTable(folder))).toHaveLength(1);
    expect((await table.staging.list()).map(({ id }) => id)).toEqual([staged.id]);
    await table.close();
  });

  describe("whose file was replaced after its audit", () => {
    const many = Array.from({ length: 1000 }, (_, id) => ({ id, amount: id }));

    /** A Parquet file of `rows` rows, which is filled up to `size` bytes between its rows and its footer. */
    async function fileOf(rows: number, size: number): Promise<Buffer> {
      const { folder, table } = await fresh(many.slice(0, rows));
      await table.close();
      const [name = ""] = dataFiles(folder);
      const bytes = readFileSync(join(folder, name));
      const footer = bytes.length - 8 - bytes.readUInt32LE(bytes.length - 8);
      const filling = Buffer.alloc(size - bytes.length);
      return Buffer.concat([bytes.subarray(0, footer), filling, bytes.subarray(footer)]);
    }

    it.each([
      ["fewer rows in as many bytes", 10, 0, "ROWS_UNACCOUNTED"],
      ["one row in as many bytes", 1, 0, "ROWS_UNACCOUNTED"],
      ["as many rows in more bytes", 1000, 8, "DATA_FILE_MISSING"],
    ] as const)("is refused where the file holds %s, and nothing lands", async (_name, rows, more, code) => {
      const { folder, table } = await fresh();
      const before = new Set(dataFiles(folder));
      const staged = await table.staging.stage(many);
      expect(await staged.audit(amounts)).toMatchObject({ accepted: true, rows: 1000 });
      const [file = ""] = dataFiles(folder).filter((name) => !before.has(name));
      const { size } = statSync(join(folder, file));
      writeFileSync(join(folder, file), await fileOf(rows, size + more));
      await expect(staged.publish()).rejects.toMatchObject({ code });
      expect(await rowsOf(await openTable(folder))).toHaveLength(1);
      expect((await table.staging.list()).map(({ id }) => id)).toEqual([staged.id]);
      await table.close();
    });

    it("is refused where rows must be written anew, and where the store is remote", async () => {
      const server = await startS3Server();
      try {
        const uri = "s3://bucket/t";
        const table = await createTable(uri, { schema: orders(), s3: server.options });
        const staged = await table.staging.stage([...many, { id: -1, amount: -1 }]);
        expect(await staged.audit(amounts)).toMatchObject({ accepted: true, quarantined: 1 });
        const objects = server.buckets.get("bucket")?.objects;
        const [key = ""] = [...(objects?.keys() ?? [])].filter((name) => name.endsWith(".parquet"));
        const object = objects?.get(key);
        if (object === undefined) throw new Error("no staged file");
        objects?.set(key, { ...object, bytes: await fileOf(10, object.bytes.length) });
        await expect(staged.publish()).rejects.toMatchObject({
          code: "ROWS_UNACCOUNTED",
          data: { recorded: 1001, found: 10 },
        });
        objects?.set(key, object);
        expect(await staged.publish()).toMatchObject({ rows: 1000, quarantine: { rows: 1 } });
        await table.close();
      } finally {
        await server.close();
      }
    });
  });

  it("keeps its files where another publication lands them while this one writes the rows anew", async () => {
    const { folder, table } = await fresh();
    const staged = await table.staging.stage([
      { id: 2, amount: 2 },
      { id: 3, amount: -1 },
    ]);
    const racer = await openTable(folder);
    let looks = 0;
    const history = async () => {
      // The first look is the audit's; at the second the rows are on their way.
      if (++looks === 2) await racer.staging.publish(staged.id, { gate: suite("none", []) });
      return [];
    };
    const normal = check.normal("row_count", undefined, { rule: "threshold", lower: 0 });
    const gate = suite("normal", [normal, check.between("amount", { min: 0 }, { onFail: "quarantine" })], {
      maxBadShare: 1,
    });
    expect(await staged.publish({ gate, gateOptions: { history } })).toMatchObject({
      outcome: "alreadyApplied",
    });
    expect(looks).toBe(2);
    expect((await rowsOf(await openTable(folder))).map((row) => row["id"])).toEqual([1n, 2n, 3n]);
    await table.close();
  });

  it("keeps its files where another publication landed them first", async () => {
    const { folder, table } = await fresh();
    const staged = await table.staging.stage([{ id: 2, amount: 2 }], { gate: amounts });
    await Promise.all([1, 2, 3].map(async () => (await openTable(folder)).staging.publish(staged.id)));
    expect(await rowsOf(await openTable(folder))).toHaveLength(2);
    await table.close();
  });

  it.each([
    ["a publication", publishStaged, { outcome: "alreadyApplied" }],
    [
      "a discard",
      discardStaged,
      { code: "STAGED_INVALID", message: expect.stringContaining("already published") },
    ],
  ])(
    "is known to %s that looks for its record just after another publication removed that",
    async (_, verb, expected) => {
      const { folder, table } = await fresh();
      const { id } = await table.staging.stage([{ id: 2, amount: 2 }]);
      const context = await openContext(folder);
      let due = true;
      const store = new Proxy(context.store, {
        get(target, key) {
          const value: unknown = Reflect.get(target, key, target);
          if (key !== "get") return typeof value === "function" ? value.bind(target) : value;
          return async (...asked: Parameters<ObjectStore["get"]>) => {
            const first = due && asked[0].endsWith(`${id}.json`);
            if (first) due = false;
            if (first) await (await openTable(folder)).staging.publish(id);
            return target.get(...asked);
          };
        },
      });
      const outcome = await verb(await openLog({ ...context, store }), id).catch((error: unknown) => error);
      expect(outcome).toMatchObject(expected);
      expect(due).toBe(false);
      expect(await rowsOf(await openTable(folder))).toHaveLength(2);
      await table.close();
    },
  );

  it("accounts for its files as long as its record is there", async () => {
    const { folder, table } = await fresh();
    const staged = await table.staging.stage([{ id: 2, amount: 2 }]);
    const orphans = async () =>
      (await fsck(folder)).findings.filter(({ code }) => code === "ORPHAN_FILE").length;
    expect(await orphans()).toBe(0);
    rmSync(join(folder, "_staged", `${staged.id}.json`));
    expect(await orphans()).toBe(1);
    await table.close();
  });

  it("needs an id of its own and one that can be a file's name", async () => {
    const { table } = await fresh();
    await table.staging.stage([{ id: 2, amount: 2 }], { id: "a" });
    await expect(table.staging.stage([{ id: 3, amount: 2 }], { id: "a" })).rejects.toMatchObject({
      code: "STAGED_INVALID",
    });
    await table.staging.publish("a");
    await expect(table.staging.stage([{ id: 3, amount: 2 }], { id: "a" })).rejects.toMatchObject({
      code: "STAGED_INVALID",
    });
    await expect(table.staging.stage([], { id: "../a" })).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    await table.close();
  });

  it("is listed beside files of others in its folder", async () => {
    const { folder, table } = await fresh();
    await table.staging.stage([{ id: 2, amount: 2 }], { id: "a" });
    mkdirSync(join(folder, "_staged", "b"));
    for (const name of ["a copy.json", "-.json", "b/c.json"])
      writeFileSync(join(folder, "_staged", name), "{}");
    expect((await table.staging.list()).map(({ id }) => id)).toEqual(["a"]);
    expect((await fsck(folder)).findings).toEqual([]);
    await table.close();
  });

  it("holds rows to the table's schema and constraints at once", async () => {
    const { folder, table } = await fresh();
    const before = dataFiles(folder);
    await expect(table.staging.stage([{ id: null, amount: 2 }])).rejects.toMatchObject({
      code: "SCHEMA_MISMATCH",
    });
    expect([dataFiles(folder), leftOf(folder)]).toEqual([before, []]);
    await table.close();
  });

  it("keeps partitions, tags rows in the column that tests ask for, and repairs", async () => {
    const folder = join(freshFolder(), "t");
    const table = await createTable(folder, {
      schema: schema().long("id").string("region").double("amount").array("_failed_checks", "string"),
      partitionBy: ["region"],
    });
    const staged = await table.staging.stage([
      { id: 1, region: "a b", amount: -1 },
      { id: 2, region: null, amount: 500 },
      { id: 3, region: "ü", amount: 5 },
    ]);
    const rules = suite(
      "rules",
      [
        check.between("amount", { min: 0 }, { id: "low", onFail: "tag" }),
        check.between("amount", { max: 100 }, { id: "high", onFail: "repair", repair: { with: "clip" } }),
      ],
      { maxBadShare: 1 },
    );
    expect(await staged.audit(rules)).toMatchObject({ accepted: true });
    await staged.publish();
    expect(await rowsOf(table)).toEqual([
      { id: 1n, region: "a b", amount: -1, _failed_checks: ["low"] },
      { id: 2n, region: null, amount: 100, _failed_checks: null },
      { id: 3n, region: "ü", amount: 5, _failed_checks: null },
    ]);
    const plain = await table.staging.stage([{ id: 4, region: "a b", amount: 1 }]);
    expect(await plain.publish()).toMatchObject({ filesAdded: 1 });
    expect(await rowsOf(table)).toHaveLength(4);
    await table.close();
  });

  describe("with rows that do not fit the table", () => {
    const misfits = { ...amounts.json, onMisfit: "quarantine" as const };

    it("sets them aside where the suite says so, counts them in the audit and loses none", async () => {
      const { folder, table } = await fresh();
      await table.suite.set(misfits);
      const csv = join(folder, "..", "in.csv");
      writeFileSync(csv, "id,amount\n2,2\n3,abc\n,4\n5,-5\n");
      const staged = await table.staging.stage({ csv });
      expect([staged.rows, staged.misfits]).toEqual([2, 2]);
      expect(await table.quarantine.list()).toEqual([]);
      const report = await (await (await openTable(folder)).staging.get(staged.id)).audit();
      expect(report).toMatchObject({ accepted: true, rows: 4, clean: 1, quarantined: 3 });
      expect(report.checks.map(({ id, unexpected }) => [id, unexpected])).toEqual([
        ["schema:cells", 1],
        ["schema:id", 1],
        ["amount", 1],
      ]);
      expect(await staged.publish()).toMatchObject({
        outcome: "committed",
        rows: 1,
        quarantine: { rows: 3 },
      });
      expect((await rowsOf(table)).map((row) => row["id"])).toEqual([1n, 2n]);
      const rows = await table.quarantine.read();
      const found = rows.map(({ payload, source_row, batch_id }) => [
        JSON.parse(String(payload)).id,
        source_row,
        batch_id,
      ]);
      const batch = `varve.staged.${staged.id}:1`;
      expect(found.filter(([id]) => id !== 5)).toEqual([
        [3, 1n, batch],
        [null, 2n, batch],
      ]);
      expect(rows.find((row) => row["source_row"] === 1n)).toMatchObject({
        source_file: csv,
        payload: '{"id":3,"amount":"abc"}',
        suite: "amounts",
        base_version: 2n,
        errors: [{ check_id: "schema:amount", observed_value: "abc" }],
      });
      expect(actionsOf(folder, 3, "commitInfo")[0]).toMatchObject({
        gate: { rows: 4, clean: 1, quarantined: 3, quarantine: {} },
      });
      expect(leftOf(folder)).toEqual([]);
      expect((await fsck(folder)).findings).toEqual([]);
      expect(
        await table.quarantine.repair(
          { all: true },
          { amount: "coalesce(amount, 0)", id: "coalesce(id, 9)" },
        ),
      ).toBe(3);
      expect(await table.quarantine.resubmit({ all: true })).toMatchObject({ landed: 2, stillBad: 1 });
      await table.close();
    });

    it("publishes the files as they are where the tests find nothing more", async () => {
      const { folder, table } = await fresh();
      const staged = await table.staging.stage(
        [
          { id: 2, amount: 1 },
          { id: null, amount: 2 },
        ],
        { gate: misfits },
      );
      const files = dataFiles(folder).filter((file) => !file.startsWith("_"));
      expect(await staged.publish()).toMatchObject({
        rows: 1,
        quarantine: { rows: 1 },
        gate: { rows: 2, quarantined: 1 },
      });
      expect(dataFiles(folder).filter((file) => !file.startsWith("_"))).toEqual(files);
      expect(actionsOf(folder, 2, "commitInfo")[0]).toMatchObject({
        gate: { quarantined: 1, quarantine: { version: 1 } },
      });
      expect(await table.quarantine.read()).toHaveLength(1);
      expect(await staged.publish()).toMatchObject({ outcome: "alreadyApplied" });
      expect(await table.quarantine.read()).toHaveLength(1);
      await table.close();
    });

    it("refuses them where they are too large a share, or no test sets them aside any more", async () => {
      const { table } = await fresh();
      await table.suite.set({ ...misfits, maxBadShare: 0.5 });
      const rows = [
        { id: 2, amount: 1 },
        { id: null, amount: 2 },
        { id: null, amount: 2 },
      ];
      const staged = await table.staging.stage(rows);
      expect(await staged.audit()).toMatchObject({
        accepted: false,
        reasons: ["2 of 3 rows failed schema:id (2), more than the 50 % that maxBadShare allows"],
      });
      await expect(staged.publish()).rejects.toMatchObject({ code: "BATCH_REJECTED" });
      await table.suite.set(amounts);
      await expect(staged.publish()).rejects.toMatchObject({
        code: "BATCH_REJECTED",
        message: expect.stringContaining("do not fit"),
      });
      expect(await table.quarantine.list()).toEqual([]);
      await staged.discard();
      expect(leftOf(await folderOf(table))).toEqual([]);
      await expect(table.staging.stage(rows)).rejects.toMatchObject({ code: "SCHEMA_MISMATCH" });
      await table.close();
    });

    it("takes a batch of which no row fits", async () => {
      const { table } = await fresh();
      const staged = await table.staging.stage([{ id: null, amount: 2 }], { gate: misfits });
      expect(await staged.publish()).toMatchObject({
        outcome: "committed",
        rows: 0,
        quarantine: { rows: 1 },
      });
      expect(await rowsOf(table)).toHaveLength(1);
      await table.close();
    });

    it("lands and quarantines each row once when it is published twice at once", async () => {
      const { folder, table } = await fresh();
      const staged = await table.staging.stage(
        [
          { id: 2, amount: -1 },
          { id: 3, amount: 1 },
          { id: null, amount: 2 },
        ],
        { gate: misfits },
      );
      await Promise.all([1, 2].map(async () => (await openTable(folder)).staging.publish(staged.id)));
      const later = await openTable(folder);
      expect([(await rowsOf(later)).length, (await later.quarantine.read()).length]).toEqual([2, 2]);
      expect(leftOf(folder)).toEqual([]);
      await table.close();
    });
  });
});
