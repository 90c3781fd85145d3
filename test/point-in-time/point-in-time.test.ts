import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  createTable,
  type EngineRow,
  type PointInTimeOptions,
  pointInTime,
  schema,
} from "../../src/index.ts";

const scores = () =>
  createTable(`memory://scores-${crypto.randomUUID()}`, {
    schema: schema().long("id").timestamp("seen").double("score").string("source"),
  });

const day = (number: number, time = "00:00:00"): string =>
  `2024-01-${String(number).padStart(2, "0")}T${time}Z`;

async function rowsOf(options: PointInTimeOptions): Promise<EngineRow[]> {
  const rows: EngineRow[] = [];
  for await (const row of (await pointInTime(options)).result.rows()) rows.push(row);
  return rows;
}

const byId = { eventTime: "seen", keys: ["id"] } as const;

describe("a point-in-time join", () => {
  it("gives each entity the latest row at or before its time, in the order of the entities", async () => {
    const table = await scores();
    await table.append([
      { id: 1n, seen: day(1), score: 0.1, source: "a" },
      { id: 1n, seen: day(3), score: 0.3, source: "b" },
      { id: 2n, seen: day(2), score: 0.2, source: "c" },
    ]);
    const entities = [
      { label: "late", id: 1, at: day(9) },
      { label: "at once", id: 1, at: day(3) },
      { label: "just before", id: 1, at: day(2, "23:59:59.999999") },
      { label: "too early", id: 2, at: day(1) },
      { label: "unknown", id: 7, at: day(9) },
      { label: "no key", id: null, at: day(9) },
      { label: "no time", id: 1, at: null },
      { label: "late", id: 1, at: day(9) },
    ];
    const rows = await rowsOf({ entities, time: "at", features: [{ table, ...byId }] });
    expect(rows.map(({ label, score, source }) => [label, score, source])).toEqual([
      ["late", 0.3, "b"],
      ["at once", 0.3, "b"],
      ["just before", 0.1, "a"],
      ["too early", null, null],
      ["unknown", null, null],
      ["no key", null, null],
      ["no time", null, null],
      ["late", 0.3, "b"],
    ]);
  });

  it("has the same answer at a version after a backfill, by number and by the time it was known", async () => {
    const table = await scores();
    await table.append([{ id: 1n, seen: day(1), score: 1, source: "first" }]);
    const before = table.snapshot();
    const entities = [{ id: 1, at: day(5) }];
    const knownAt = before.timestamp;
    while (Date.now() <= knownAt.getTime()) await new Promise((resolve) => setImmediate(resolve));
    await table.append([{ id: 1n, seen: day(4), score: 4, source: "backfill" }]);
    const answer = async (options: object, more: object = {}) =>
      (await rowsOf({ entities, time: "at", features: [{ table, ...byId, ...options }], ...more }))[0]?.[
        "score"
      ];
    expect(await answer({})).toBe(4);
    expect(await answer({ version: before.version })).toBe(1);
    expect(await answer({ table: before })).toBe(1);
    expect(await answer({}, { knownAt })).toBe(1);
    expect(await answer({}, { knownAt: new Date(Date.now() + 60_000) })).toBe(4);
    const { result, features } = await pointInTime({
      entities,
      time: "at",
      features: [{ table: before, ...byId }],
    });
    await result.close();
    expect(features).toEqual([{ uri: table.uri, version: before.version, timestamp: before.timestamp }]);
  });

  it("uses a row to the end of its time to live, inclusive", async () => {
    const table = await scores();
    await table.append([{ id: 1n, seen: day(1), score: 1, source: "a" }]);
    const entities = [
      { id: 1, at: day(8) },
      { id: 1, at: day(8, "00:00:00.000001") },
    ];
    for (const ttl of ["7d", "168h", "1w", 7 * 86_400_000])
      expect(
        (await rowsOf({ entities, time: "at", features: [{ table, ...byId, ttl }] })).map(
          (row) => row["score"],
        ),
      ).toEqual([1, null]);
  });

  it("takes the latest row of all at an infinite time, at which none is within a time to live", async () => {
    const table = await scores();
    await table.append([{ id: 1n, seen: day(1), score: 1, source: "a" }]);
    const entities = { sql: "SELECT 1 AS id, TIMESTAMPTZ 'infinity' AS at" };
    const features = [
      { table, ...byId },
      { table, ...byId, ttl: "7d", prefix: "recent_" },
    ];
    const [row] = await rowsOf({ entities, time: "at", features });
    expect([row?.["score"], row?.["recent_score"]]).toEqual([1, null]);
  });

  it("decides between rows of one key and time by their values, whatever the order of the files", async () => {
    const tied = [
      { id: 1n, seen: day(1), score: 5, source: "a" },
      { id: 1n, seen: day(1), score: 5, source: "z" },
      { id: 1n, seen: day(1), score: 4, source: "zz" },
      { id: 1n, seen: day(1), score: null, source: "zzz" },
    ];
    const answers = new Set<string>();
    for (const order of [tied, [...tied].reverse(), [tied[1], tied[3], tied[0], tied[2]]]) {
      const table = await scores();
      for (const row of order) await table.append([row ?? {}]);
      const entities = [{ id: 1, at: day(1) }];
      const [row] = await rowsOf({
        entities,
        time: "at",
        features: [
          { table, ...byId, columns: ["source"], prefix: "all_" },
          { table, ...byId, columns: ["score"], prefix: "by_source_", tieBreak: ["source"] },
        ],
      });
      answers.add(JSON.stringify([row?.["all_source"], row?.["by_source_score"]]));
    }
    expect([...answers]).toEqual([JSON.stringify(["z", null])]);
  });

  it("joins several tables by other names of keys, and names that need quotes", async () => {
    const evil = `a "b", 'c'); --`;
    const first = await createTable(`memory://evil-${crypto.randomUUID()}`, {
      properties: { "delta.columnMapping.mode": "name" },
      source: [{ [evil]: "k", "the time": new Date(day(1)), "x y": 1 }],
    });
    const second = await scores();
    await second.append([{ id: 3n, seen: day(1), score: 3, source: "s" }]);
    const { result } = await pointInTime({
      entities: [{ select: "k", n: 3, [evil]: new Date(day(2)) }],
      time: evil,
      features: [
        { table: first, eventTime: "THE TIME", keys: { select: evil } },
        { table: second, eventTime: "seen", keys: { n: "id" }, prefix: "s;" },
      ],
      sql: `SELECT t.*, 1 AS one FROM t`,
    });
    const rows: EngineRow[] = [];
    for await (const row of result.rows()) rows.push(row);
    expect(rows.map((row) => Object.values(row).slice(3))).toEqual([[1n, 3, "s", 1]]);
    expect(Object.keys(rows[0] ?? {})).toEqual(["select", "n", evil, "x y", "s;score", "s;source", "one"]);
  });

  it("skips files whose rows are after all entities, or too old for them", async () => {
    const table = await scores();
    for (const number of [1, 10, 20, 30])
      await table.append([{ id: 1n, seen: day(number), score: number, source: "a" }]);
    const entities = [
      { id: 1, at: day(21) },
      { id: 1, at: day(12) },
    ];
    const { result } = await pointInTime({ entities, time: "at", features: [{ table, ...byId, ttl: "5d" }] });
    expect(Object.values(result.scans)).toMatchObject([{ filesListed: 4, filesSkipped: 2, filesRead: 2 }]);
    const answers: unknown[] = [];
    for await (const row of result.rows()) answers.push(row["score"]);
    expect(answers).toEqual([20, 10]);
  });

  it("joins no row where there are no entities", async () => {
    const table = await scores();
    const entities = { sql: "SELECT 1 AS id, TIMESTAMPTZ '2024-01-01' AS at LIMIT 0" };
    expect(await rowsOf({ entities, time: "at", features: [{ table, ...byId }] })).toEqual([]);
  });

  it("is a source of an append, and is written as Parquet", async () => {
    const table = await scores();
    await table.append([{ id: 1n, seen: day(1), score: 1, source: "a" }]);
    const options = { entities: [{ id: 1, at: day(2) }], time: "at", features: [{ table, ...byId }] };
    const training = await createTable(`memory://training-${crypto.randomUUID()}`, {
      source: { arrow: (await pointInTime(options)).result.batches() },
    });
    expect(await training.count("score = 1")).toBe(1);
    const exportFolder = mkdtempSync(join(tmpdir(), "varve-test-pit-"));
    const { result } = await pointInTime({ ...options, exportFolder });
    const file = await result.writeFile("parquet");
    await training.append({ parquet: file });
    expect(await training.count("score = 1")).toBe(2);
    rmSync(exportFolder, { recursive: true });
  });

  it("refuses what it cannot join, saying what", async () => {
    const table = await scores();
    const good = { entities: [{ id: 1, at: day(2) }], time: "at", features: [{ table, ...byId }] };
    const change = (feature: object, more: object = {}) =>
      ({ ...good, features: [{ ...good.features[0], ...feature }], ...more }) as PointInTimeOptions;
    const refused: readonly (readonly [PointInTimeOptions, string, RegExp])[] = [
      [change({ eventTime: "score" }), "SCHEMA_MISMATCH", /score .*is a double.*must be a timestamp/],
      [change({ eventTime: "when" }), "COLUMN_NOT_FOUND", /when/],
      [change({ keys: ["key"] }), "COLUMN_NOT_FOUND", /key/],
      [change({ keys: [] }), "INVALID_ARGUMENT", /array of column names/],
      [change({}, { time: "when" }), "COLUMN_NOT_FOUND", /no column when/],
      [change({ columns: ["id"] }), "INVALID_ARGUMENT", /has the name of one of the entities/],
      [change({ ttl: "soon" }), "INVALID_ARGUMENT", /ttl/],
      [change({ ttl: -1 }), "INVALID_ARGUMENT", /ttl/],
      [change({ ttl: Number.NaN }), "INVALID_ARGUMENT", /ttl .*not NaN/],
      [change({ ttl: 5n }), "INVALID_ARGUMENT", /ttl .*not 5/],
      [change({}, { knownAt: 1e300 }), "INVALID_ARGUMENT", /1e\+300/],
      [change({ table: table.snapshot(), version: 0 }), "INVALID_ARGUMENT", /version twice/],
      [change({ version: 99 }), "VERSION_NOT_FOUND", /99/],
      [change({ until: 1 }), "INVALID_ARGUMENT", /Unknown option "until"/],
      [change({}, { features: [] }), "INVALID_ARGUMENT", /at least one/],
      [
        change({}, { entities: { sql: "SELECT 'a' AS id, now() AS at" } }),
        "SCHEMA_MISMATCH",
        /id of the entities is a VARCHAR/,
      ],
      [
        change({}, { entities: { sql: "SELECT 1 AS id, TIMESTAMP '2024-01-01' AS at" } }),
        "SCHEMA_MISMATCH",
        /at of the entities is a TIMESTAMP/,
      ],
      [
        change({}, { entities: { sql: "SELECT 1 AS id, DATE '2024-01-01' AS at" } }),
        "SCHEMA_MISMATCH",
        /is a DATE/,
      ],
      [change({}, { sql: "SELECT * FROM read_csv('/etc/passwd')" }), "SQL_REFUSED", /./],
      [change({}, { entities: [{ id: 1, at: "noon" }] }), "SCHEMA_MISMATCH", /noon/],
    ];
    for (const [options, code, message] of refused)
      await expect(pointInTime(options), String(message)).rejects.toMatchObject({
        code,
        message: expect.stringMatching(message),
      });
  });
});
