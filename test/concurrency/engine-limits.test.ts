import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openSession } from "../../src/engine/session/session.ts";
import { createTable, query, type SuiteJson, schema, setEngineLimits, type Table } from "../../src/index.ts";
import { sql } from "../../src/sql/sql.ts";
import { freshFolder } from "../operations/table-folder.ts";

const rows = 5000;
let folder: string;
let table: Table;

beforeEach(async () => {
  setEngineLimits({ sessions: 1 });
  folder = freshFolder();
  table = await numbers("numbers");
});

afterEach(async () => {
  await table.close();
  setEngineLimits({});
});

async function numbers(name: string): Promise<Table> {
  const created = await createTable(join(folder, name), { schema: schema().long("id").string("text") });
  await created.append(Array.from({ length: rows }, (_, id) => ({ id, text: `row ${id}` })));
  return created;
}

async function count(target: Table, where = "true"): Promise<bigint> {
  for await (const row of (
    await query(`SELECT count(*) AS n FROM t WHERE ${where}`, { tables: { t: target } })
  ).rows()) {
    return BigInt(String(row["n"]));
  }
  throw new Error("no row");
}

describe("with one session at a time, work that needs several at once ends", () => {
  it("a caller holds row streams open and runs a query for each", async () => {
    const held = [table.snapshot().rows(), table.snapshot().rows(), table.snapshot().rows()];
    for (const stream of held) expect((await stream.next()).done).toBe(false);
    expect(await count(table)).toBe(BigInt(rows));
    const others = held.map(async (stream) => {
      let left = 1;
      for await (const _ of stream)
        if (left++ % 2000 === 0) expect(await count(table, `id < ${left}`)).toBe(BigInt(left));
      return left;
    });
    expect(await Promise.all(others)).toEqual([rows, rows, rows]);
  });

  it("an append takes its rows from a query that runs meanwhile, and quarantines some", async () => {
    const target = await createTable(join(folder, "target"), { schema: schema().long("id").string("text") });
    const gate: SuiteJson = {
      maxBadShare: 1,
      checks: [
        {
          kind: "expect_column_values_to_be_between",
          params: { column: "id", min_value: 10 },
          onFail: "quarantine",
        },
      ],
    };
    async function* slow() {
      for await (const row of table.snapshot().rows()) {
        if (row["id"] === 100n) expect(await count(table)).toBe(BigInt(rows));
        yield row;
      }
    }
    const result = await target.append(slow(), { gate });
    expect([result.rows, result.quarantine?.rows]).toEqual([rows - 10, 10]);
    await target.close();
  });

  it("a gate compares with another table, and the batch is a version of a third", async () => {
    const target = await createTable(join(folder, "target"), { schema: schema().long("id").string("text") });
    const reference = await numbers("reference");
    const params = { column_list: ["id"], table: "reference" };
    const gate: SuiteJson = {
      checks: [{ kind: "expect_column_values_to_exist_in_table", params, onFail: "quarantine" }],
    };
    const many = [0, 1, 2].map(() => target.append(table, { gate, gateOptions: { tables: { reference } } }));
    const results = await Promise.all(many);
    expect(results.map((result) => result.rows)).toEqual([rows, rows, rows]);
    await Promise.all([target.close(), reference.close()]);
  });

  it("SQL over files is staged in a session of its own", async () => {
    const file = join(folder, "more.csv");
    writeFileSync(file, "id,text\n1,a\n2,b\n");
    const batch = () =>
      table.append({ sql: "SELECT id, text FROM more WHERE id > 1", files: { more: file } });
    const results = await Promise.all([batch(), batch(), batch()]);
    expect(results.map((result) => result.rows)).toEqual([1, 1, 1]);
  });

  it("one producer feeds appends that wait for it, and needs the engine for each row", async () => {
    const waiting: ((id: number) => void)[] = [];
    async function* fed() {
      const id = await new Promise<number>((resolve) => waiting.push(resolve));
      yield { id, text: "fed" };
    }
    const appends = [0, 1, 2].map(() => table.append(fed()));
    for (let id = 0; id < 3; id++) {
      expect(await count(table, `id = ${id}`)).toBeGreaterThan(0n);
      while (waiting.length === 0) await new Promise((resolve) => setImmediate(resolve));
      waiting.shift()?.(id);
    }
    expect((await Promise.all(appends)).map((result) => result.rows)).toEqual([1, 1, 1]);
  });
});

it("a query that waits for the engine is cancelled at once, and the others go on", async () => {
  const session = await openSession();
  const long = session.rows(
    sql`SELECT count(*) FROM range(1000000) a, range(50) b WHERE hash(a.range + b.range) % 7 = 3`,
  );
  const controller = new AbortController();
  const cancelled = query("SELECT 1 FROM t", { tables: { t: table }, signal: controller.signal });
  const other = count(table);
  let isLongDone = false;
  const longDone = long.then(() => {
    isLongDone = true;
  });
  controller.abort();
  await expect(cancelled).rejects.toMatchObject({ code: "CANCELLED" });
  expect(isLongDone).toBe(false);
  await longDone;
  expect(await other).toBe(BigInt(rows));
  await session.close();
});

it("an aborted signal ends a result that is being consumed", async () => {
  const controller = new AbortController();
  const result = await query("SELECT a.id FROM t a, t b", {
    tables: { t: table },
    signal: controller.signal,
  });
  const consume = async () => {
    for await (const _ of result.rows()) controller.abort();
  };
  await expect(consume()).rejects.toMatchObject({ code: "CANCELLED" });
});

it("an aborted signal ends Arrow batches that have a signal of their own, a written file and changes", async () => {
  const aborted = AbortSignal.abort();
  const cancelled = { code: "CANCELLED" };
  const many = async (signal: AbortSignal) =>
    query("SELECT a.id, b.text FROM t a, t b", { tables: { t: table }, signal, exportFolder: freshFolder() });
  const controller = new AbortController();
  const batches = async () => {
    for await (const _ of (await many(controller.signal)).batches({ signal: new AbortController().signal }))
      controller.abort();
  };
  await expect(batches()).rejects.toMatchObject(cancelled);
  const late = new AbortController();
  const written = (await many(late.signal)).writeFile("csv");
  setImmediate(() => late.abort());
  await expect(written).rejects.toMatchObject(cancelled);
  await expect(table.changes({ from: 0, signal: aborted })).rejects.toMatchObject(cancelled);
});

it.runIf(process.platform === "linux")(
  "fenced instances take their threads with them, also where a stream is read to its end later",
  async () => {
    const threads = () => readdirSync("/proc/self/task").length;
    setEngineLimits({});
    const warm = await openSession({ threads: 9 });
    await warm.fence({ files: [] });
    await warm.close();
    const before = threads();
    for (let round = 0; round < 3; round++) {
      const session = await openSession({ threads: 33 + round });
      await session.fence({ files: [] });
      const stream = session.rowStream(sql`SELECT range AS a FROM range(100000)`)[Symbol.asyncIterator]();
      await stream.next();
      expect(threads()).toBeGreaterThan(before + 30);
      await session.close();
      await stream.return?.();
      expect(threads()).toBeLessThan(before + 10);
    }
  },
);
