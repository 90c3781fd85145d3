import { mkdtemp, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { duckdbEngine, openSession } from "../../src/engine/session/session.ts";
import { VarveError } from "../../src/errors.ts";
import { writeCheckpoint } from "../../src/log/checkpoint/checkpoint-write.ts";
import type { TableContext } from "../../src/log/contract.ts";
import { commitPath } from "../../src/log/segment/file-names.ts";
import { openLog, refreshLog } from "../../src/log/snapshot/open-log.ts";
import { serializeActions } from "../../src/protocol/action-json.ts";
import type { Action, AddAction } from "../../src/protocol/actions.ts";
import type { Predicate } from "../../src/protocol/predicate.ts";
import { localDiskStore } from "../../src/storage/local/local-disk-store.ts";
import { openContext } from "../../src/table/definition/open-context.ts";
import {
  add,
  allFiles,
  allPaths,
  allTombstones,
  contextOf,
  firstActions,
  memoryTable,
  remove,
} from "../support/log-tables.ts";
import { unchecked } from "../support/unchecked-sql.ts";

// PROTOCOL.md "Action Reconciliation" and "Deletion Vectors": action reconciliation with deletion vectors.

const deletionVector = {
  storageType: "u",
  pathOrInlineDv: "ab^-aqEH.-t@S}K{vb[*k^",
  offset: 4,
  sizeInBytes: 40,
  cardinality: 6,
} as const;

const commits: Action[][] = [
  [
    ...firstActions(),
    ...Array.from({ length: 50 }, (_, i) =>
      add(`p%20${i}.parquet`, { stats: stats(i), partitionValues: { x: String(i % 3) } }),
    ),
  ],
  [
    remove("p 1.parquet"),
    remove("file:///abs/olute"),
    add("/abs/olute", { baseRowId: 2n ** 60n, tags: { a: null, b: "c" } }),
  ],
  [remove("p%202.parquet"), add("p%202.parquet", { deletionVector, stats: stats(2) })],
  [add("again.parquet"), add("again.parquet", { size: 7 }), remove("file:/abs/olute", { size: 3 })],
];

function stats(i: number): string {
  return JSON.stringify({
    numRecords: 10,
    minValues: { id: i * 10 },
    maxValues: { id: i * 10 + 9 },
    nullCount: { id: 0 },
  });
}

const byPath = (files: readonly AddAction[]): AddAction[] =>
  [...files].sort((a, b) => (a.path + a.size < b.path + b.size ? -1 : 1));

describe("live files held by the engine", () => {
  let folder = "";
  let small: TableContext;
  let large: TableContext;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "varve-test-"));
    const store = localDiskStore(folder);
    for (const [version, actions] of commits.entries())
      await store.put(commitPath(version), serializeActions(actions));
    small = contextOf(store);
    large = { ...small, fileLimits: { checkpointRows: 0, jsonBytes: 0 } };
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it.each([0, 1, 2, 3])("are the same as those held as objects, at version %i", async (version) => {
    const [a, b] = [
      await (await openLog(small, { version })).files(),
      await (await openLog(large, { version })).files(),
    ];
    expect(byPath(await allFiles(b))).toEqual(byPath(await allFiles(a)));
    const paths = (await allFiles(a)).map((file) => file.path).sort();
    expect([await allPaths(a), await allPaths(b)]).toEqual([paths, paths]);
    expect(await b.totals()).toEqual(await a.totals());
    expect((await allTombstones(b)).map((file) => file.path).sort()).toEqual(
      (await allTombstones(a)).map((file) => file.path).sort(),
    );
  });

  it("are pruned as those held as objects", async () => {
    const long = (value: string) => ({ type: "long", value }) as const;
    const predicates: Predicate[] = [
      { op: "eq", column: ["id"], value: long("123") },
      { op: "not", arg: { op: "lt", column: ["id"], value: long("480") } },
      { op: "in", column: ["id"], values: [long("5"), long("99")] },
      { op: "isNull", column: ["id"] },
      { op: "unknown" },
    ];
    for (const predicate of predicates) {
      const [a, b] = [
        await (await (await openLog(small)).files()).prune(predicate),
        await (await (await openLog(large)).files()).prune(predicate),
      ];
      expect(byPath(b.files)).toEqual(byPath(a.files));
      expect([b.listed, b.skipped]).toEqual([a.listed, a.skipped]);
    }
  });

  it("say that their checkpoint was cleaned up, not that a data file is missing", async () => {
    const snapshot = await openLog(small);
    const { path } = await writeCheckpoint(snapshot, { kind: "classic" });
    const held = await (await openLog(large)).files();
    expect((await held.totals()).files).toBeGreaterThan(0);
    await small.store.delete(path);
    await expect(allFiles(held)).rejects.toMatchObject({ code: "LOG_GAP", data: { path } });
  });

  it.each(["file_row_number", "FILE_ROW_NUMBER", "rowid", "filename", "ordinal"])(
    "are those of a checkpoint that another writer gave a column %s",
    async (column) => {
      const { path } = await writeCheckpoint(await openLog(small), { kind: "classic" });
      const [file, kept] = [join(folder, path), join(folder, "kept.parquet")];
      await rename(file, kept);
      const session = await openSession();
      await session.execute(
        unchecked(
          `COPY (SELECT *, 7::BIGINT AS ${column} FROM read_parquet('${kept}')) TO '${file}' (FORMAT parquet)`,
        ),
      );
      await session.close();
      const other = { ...large, store: localDiskStore(folder) };
      const [a, b] = [
        await (await openLog(small, { version: 3 })).files(),
        await (await openLog(other, { version: 3 })).files(),
      ];
      expect(byPath(await allFiles(b))).toEqual(byPath(await allFiles(a)));
      expect((await allTombstones(b)).map(({ path: of }) => of).sort()).toEqual(
        (await allTombstones(a)).map(({ path: of }) => of).sort(),
      );
      expect((await b.prune({ op: "unknown" })).files).toHaveLength((await allFiles(a)).length);
      await small.store.delete(path);
    },
  );

  it("refresh by the newer commits alone", async () => {
    let snapshot = await openLog(large, { version: 0 });
    await snapshot.files();
    snapshot = await refreshLog(snapshot);
    const fresh = await openLog(small);
    expect(snapshot.version).toBe(3);
    expect(byPath(await allFiles(await snapshot.files()))).toEqual(
      byPath(await allFiles(await fresh.files())),
    );
    expect(await (await snapshot.files()).totals()).toEqual(await (await fresh.files()).totals());
  });
});

describe("the memory that a big table's log may use", () => {
  const mebibyte = 1024 * 1024;

  /** What sessions were opened with and told, where the first look at the totals runs out of memory. */
  async function asked(memoryLimit: number | undefined) {
    const table = await memoryTable([[...firstActions(), add("a"), add("b")]]);
    const limits: (number | undefined)[] = [];
    const settings: string[] = [];
    const engine: TableContext["engine"] = async () => ({
      open: async (options) => {
        limits.push(options?.memoryLimit);
        const session = await duckdbEngine.open(options);
        const [rows, execute] = [session.rows.bind(session), session.execute.bind(session)];
        let failures = 1;
        session.rows = async (query, parameters) => {
          if (query.includes("AS bytes") && failures-- > 0)
            throw new VarveError("MEMORY_LIMIT_TOO_SMALL", "planned");
          return rows(query, parameters);
        };
        session.execute = async (statement, parameters) => {
          if (statement.includes("memory_limit")) settings.push(statement);
          return execute(statement, parameters);
        };
        return session;
      },
    });
    const context = { ...table, engine, memoryLimit, fileLimits: { checkpointRows: 0, jsonBytes: 0 } };
    const files = await (await openLog(context)).files();
    expect(await files.totals()).toMatchObject({ files: 2 });
    return { limits, settings };
  }

  it.each([
    ["nothing", undefined, 640 * mebibyte, "4294967296B"],
    ["less", 200 * mebibyte, 200 * mebibyte, "209715200B"],
    ["more", 8192 * mebibyte, 640 * mebibyte, "8589934592B"],
  ])("is bounded by what the caller said, who said %s", async (_, given, usual, most) => {
    expect(await asked(given)).toEqual({
      limits: [usual],
      settings: [`SET threads = 1; SET memory_limit = '${most}'`],
    });
  });

  it("is what the table was opened with", async () => {
    expect((await openContext(tmpdir(), { memoryLimit: 77 * mebibyte })).memoryLimit).toBe(77 * mebibyte);
    expect((await openContext(tmpdir())).memoryLimit).toBeUndefined();
  });
});
