import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeCheckpoint } from "../../src/log/checkpoint/checkpoint-write.ts";
import type { LogSnapshot, TableContext } from "../../src/log/contract.ts";
import { checkpointPath, commitPath, lastCheckpointPath } from "../../src/log/segment/file-names.ts";
import { parseHint } from "../../src/log/segment/last-checkpoint.ts";
import { closeLogSession } from "../../src/log/segment/log-session.ts";
import { openLog } from "../../src/log/snapshot/open-log.ts";
import type { Action, AddAction, RemoveAction } from "../../src/protocol/actions.ts";
import type { ObjectStore } from "../../src/storage/contract/object-store.ts";
import { commitNewTable, commitTransaction } from "../../src/table/commit/transaction.ts";
import { openContext } from "../../src/table/definition/open-context.ts";
import { add, metadata, protocol, remove } from "../support/commit-tools.ts";
import { unchecked } from "../support/unchecked-sql.ts";

// PROTOCOL.md "Checkpoints", "Checkpoint Schema", "V1 Spec", "V2 Spec", "V2 Checkpoint Table Feature",
// "Sidecar Files", "Sidecar File Information" and "Last Checkpoint File Schema".

let root = "";
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "varve-checkpoint-"));
});
afterAll(async () => {
  await rm(root, { recursive: true, force: true });
});

const typedSchema = JSON.stringify({
  type: "struct",
  fields: [
    { name: "id", type: "long", nullable: true, metadata: {} },
    { name: "amount", type: "decimal(12,2)", nullable: true, metadata: {} },
    { name: "wide", type: "decimal(38,10)", nullable: true, metadata: {} },
    { name: "at", type: "timestamp", nullable: true, metadata: {} },
    { name: "ok", type: "boolean", nullable: true, metadata: {} },
    {
      name: "n",
      type: { type: "struct", fields: [{ name: "Inner x", type: "string", nullable: true, metadata: {} }] },
      nullable: true,
      metadata: {},
    },
    {
      name: "tags",
      type: { type: "array", elementType: "string", containsNull: true },
      nullable: true,
      metadata: {},
    },
    { name: "day", type: "date", nullable: true, metadata: {} },
    { name: "hour", type: "timestamp", nullable: true, metadata: {} },
    { name: "blob", type: "binary", nullable: true, metadata: {} },
  ],
});

const stats = `{"numRecords":3,"minValues":{"id":9007199254740993,"amount":1.05,"wide":12345678901234567890.0123456789,"at":"2026-01-01T00:00:00.000Z","n":{"Inner x":"a\\"b"}},"maxValues":{"id":9007199254740995,"amount":7.10,"at":"2026-01-02T00:00:00.001Z","n":{"Inner x":"zé"}},"nullCount":{"id":0,"n":{"Inner x":1},"tags":2,"ok":3}}`;
const values = { day: "2026-01-02", hour: "2026-01-02 03:00:00", blob: "x" };
const now = Date.now();

const files: readonly AddAction[] = [
  add("day=2026-01-02/a%20b.parquet", {
    partitionValues: values,
    stats,
    tags: { k: "v" },
    baseRowId: 0n,
    defaultRowCommitVersion: 1n,
  }),
  add("b.parquet", {
    partitionValues: { day: null, hour: null, blob: null },
    stats,
    clusteringProvider: "liquid",
  }),
  add("c.parquet", {
    partitionValues: values,
    stats,
    deletionVector: {
      storageType: "u",
      pathOrInlineDv: "ab^-aqEH.-t@S}K{vb[*k^",
      offset: 4,
      sizeInBytes: 40,
      cardinality: 6,
    },
  }),
];
const kept = remove("gone.parquet", {
  deletionTimestamp: now,
  partitionValues: values,
  size: 7,
  extendedFileMetadata: true,
});
const expired = remove("long-gone.parquet", { deletionTimestamp: now - 8 * 86_400_000 });

async function makeTable(
  name: string,
  configuration: Record<string, string> = {},
  count = 0,
): Promise<TableContext> {
  const context = await openContext(join(root, name));
  const features = ["rowTracking", "domainMetadata", "appendOnly", "invariants"];
  await commitNewTable(context, {
    actions: [
      protocol(features, ["deletionVectors", "v2Checkpoint"]),
      metadata(
        { "delta.rowTrackingSuspended": "true", ...configuration },
        { schemaString: typedSchema, partitionColumns: ["day", "hour", "blob"], name: "näme" },
      ),
      { kind: "domainMetadata", domain: "app.x", configuration: '{"a":"\\u00e9"}', removed: false },
      { kind: "domainMetadata", domain: "app.gone", configuration: "{}", removed: false },
    ],
    operation: "CREATE TABLE",
  });
  const many = Array.from({ length: count }, (_, at) =>
    add(`many-${at}.parquet`, { partitionValues: values, stats }),
  );
  await commitTransaction(await openLog(context), {
    actions: [...files, ...many],
    operation: "WRITE",
    txn: { appId: "app", version: 9_007_199_254_740_993n },
  });
  await commitTransaction(await openLog(context), {
    actions: [
      kept,
      expired,
      { kind: "domainMetadata", domain: "app.gone", configuration: "{}", removed: true },
    ],
    operation: "DELETE",
  });
  return context;
}

/** What a snapshot holds, in an order of its own; expired tombstones are no part of it. */
async function content(snapshot: LogSnapshot) {
  const adds: AddAction[] = [];
  const tombstones: RemoveAction[] = [];
  const live = await snapshot.files();
  for await (const chunk of live.all()) adds.push(...chunk.map((file) => ({ ...file, dataChange: false })));
  for await (const chunk of live.tombstones())
    tombstones.push(
      ...chunk.filter(({ path }) => path !== expired.path).map((file) => ({ ...file, dataChange: false })),
    );
  const byPath = (a: { path: string }, b: { path: string }) => (a.path < b.path ? -1 : 1);
  return {
    version: snapshot.version,
    protocol: snapshot.protocol,
    metadata: snapshot.metadata,
    txns: [...(await snapshot.appTransactions()).values()],
    domains: [...(await snapshot.domainMetadata()).values()],
    adds: adds.sort(byPath),
    tombstones: tombstones.sort(byPath),
  };
}

async function reopenedFromCheckpoint(context: TableContext): Promise<LogSnapshot> {
  for (const version of [0, 1]) await context.store.delete(commitPath(version));
  await closeLogSession(context);
  return openLog(context);
}

async function engineRows(context: TableContext, path: string, sql: string) {
  const session = await (await context.engine()).open();
  try {
    return await session.rows(unchecked(sql.replace("?", `'${await context.localFile(path)}'`)));
  } finally {
    await session.close();
  }
}

describe("writeCheckpoint", () => {
  it("classic: holds everything that the commits held, tombstones until they expire", async () => {
    const context = await makeTable("classic");
    const before = await openLog(context);
    const expected = await content(before);
    const summary = await writeCheckpoint(before);
    expect(summary).toMatchObject({
      version: 2,
      kind: "classic",
      path: checkpointPath(2),
      adds: 3,
      actions: 8,
      sidecars: [],
    });
    const after = await content(await reopenedFromCheckpoint(context));
    expect(after).toEqual(expected);
    const noEngine = () => Promise.reject(new Error("the engine was started"));
    expect(await content(await openLog({ ...context, engine: noEngine }))).toEqual(expected);
    // One that is big, as listed, is read by the engine.
    const list: ObjectStore["list"] = async function* (prefix, options) {
      for await (const file of context.store.list(prefix, options)) yield { ...file, size: 2 ** 18 };
    };
    const listed = await openLog({ ...context, store: { ...context.store, list } });
    expect(await content(listed)).toEqual(expected);
    await closeLogSession(listed.context);
    const all: Action[] = [];
    for await (const chunk of (await (await openLog(context)).files()).tombstones()) all.push(...chunk);
    expect(all.map((action) => (action.kind === "remove" ? action.path : ""))).toContain(kept.path);
    const rows = await engineRows(
      context,
      checkpointPath(2),
      "SELECT count(*) AS n FROM read_parquet(?) WHERE remove.path = 'long-gone.parquet'",
    );
    expect(rows).toEqual([{ n: 0n }]);
    await closeLogSession(context);
  });

  it("classic: the hint names it, with size and checksum, and never goes back", async () => {
    const context = await makeTable("hint");
    const old = await openLog(context, { version: 1 });
    const summary = await writeCheckpoint(await openLog(context));
    const bytes = await context.store.get(lastCheckpointPath);
    expect(parseHint(bytes)).toBe(2);
    const hint = JSON.parse(new TextDecoder().decode(bytes));
    expect(hint).toMatchObject({ version: 2, size: 8, numOfAddFiles: 3, sizeInBytes: summary.bytes });
    expect(hint.checksum).toMatch(/^[0-9a-f]{32}$/);
    await writeCheckpoint(old);
    expect(parseHint(await context.store.get(lastCheckpointPath))).toBe(2);
    await closeLogSession(context);
  });

  it("writes statistics and partition values as structs where the table asks, with their exact types", async () => {
    const context = await makeTable("struct", {
      "delta.checkpoint.writeStatsAsStruct": "true",
      "delta.checkpoint.writeStatsAsJson": "false",
    });
    await writeCheckpoint(await openLog(context));
    const path = checkpointPath(2);
    const described = await engineRows(
      context,
      path,
      `DESCRIBE SELECT "add".stats_parsed AS s, "add".partitionValues_parsed AS p FROM read_parquet(?)`,
    );
    expect(described.map((row) => row["column_type"])).toEqual([
      'STRUCT(numRecords BIGINT, minValues STRUCT(id BIGINT, amount DECIMAL(12,2), wide DECIMAL(38,10), "at" TIMESTAMP WITH TIME ZONE, n STRUCT("Inner x" VARCHAR)), ' +
        'maxValues STRUCT(id BIGINT, amount DECIMAL(12,2), wide DECIMAL(38,10), "at" TIMESTAMP WITH TIME ZONE, n STRUCT("Inner x" VARCHAR)), ' +
        'nullCount STRUCT(id BIGINT, amount BIGINT, wide BIGINT, "at" BIGINT, ok BIGINT, n STRUCT("Inner x" BIGINT), tags BIGINT), tightBounds BOOLEAN)',
      'STRUCT("day" DATE, "hour" TIMESTAMP WITH TIME ZONE, blob BLOB)',
    ]);
    const [row] = await engineRows(
      context,
      path,
      `SELECT CAST(s.minValues.id AS VARCHAR) AS id, CAST(s.maxValues.amount AS VARCHAR) AS amount, CAST(s.minValues.wide AS VARCHAR) AS wide, s.maxValues.n."Inner x" AS x, s.nullCount.tags AS nulls,
         CAST(p.day AS VARCHAR) AS day, CAST(p.hour AS VARCHAR) AS hour, decode(p.blob) AS blob
       FROM (SELECT "add".path AS path, "add".stats_parsed AS s, "add".partitionValues_parsed AS p FROM read_parquet(?)) WHERE path = 'c.parquet'`,
    );
    expect(row).toEqual({
      id: "9007199254740993",
      amount: "7.10",
      wide: "12345678901234567890.0123456789",
      x: "zé",
      nulls: 2n,
      day: "2026-01-02",
      hour: "2026-01-02 03:00:00+00",
      blob: "x",
    });
    const columns = await engineRows(
      context,
      path,
      `SELECT count(*) AS n FROM parquet_schema(?) WHERE name = 'stats'`,
    );
    expect(columns).toEqual([{ n: 0n }]);
    const again = await reopenedFromCheckpoint(context);
    expect((await content(again)).adds.map((file) => [file.path, file.partitionValues])).toEqual(
      [...files].sort((a, b) => (a.path < b.path ? -1 : 1)).map((file) => [file.path, file.partitionValues]),
    );
    await closeLogSession(context);
  });

  it("names columns of column-mapped tables physically in structs", async () => {
    const context = await openContext(join(root, "mapped"));
    const field = (name: string, id: number) => ({
      name,
      type: "long",
      nullable: true,
      metadata: { "delta.columnMapping.id": id, "delta.columnMapping.physicalName": `col-${id}` },
    });
    await commitNewTable(context, {
      actions: [
        protocol(["appendOnly"], ["columnMapping"]),
        metadata(
          {
            "delta.columnMapping.mode": "name",
            "delta.columnMapping.maxColumnId": "2",
            "delta.checkpoint.writeStatsAsStruct": "true",
          },
          {
            schemaString: JSON.stringify({ type: "struct", fields: [field("a", 1), field("p", 2)] }),
            partitionColumns: ["p"],
          },
        ),
        add("f", { partitionValues: { "col-2": "7" }, stats: '{"numRecords":1,"minValues":{"col-1":5}}' }),
      ],
      operation: "CREATE TABLE",
    });
    await writeCheckpoint(await openLog(context));
    const sql = `SELECT "add".stats_parsed.minValues."col-1" AS low, "add".partitionValues_parsed."col-2" AS p FROM read_parquet(?) WHERE "add" IS NOT NULL`;
    expect(await engineRows(context, checkpointPath(0), sql)).toEqual([{ low: 5n, p: 7n }]);
    await closeLogSession(context);
  });

  it("V2: a small table's checkpoint is one JSON file, a larger one has a Parquet sidecar; both read back whole", async () => {
    for (const [name, count, sidecars] of [
      ["v2-small", 0, 0],
      ["v2-large", 3000, 1],
    ] as const) {
      const context = await makeTable(name, { "delta.checkpointPolicy": "v2" }, count);
      const before = await openLog(context);
      const expected = await content(before);
      const summary = await writeCheckpoint(before);
      expect(summary).toMatchObject({ kind: "v2", adds: 3 + count });
      expect(summary.sidecars).toHaveLength(sidecars);
      expect(await content(await reopenedFromCheckpoint(context))).toEqual(expected);
      await closeLogSession(context);
    }
  });

  it("V2 without any file still reads, with a sidecar as well as without", async () => {
    for (const inlineLimit of [0, -1]) {
      const context = await openContext(join(root, `v2-empty${inlineLimit}`));
      await commitNewTable(context, {
        actions: [protocol(["appendOnly"], ["v2Checkpoint"]), metadata()],
        operation: "CREATE TABLE",
      });
      const summary = await writeCheckpoint(await openLog(context), { kind: "v2", inlineLimit });
      expect(summary.sidecars).toHaveLength(inlineLimit < 0 ? 1 : 0);
      await commitTransaction(await openLog(context), {
        actions: [add("f", { partitionValues: { part: "a" } })],
        operation: "WRITE",
      });
      await context.store.delete(commitPath(0));
      await closeLogSession(context);
      expect(await (await (await openLog(context)).files()).totals()).toEqual({ files: 1, bytes: 10 });
      await closeLogSession(context);
    }
  });

  it("refuses a V2 checkpoint on a table without the feature", async () => {
    const context = await openContext(join(root, "no-v2"));
    await commitNewTable(context, { actions: [protocol(), metadata()], operation: "CREATE TABLE" });
    await expect(writeCheckpoint(await openLog(context), { kind: "v2" })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
    });
  });

  it("drops application transactions that have expired, if the table lets them", async () => {
    const context = await makeTable("txn-expiry", {
      "delta.setTransactionRetentionDuration": "interval 0 seconds",
    });
    await writeCheckpoint(await openLog(context));
    expect((await (await reopenedFromCheckpoint(context)).appTransactions()).size).toBe(0);
    await closeLogSession(context);
  });
});

describe("a checkpoint within a small memory limit", () => {
  it.each([10, 9_000_000])(
    "is written though the engine may use 128 MiB, with statistics of %i bytes",
    async (length) => {
      const context = await openContext(join(root, `small memory ${length}`), {
        threads: 1,
        memoryLimit: 128 * 2 ** 20,
      });
      const stats = JSON.stringify({ numRecords: 1, minValues: { id: 1, part: "x".repeat(length) } });
      await commitNewTable(context, {
        actions: [protocol(), metadata(), add("a", { stats }), add("b")],
        operation: "CREATE TABLE",
      });
      const summary = await writeCheckpoint(await openLog(context));
      expect(summary).toMatchObject({ kind: "classic", adds: 2, path: checkpointPath(0) });
    },
  );
});

describe("a checkpoint with columns of statistics", () => {
  const asStruct = { "delta.checkpoint.writeStatsAsStruct": "true" };

  async function rowsOf(name: string, more: readonly AddAction[]) {
    const context = await makeTable(name, asStruct);
    await commitTransaction(await openLog(context), { actions: more, operation: "WRITE" });
    const summary = await writeCheckpoint(await openLog(context));
    const parsed = "add.partitionValues_parsed";
    return engineRows(
      context,
      summary.path,
      `SELECT add.path, CAST(${parsed}.day AS VARCHAR) AS day, CAST(${parsed}.hour AS VARCHAR) AS hour, add.stats, add.stats_parsed.numRecords AS n
       FROM read_parquet(?) WHERE add.path LIKE 'odd%' ORDER BY add.path`,
    );
  }

  it("holds partition values that another writer spelled in another case", async () => {
    const partitionValues = { DAY: "2026-01-02", Hour: "2026-01-02 03:00:00", blob: null };
    expect(await rowsOf("cases", [add("odd.parquet", { partitionValues, stats })])).toMatchObject([
      { path: "odd.parquet", day: "2026-01-02", hour: "2026-01-02 03:00:00+00", n: 3n },
    ]);
  });

  it("is written though the statistics of a file are damaged, which stay as they are", async () => {
    const none = { day: null, hour: null, blob: null };
    expect(
      await rowsOf("damaged", [add("odd.parquet", { partitionValues: none, stats: "{" })]),
    ).toMatchObject([{ path: "odd.parquet", stats: "{", n: null }]);
  });
});

describe("a checkpoint that came out with other actions than went in", () => {
  it("does not become part of the log", async () => {
    const context = await makeTable("lossy");
    const engine: TableContext["engine"] = async () => ({
      open: async (options) => {
        const session = await (await context.engine()).open(options);
        const write = session.writeParquet.bind(session);
        session.writeParquet = async (...request) =>
          (await write(...request)).map((file) => ({ ...file, rows: file.rows - 1 }));
        return session;
      },
    });
    const lossy = { ...context, engine };
    await expect(writeCheckpoint(await openLog(lossy))).rejects.toThrow(
      /varve internal error: a checkpoint of \d+ actions came out with \d+/,
    );
    expect(await context.store.head(checkpointPath(2))).toBeUndefined();
    expect(await context.store.head(lastCheckpointPath)).toBeUndefined();
  });
});
