import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, describe, expect, it } from "vitest";
import {
  checkTrainingSet,
  createTable,
  type EngineRow,
  openTable,
  readTrainingSetRecord,
  recreateTrainingSet,
  schema,
  type Table,
  type TrainingSet,
  type TrainingSetOptions,
  trainingSet,
} from "../../src/index.ts";
import { withDigest } from "../../src/training/record.ts";
import { realWorld } from "../../src/util/world.ts";

const folder = mkdtempSync(join(tmpdir(), "varve-test-training-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let tables = 0;
/** Rows of customers, with an id, a customer, an amount and a day. */
async function orders(rows = 200, from = 0): Promise<Table> {
  const table = await createTable(join(folder, `orders-${tables++}`), {
    schema: schema().long("id").string("customer").double("amount").timestamp("day"),
    properties: { "delta.enableDeletionVectors": "true" },
  });
  await table.append(orderRows(rows, from));
  return table;
}

const orderRows = (rows: number, from: number) =>
  Array.from({ length: rows }, (_, index) => ({
    id: BigInt(from + index),
    customer: `c${(from + index) % 17}`,
    amount: ((from + index) * 7919) / 13,
    day: `2024-01-01T00:00:${String((from + index) % 60).padStart(2, "0")}Z`,
  }));

let sets = 0;
async function made(options: Partial<TrainingSetOptions> & Pick<TrainingSetOptions, "sql" | "inputs">) {
  return trainingSet({ name: `set-${sets++}`, ...options });
}

async function rowsOf(set: TrainingSet, part?: string): Promise<EngineRow[]> {
  const rows: EngineRow[] = [];
  for await (const row of set.rows(part)) rows.push(row);
  return rows;
}

const byId = { key: ["id"], shares: { train: 0.7, validation: 0.1, test: 0.2 }, seed: "7" };
const pinsOf = async (table: Table) => (await table.pins.list()).map(({ name }) => name);

/** The part of a key as spec/training-sets.md says, without the engine. */
function partOf(
  values: readonly (string | null)[],
  split: { shares: Readonly<Record<string, number>>; seed: string },
): string {
  const framed = (text: string | null) => (text === null ? "-," : `${Buffer.byteLength(text)}:${text},`);
  const digest = createHash("md5")
    .update([split.seed, ...values].map(framed).join(""))
    .digest("hex");
  const position = Number.parseInt(digest.slice(0, 13), 16) / 2 ** 52;
  let total = 0;
  for (const [name, share] of Object.entries(split.shares)) {
    total += share;
    if (position < total) return name;
  }
  return Object.keys(split.shares).at(-1) ?? "";
}

describe("a training set", () => {
  it("pins its inputs, and comes again from its record alone after everything that the table goes through", async () => {
    const table = await orders();
    const files = join(folder, "first");
    const sql = "SELECT id, customer, amount / 3 AS third, day FROM o WHERE amount > 10";
    await using set = await made({ sql, inputs: { o: table }, split: byId, folder: files, name: "first" });
    expect(await pinsOf(table)).toEqual(["first.v1"]);
    expect(set.record).toMatchObject({
      name: "first",
      sql,
      inputs: [{ name: "o", table: table.uri, version: 1, pin: "first.v1" }],
      rows: 199,
      split: byId,
    });
    expect(readdirSync(files).sort()).toEqual([
      "test.parquet",
      "train.parquet",
      "training-set.json",
      "validation.parquet",
    ]);
    const rows = await rowsOf(set);

    await table.append(orderRows(50, 1_000));
    await table.delete("id % 3 = 0");
    await table.optimize();
    await table.overwrite(orderRows(3, 0));
    await table.vacuum({ retainHours: 0, retentionCheck: false });
    await expect((await table.at(1)).select()).rejects.toMatchObject({ code: "DATA_FILE_MISSING" });

    await using again = await recreateTrainingSet(join(files, "training-set.json"), {
      folder: join(folder, "again"),
    });
    expect(await rowsOf(again)).toEqual(rows);
    expect(again.record).toEqual(await readTrainingSetRecord(join(files, "training-set.json")));
    for (const { part, file } of again.files) {
      const copy = await createTable(`memory://copy-${crypto.randomUUID()}`, { source: { parquet: file } });
      const { fingerprint } = await copy.snapshot().contentFingerprint();
      expect(fingerprint).toBe(set.record.parts.find(({ name }) => name === part)?.fingerprint);
    }
    expect(await checkTrainingSet(set.record)).toEqual({
      reproducible: true,
      inputs: [{ name: "o", from: "pin" }],
      leakage: [],
    });
  });

  it("splits by the hash of the key that the page says, and a key never changes its part", async () => {
    const table = await orders(150);
    const split = { key: ["id", "customer"], shares: byId.shares, seed: "é" };
    const partsOf = async (sql: string) => {
      await using set = await made({ sql, inputs: { o: table }, split });
      const parts = new Map<string, string>();
      for (const { name } of set.record.parts)
        for (const { id, customer } of await rowsOf(set, name)) parts.set(`${id} ${customer}`, name);
      return parts;
    };
    const before = await partsOf("SELECT id, nullif(customer, 'c3') AS customer FROM o");
    expect(before.size).toBe(150);
    for (const [key, part] of before) {
      const [id = "", customer = ""] = key.split(" ");
      expect(part).toBe(partOf([id, customer === "null" ? null : customer], split));
    }
    expect(new Set(before.values())).toEqual(new Set(["train", "validation", "test"]));
    await table.append(orderRows(100, 150));
    const after = await partsOf(
      "SELECT CAST(id AS SMALLINT) AS id, nullif(customer, 'c3') AS customer FROM o ORDER BY amount",
    );
    expect(after.size).toBe(250);
    for (const [key, part] of before) expect(after.get(key)).toBe(part);
  });

  it("has parts of about their shares", async () => {
    const table = await orders(20_000);
    await using set = await made({ sql: "SELECT id FROM o", inputs: { o: table }, split: byId });
    const [train, validation, test] = set.record.parts.map(({ rows }) => rows / 20_000);
    expect(train).toBeCloseTo(0.7, 1);
    expect(validation).toBeCloseTo(0.1, 1);
    expect(test).toBeCloseTo(0.2, 1);
  });

  it.each([
    ["decimals without the zeros at their end", "CAST(1.5 AS DECIMAL(9,3))", "1.5"],
    ["whole decimals", "CAST(100 AS DECIMAL(9,2))", "100"],
    ["decimals without a scale", "CAST(100 AS DECIMAL(9,0))", "100"],
    ["timestamps by their microseconds", "TIMESTAMPTZ '2024-01-01 00:00:00.000001+00'", "1704067200000001"],
    ["dates", "DATE '2024-02-29'", "2024-02-29"],
    ["booleans", "true", "true"],
  ])("splits by %s", async (_, value, text) => {
    const table = await orders(1);
    const shares = Object.fromEntries(Array.from({ length: 50 }, (__, index) => [`p${index}`, 1 / 50]));
    const split = { key: ["k"], shares, seed: "" };
    await using set = await made({ sql: `SELECT ${value} AS k FROM o`, inputs: { o: table }, split });
    expect(set.record.parts.find(({ rows }) => rows === 1)?.name).toBe(partOf([text], split));
  });

  it("sums fractions in one order, so that they come out the same", async () => {
    const table = await createTable(join(folder, "fractions"), {
      source: { sql: "SELECT i % 3 AS g, (hash(i) % 1000003) / 7.0 AS x FROM range(400000) t(i)" },
    });
    const sql = "SELECT g, sum(x) AS s, avg(x) AS a, stddev(x) AS d FROM f GROUP BY g";
    const set = await made({ sql, inputs: { f: table } });
    await set.close();
    for (let round = 0; round < 3; round++) await (await recreateTrainingSet(set.record)).close();
  });

  it("joins the latest features, known at their versions", async () => {
    const labels = await orders(20);
    const scores = await createTable(join(folder, "scores"), {
      schema: schema().string("customer").timestamp("seen").double("score"),
    });
    await scores.append([
      { customer: "c1", seen: "2024-01-01T00:00:00Z", score: 1 },
      { customer: "c1", seen: "2024-01-01T00:00:10Z", score: 2 },
    ]);
    const latest = {
      time: "day",
      features: [{ input: "s", eventTime: "seen", keys: ["customer"], ttl: "1h" }],
    };
    const sql = "SELECT id, customer, day FROM l WHERE customer IN ('c1', 'c2')";
    await using set = await made({ sql, inputs: { l: labels, s: scores }, join: latest });
    const score = async (of: TrainingSet) =>
      new Map((await rowsOf(of)).map((row) => [Number(row["id"]), row["score"]]));
    const known = [
      [1, 1],
      [2, null],
      [18, 2],
      [19, null],
    ];
    expect([...(await score(set))].sort(([a], [b]) => a - b)).toEqual(known);
    await scores.append([{ customer: "c2", seen: "2024-01-01T00:00:00Z", score: 9 }]);
    await using again = await recreateTrainingSet(JSON.stringify(set.record));
    expect([...(await score(again))].sort(([a], [b]) => a - b)).toEqual(known);
  });

  it("has inputs of any name, also those that varve would use itself", async () => {
    const table = await orders(5);
    for (const name of ["training_rows", "queried", "__proto__", "a\"b'c\n😀"]) {
      const inputs = JSON.parse(`{${JSON.stringify(name)}: 0}`, (key, value) =>
        key === name ? table : value,
      );
      const sql = `SELECT id FROM "${name.replaceAll('"', '""')}"`;
      await using set = await made({ sql, inputs });
      expect([set.record.rows, set.record.inputs[0]?.name]).toEqual([5, name]);
      expect((await checkTrainingSet(set.record)).reproducible).toBe(true);
    }
  });

  it("uses a pin that an input names, and the table if the pin is gone", async () => {
    const table = await orders(30);
    await table.pins.add("mine");
    const set = await made({ sql: "SELECT id FROM o", inputs: { o: `${table.uri}@mine` } });
    await set.close();
    expect(await pinsOf(table)).toEqual(["mine"]);
    expect(set.record.inputs).toMatchObject([{ table: table.uri, version: 1, pin: "mine" }]);
    await table.pins.remove("mine");
    expect(await checkTrainingSet(set.record)).toMatchObject({ inputs: [{ name: "o", from: "table" }] });
    await table.pins.add("mine", { version: 0 });
    expect(await checkTrainingSet(set.record)).toMatchObject({ inputs: [{ name: "o", from: "table" }] });
  });

  it("says what is gone, or differs", async () => {
    const table = await orders(30);
    const set = await made({ sql: "SELECT id FROM o", inputs: { o: table } });
    await set.close();
    await table.pins.remove(`${set.record.name}.v1`);
    await table.overwrite(orderRows(3, 0));
    await table.vacuum({ retainHours: 0, retentionCheck: false });
    const gone = recreateTrainingSet(set.record, { folder: join(folder, "never") });
    await expect(gone).rejects.toMatchObject({ code: "TRAINING_SET_NOT_REPRODUCIBLE" });
    expect(readdirSync(folder)).not.toContain("never");
    expect(await checkTrainingSet(set.record)).toMatchObject({ reproducible: false });
  });
});

describe("a training set that has other rows than its record", () => {
  it("is not created again", async () => {
    const table = await orders(30);
    const set = await made({ sql: "SELECT id FROM o", inputs: { o: table }, split: byId });
    await set.close();
    for (const [sql, problem] of [
      ["SELECT id FROM o WHERE id <> 5", "rows instead of"],
      ["SELECT id + 10 * (id = 5)::INT AS id FROM o", "instead of|differ"],
      ["SELECT id, 1 AS one FROM o", "its columns are others"],
    ] as const) {
      // As someone would who also writes the digest that belongs to the change.
      const { digest: _, ...changed } = { ...set.record, sql };
      const record = withDigest(changed);
      await expect(recreateTrainingSet(record)).rejects.toMatchObject({
        code: "TRAINING_SET_NOT_REPRODUCIBLE",
        message: expect.stringMatching(problem),
      });
    }
  });
});

describe("a training set is refused, and leaves neither pins nor files,", () => {
  it.each([
    ["random()", "SELECT id, random() AS r FROM o"],
    ["now()", "SELECT id, now() - day AS age FROM o"],
    ["current_date", "SELECT id FROM o WHERE day < current_date"],
    ["age() of now", "SELECT id, age(day) AS age FROM o"],
    ["uuid()", "SELECT id, uuid() AS u FROM o"],
    ["a sample", "SELECT id FROM o USING SAMPLE 10%"],
    ["a sample of a table", "SELECT id FROM o TABLESAMPLE 10%"],
    ["LIMIT without an order", "SELECT id FROM o LIMIT 5"],
    ["LIMIT without an order, deep down", "SELECT id FROM o WHERE id IN (SELECT id FROM o LIMIT 5)"],
    ["OFFSET without an order", "SELECT id FROM o OFFSET 5"],
    ["DISTINCT ON without an order", "SELECT DISTINCT ON (customer) * FROM o"],
    ["row_number() without an order", "SELECT id, row_number() OVER (PARTITION BY customer) AS n FROM o"],
    ["lag() without an order", "SELECT id, lag(id) OVER () AS n FROM o"],
    [
      "rows of a frame without an order",
      "SELECT sum(id) OVER (ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS n FROM o",
    ],
    ["first() without an order", "SELECT customer, first(id) AS f FROM o GROUP BY 1"],
    ["a list without an order", "SELECT customer, list(id) AS f FROM o GROUP BY 1"],
    ["an ASOF join", "SELECT a.id FROM o a ASOF JOIN o b ON a.customer = b.customer AND a.day >= b.day"],
    ["a join by position", "SELECT a.id FROM o a POSITIONAL JOIN o b"],
    ["a reservoir", "SELECT reservoir_quantile(id, 0.5) AS q FROM o"],
  ])("for %s", async (_, sql) => {
    const table = await orders(5);
    const refused = made({ sql, inputs: { o: table }, folder: join(folder, "refused") });
    await expect(refused).rejects.toMatchObject({ code: "SQL_REFUSED" });
    expect(await pinsOf(table)).toEqual([]);
    expect(readdirSync(folder).includes("refused") ? readdirSync(join(folder, "refused")) : []).toEqual([]);
  });

  it("but not where it says its order", async () => {
    const table = await orders(40);
    const sql = `SELECT DISTINCT ON (customer) customer, id, row_number() OVER (PARTITION BY customer ORDER BY id) AS n,
      (SELECT list(id ORDER BY id) FROM o) AS ids, count(*) OVER (PARTITION BY customer) AS c,
      (SELECT string_agg(customer, ',' ORDER BY id) FROM o) AS names FROM o ORDER BY customer, id LIMIT 30`;
    const set = await made({ sql, inputs: { o: table } });
    await set.close();
    expect((await checkTrainingSet(set.record)).reproducible).toBe(true);
  });

  it.each([
    ["a table that is no input", { sql: "SELECT id FROM p" }, "SQL_FAILED"],
    ["a column that is not there", { sql: "SELECT nothing FROM o" }, "SQL_FAILED"],
    ["a file", { sql: "SELECT * FROM read_csv('/etc/passwd')" }, "SQL_REFUSED"],
    ["two statements", { sql: "SELECT id FROM o; SELECT 1" }, "SQL_REFUSED"],
    ["another version in the query", { sql: "SELECT id FROM o VERSION AS OF 0" }, "SQL_FAILED"],
    ["a key that is not there", { split: { key: ["nothing"] } }, "COLUMN_NOT_FOUND"],
    ["a key of fractions", { sql: "SELECT amount FROM o", split: { key: ["amount"] } }, "SCHEMA_MISMATCH"],
    ["shares below 1", { split: { key: ["id"], shares: { train: 0.5, test: 0.4 } } }, "INVALID_ARGUMENT"],
    ["a share of nothing", { split: { key: ["id"], shares: { train: 1, test: 0 } } }, "INVALID_ARGUMENT"],
    ["a part with a path", { split: { key: ["id"], shares: { "../x": 1 } } }, "INVALID_ARGUMENT"],
    ["a part with digits alone", { split: { key: ["id"], shares: { 1: 1 } } }, "INVALID_ARGUMENT"],
    ["a misspelt option", { split: { keys: ["id"] } as never }, "INVALID_ARGUMENT"],
    ["a name with a slash", { name: "../x" }, "INVALID_ARGUMENT"],
    ["a label's time without events", { checks: { labelTime: "day" } }, "INVALID_ARGUMENT"],
    ["columns of one name", { sql: 'SELECT id AS "ä", id + 1 AS "Ä" FROM o' }, "INVALID_ARGUMENT"],
    ["a type that tables do not have", { sql: "SELECT id, INTERVAL 1 DAY AS i FROM o" }, "SCHEMA_MISMATCH"],
  ])("for %s", async (_, options, code) => {
    const table = await orders(5);
    const all = { sql: "SELECT id, customer FROM o", inputs: { o: table }, ...options };
    await expect(made({ ...all, folder: join(folder, "bad") })).rejects.toMatchObject({ code });
    expect(await pinsOf(table)).toEqual([]);
    expect(readdirSync(folder).includes("bad") ? readdirSync(join(folder, "bad")) : []).toEqual([]);
  });

  it("for an input that the query does not read, and a folder that has a set", async () => {
    const [table, unread] = [await orders(5), await orders(5)];
    const inputs = { o: table, unread };
    await expect(made({ sql: "SELECT id FROM o", inputs })).rejects.toThrow("does not read the input unread");
    expect([...(await pinsOf(table)), ...(await pinsOf(unread))]).toEqual([]);
    const files = join(folder, "taken");
    await (await made({ sql: "SELECT id FROM o", inputs: { o: table }, folder: files })).close();
    const before = readFileSync(join(files, "training-set.json"), "utf8");
    const again = made({ sql: "SELECT id FROM o", inputs: { o: unread }, folder: files });
    await expect(again).rejects.toThrow("has a file");
    expect(readFileSync(join(files, "training-set.json"), "utf8")).toBe(before);
    expect(await pinsOf(unread)).toEqual([]);
  });

  it("for a folder to which another call writes a set at the same time", async () => {
    const table = await orders(20);
    const files = join(folder, "raced-writers");
    const sets = await Promise.allSettled(
      ["id", "customer", "amount"].map((column) =>
        made({ sql: `SELECT id, ${column} AS x FROM o`, inputs: { o: table }, split: byId, folder: files }),
      ),
    );
    const done = sets.filter((result) => result.status === "fulfilled");
    expect(done).toHaveLength(1);
    for (const result of sets)
      if (result.status === "rejected") expect(result.reason).toMatchObject({ code: "INVALID_ARGUMENT" });
    const [set] = done.map(({ value }) => value);
    expect(await readTrainingSetRecord(files)).toEqual(set?.record);
    for (const { name, fingerprint } of set?.record.parts ?? []) {
      const source = { parquet: join(files, `${name}.parquet`) };
      const copy = await createTable(`memory://raced-${crypto.randomUUID()}`, { source });
      expect((await copy.snapshot().contentFingerprint()).fingerprint).toBe(fingerprint);
    }
    expect(readdirSync(files)).toHaveLength(4);
    await set?.close();
  });

  it("for a name whose pin keeps another table's version, and keeps pins that were there", async () => {
    const table = await orders(5);
    await table.pins.add("kept.v1");
    const failed = made({ name: "kept", sql: "SELECT nothing FROM o", inputs: { o: table } });
    await expect(failed).rejects.toMatchObject({ code: "SQL_FAILED" });
    expect(await pinsOf(table)).toEqual(["kept.v1"]);
  });
});

describe("a training set that fails half way", () => {
  it("leaves no pin of inputs that were opened at the same time", async () => {
    const [labels, taken, other] = [await orders(5), await orders(5), await orders(5)];
    await taken.pins.add("half.v1", { version: 0 });
    const failed = made({
      name: "half",
      sql: "SELECT id, customer, day FROM l",
      inputs: { l: labels, taken, other },
      join: {
        time: "day",
        features: ["taken", "other"].map((input) => ({ input, eventTime: "day", keys: ["customer"] })),
      },
    });
    await expect(failed).rejects.toMatchObject({ code: "PIN_EXISTS" });
    // Time for a pin that nobody waits for.
    await sleep(1_000);
    expect([...(await pinsOf(labels)), ...(await pinsOf(other))]).toEqual([]);
  });

  it("leaves no file in a folder in which somebody else was faster", async () => {
    const [table, files] = [await orders(5), join(folder, "raced")];
    const now = () => {
      mkdirSync(join(files, "test.parquet"), { recursive: true });
      return realWorld.now();
    };
    const all = { sql: "SELECT id FROM o", inputs: { o: table }, split: byId, folder: files };
    const failed = made({ ...all, world: { ...realWorld, now } });
    await expect(failed).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    expect(readdirSync(files)).toEqual(["test.parquet"]);
    expect(await pinsOf(table)).toEqual([]);
  });
});

describe("leakage", () => {
  const split = { key: ["id"], shares: { train: 0.5, test: 0.5 } };
  const sql = "SELECT id, customer, day, day + to_seconds(id - 3) AS seen FROM o";

  it("of a group in two parts, rows that are equal, and events after the label is refused", async () => {
    const table = await orders(60);
    const refused = (checks: TrainingSetOptions["checks"], query = sql) =>
      made({ sql: query, inputs: { o: table }, split, checks, folder: join(folder, "leaks") });
    await expect(refused({ groups: ["customer"] })).rejects.toMatchObject({
      code: "TRAINING_SET_LEAKS",
      data: { leakage: [{ kind: "group", columns: ["customer"], count: expect.any(Number) }] },
    });
    await expect(refused({ duplicates: true }, "SELECT id, id // 10 AS tens FROM o")).rejects.toMatchObject({
      data: { leakage: [{ kind: "duplicate", columns: ["tens"] }] },
    });
    await expect(refused({ labelTime: "day", eventTimes: ["seen"] })).rejects.toMatchObject({
      data: { leakage: [{ kind: "future", columns: ["seen", "day"], count: 56 }] },
    });
    expect(readdirSync(join(folder, "leaks"))).toEqual([]);
    expect(await pinsOf(table)).toEqual([]);
  });

  it("is recorded if it is allowed, and a set without any passes", async () => {
    const table = await orders(60);
    const checks = { groups: ["customer"] };
    await using set = await made({ sql, inputs: { o: table }, split, checks, allowLeakage: true });
    expect(set.record.leakage).toMatchObject([{ kind: "group", columns: ["customer"] }]);
    expect(set.leakage[0]?.count).toBeGreaterThan(5);
    expect(set.leakage[0]?.examples).toHaveLength(3);
    const byCustomer = { ...split, key: ["customer"] };
    await using sound = await made({ sql, inputs: { o: table }, split: byCustomer, checks });
    expect(sound.record.leakage).toEqual([{ kind: "group", columns: ["customer"], count: 0 }]);
    const later = await checkTrainingSet(sound.record, {
      checks: { groups: [["day"]], duplicates: ["day"] },
    });
    expect(later.leakage).toMatchObject([{ kind: "group" }, { kind: "duplicate" }]);
  });

  it("is not seen in rows of no group", async () => {
    const table = await orders(60);
    const nulls = "SELECT id, CAST(NULL AS VARCHAR) AS customer FROM o";
    const checks = { groups: ["customer"] };
    await using set = await made({ sql: nulls, inputs: { o: table }, split, checks });
    expect(set.record.leakage).toMatchObject([{ count: 0 }]);
  });
});

describe("the record of a training set", () => {
  it("is refused once it was changed, cut, or is something else", async () => {
    const table = await orders(5);
    await using set = await made({ sql: "SELECT id FROM o", inputs: { o: table }, split: byId });
    const text = JSON.stringify(set.record);
    const changes = [
      text.replace('"SELECT id FROM o"', '"SELECT id + 1 AS id FROM o"'),
      text.replace('"version":1', '"version":0'),
      text.replace('"version":1', '"version":-1'),
      text.replace('"seed":"7"', '"seed":7'),
      text.replace("training-set-1", "training-set-2"),
      text.slice(0, -20),
      text.replace('"varve-training-set-1"', "12345678901234567890"),
      "{}",
      '{"format":"varve-training-set-1","name":"x"}',
    ];
    for (const changed of changes) {
      expect(changed).not.toBe(text);
      await expect(recreateTrainingSet(changed)).rejects.toMatchObject({ code: "TRAINING_SET_INVALID" });
    }
    for (const file of [join(folder, "absent.json"), "/dev/null"])
      await expect(recreateTrainingSet(file)).rejects.toMatchObject({ code: "SOURCE_UNREADABLE" });
    let deep: unknown[] = [];
    for (let level = 0; level < 100_000; level++) deep = [deep];
    await expect(recreateTrainingSet({ ...set.record, deep } as typeof set.record)).rejects.toMatchObject({
      code: "TRAINING_SET_INVALID",
    });
    const file = join(folder, "record.json");
    writeFileSync(file, text);
    expect(await readTrainingSetRecord(file)).toEqual(set.record);
  });

  it("is a row of a table if one is named", async () => {
    const table = await orders(5);
    const records = join(folder, "records");
    const both = [
      await made({ sql: "SELECT id FROM o", inputs: { o: table }, records }),
      await made({ sql: "SELECT customer FROM o", inputs: { o: table }, records }),
    ];
    const found = new Map<unknown, unknown>();
    for await (const row of (await openTable(records)).snapshot().rows())
      found.set(row["name"], row["record"]);
    for (const set of both) {
      await set.close();
      expect(await readTrainingSetRecord(String(found.get(set.record.name)))).toEqual(set.record);
    }
  });
});
