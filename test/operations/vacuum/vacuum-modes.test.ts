import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createTable } from "../../../src/api/create-table.ts";
import { openTable } from "../../../src/api/open-table.ts";
import type { Table } from "../../../src/api/table.ts";
import { schema } from "../../../src/schema/builder.ts";
import type { ObjectStore } from "../../../src/storage/contract/object-store.ts";
import { localDiskStore } from "../../../src/storage/local/local-disk-store.ts";
import { type S3Server, startS3Server } from "../../support/s3-server.ts";
import { dataFiles, filesBelow, freshFolder } from "../table-folder.ts";
import { makeOlder } from "./aged-table.ts";

const now = { retainHours: 0, retentionCheck: false } as const;
const columns = schema().long("id").string("v");

async function overwritten(uri: string, options: Parameters<typeof createTable>[1] = { schema: columns }) {
  const table = await createTable(uri, options);
  for (const id of [1, 2, 3]) await table.overwrite([{ id, v: "a" }]);
  return table;
}

const ids = async (source: Pick<Table, "rows">) => {
  const found: number[] = [];
  for await (const { id } of source.rows()) found.push(Number(id));
  return found.sort((a, b) => a - b);
};

describe("a lite vacuum", () => {
  it("deletes what the log says was removed, and begins where the last vacuum ended", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await overwritten(folder);
    writeFileSync(join(folder, "orphan.parquet"), "no version ever named this");
    makeOlder(folder, 1);
    const { files } = await table.vacuum({ ...now, mode: "lite" });
    expect(files).toHaveLength(2);
    expect(dataFiles(folder)).toHaveLength(2);
    const info = join(folder, "_delta_log", "_last_vacuum_info");
    expect(readFileSync(info, "utf8")).toBe('{"latestCommitVersionOutsideOfRetentionWindow":3}\n');
    await table.overwrite([{ id: 4, v: "a" }]);
    await table.log.checkpoint();
    rmSync(join(folder, "_delta_log", `${"0".repeat(19)}1.json`));
    makeOlder(folder, 1);
    await using again = await openTable(folder);
    expect(await again.vacuum({ ...now, mode: "lite" })).toMatchObject({ outcome: "deleted", version: 8 });
    expect(await ids(again)).toEqual([4]);
    expect((await again.vacuum({ ...now, mode: "lite" })).files).toEqual([]);
    expect((await again.vacuum(now)).files).toEqual(["orphan.parquet"]);
  });

  it("is refused where the log does not reach back, until a full one has run", async () => {
    const folder = join(freshFolder(), "t");
    {
      await using table = await overwritten(folder);
      await table.log.checkpoint();
    }
    for (const version of [0, 1, 2]) rmSync(join(folder, "_delta_log", `${"0".repeat(19)}${version}.json`));
    makeOlder(folder, 1);
    await using table = await openTable(folder);
    await expect(table.vacuum({ ...now, mode: "lite" })).rejects.toMatchObject({
      code: "VACUUM_LITE_UNAVAILABLE",
      data: { missing: 0 },
    });
    expect((await table.vacuum(now)).files).toHaveLength(2);
    await table.overwrite([{ id: 5, v: "a" }]);
    makeOlder(folder, 1);
    expect((await table.vacuum({ ...now, mode: "lite" })).files).toHaveLength(1);
  });

  it("takes a damaged record of the last vacuum for none", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await overwritten(folder);
    writeFileSync(join(folder, "_delta_log", "_last_vacuum_info"), "{");
    makeOlder(folder, 1);
    expect((await table.vacuum({ ...now, mode: "lite" })).files).toHaveLength(2);
  });
});

describe("a vacuum from an inventory", () => {
  it("looks only at the files that it names, and deletes none that the table needs", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await overwritten(folder);
    makeOlder(folder, 1);
    const all = dataFiles(folder);
    const plan = await table.vacuum({ ...now, dryRun: true });
    const [first = "", second = ""] = plan.files;
    const rows = [
      ...all.filter((path) => path !== second).map((path) => ({ path: join(folder, path), isDir: false })),
      { path: "gone.parquet", isDir: false },
      { path: "_delta_log/00000000000000000000.json", isDir: false },
      { path: second, isDir: true },
    ];
    expect(await table.vacuum({ ...now, inventory: rows })).toMatchObject({
      outcome: "deleted",
      files: [first],
    });
    expect(await ids(table)).toEqual([3]);
    await expect(table.vacuum({ ...now, inventory: [{ path: "/etc/passwd" }] })).rejects.toMatchObject({
      code: "PATH_OUTSIDE_TABLE",
    });
    expect((await table.vacuum({ ...now, inventory: [{ path: "../x.parquet" }] })).files).toEqual([]);
    await expect(table.vacuum({ ...now, inventory: [{ file: "x" }] })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
    });
    await expect(table.vacuum({ ...now, inventory: rows, mode: "lite" })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
    });
  });

  it("may be a query or a table of a statement", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await overwritten(folder);
    await using inventory = await createTable(join(freshFolder(), "inventory"), {
      schema: schema().string("path").boolean("isDir"),
    });
    makeOlder(folder, 1);
    const { files } = await table.vacuum({ ...now, dryRun: true });
    await inventory.append(files.map((path) => ({ path, isDir: false })));
    const run = (sql: string) => table.sql(sql, { tables: { inventory }, retentionCheck: false });
    const first = `SELECT path FROM inventory WHERE path = '${files[0]}'`;
    const text = `VACUUM t USING INVENTORY (${first}) RETAIN 0 HOURS`;
    expect(await run(`${text} DRY RUN`)).toMatchObject([{ outcome: "read", rows: [{ path: files[0] }] }]);
    expect(await run(text)).toMatchObject([{ outcome: "committed", metrics: { filesDeleted: 1 } }]);
    expect(dataFiles(folder)).not.toContain(files[0]);
    expect(dataFiles(folder)).toContain(files[1]);
    expect(await run("VACUUM t USING INVENTORY inventory RETAIN 0 HOURS")).toMatchObject([
      { outcome: "committed", metrics: { filesDeleted: 1 } },
    ]);
    expect(dataFiles(folder)).not.toContain(files[1]);
    expect(await ids(table)).toEqual([3]);
  });
});

describe("a vacuum that is interrupted", () => {
  const interrupted = async (
    folder: string,
    wrap: (store: ObjectStore) => Partial<ObjectStore>,
    signal?: AbortSignal,
  ) => {
    const store = localDiskStore(folder);
    await using table = await openTable(folder, { openStore: async () => ({ ...store, ...wrap(store) }) });
    await expect(table.vacuum({ ...now, signal })).rejects.toMatchObject({ code: expect.any(String) });
  };

  it("says in the history that it failed, and another one deletes the rest", async () => {
    const folder = join(freshFolder(), "t");
    {
      await using table = await overwritten(folder);
      makeOlder(folder, 1);
      expect(table.snapshot().version).toBe(3);
    }
    const controller = new AbortController();
    let deleted = 0;
    await interrupted(
      folder,
      (store) => ({
        delete: async (path, options) => {
          if (path.endsWith(".parquet") && ++deleted > 1) controller.abort();
          await store.delete(path, options);
        },
      }),
      controller.signal,
    );
    expect(dataFiles(folder)).toHaveLength(2);
    await using table = await openTable(folder);
    const [{ operation, operationParameters } = {}] = await table.history({ limit: 1 });
    expect({ operation, operationParameters }).toEqual({
      operation: "VACUUM END",
      operationParameters: { status: "FAILED" },
    });
    expect((await table.vacuum(now)).files).toHaveLength(1);
    expect(await ids(table)).toEqual([3]);
  });

  it("keeps the files of a version that a restore made between its listing and its deletions", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await overwritten(folder);
    makeOlder(folder, 1);
    const confirm = async () => {
      await using other = await openTable(folder);
      await other.restore(2);
      return true;
    };
    expect((await table.vacuum({ ...now, confirm })).files).toHaveLength(1);
    expect(await ids(table)).toEqual([2]);
  });

  it("keeps the files of a batch that is published meanwhile", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await overwritten(folder);
    await table.staging.stage([{ id: 9, v: "s" }], { id: "b" });
    makeOlder(folder, 1);
    const confirm = async () => {
      await using other = await openTable(folder);
      await other.staging.publish("b");
      return true;
    };
    expect((await table.vacuum({ ...now, confirm })).files).toHaveLength(2);
    expect(await ids(table)).toEqual([3, 9]);
  });
});

it("keeps young files where the local clock runs ahead of the store's", async () => {
  const folder = join(freshFolder(), "t");
  {
    await using table = await overwritten(folder);
    expect(table.snapshot().version).toBe(3);
  }
  const ahead = { now: () => Date.now() + 30 * 86_400_000 };
  const { realWorld } = await import("../../../src/util/world.ts");
  await using table = await openTable(folder, { world: { ...realWorld, ...ahead } });
  expect((await table.vacuum({ dryRun: true })).files).toHaveLength(2);
  expect((await table.vacuum()).files).toEqual([]);
});

it("refuses a table with a feature that varve cannot write, and deletes nothing", async () => {
  const folder = join(freshFolder(), "t");
  {
    await using table = await overwritten(folder);
    expect(table.snapshot().version).toBe(3);
  }
  const protocol = { minReaderVersion: 1, minWriterVersion: 7, writerFeatures: ["laterFeature"] };
  writeFileSync(
    join(folder, "_delta_log", `${"0".repeat(19)}4.json`),
    `${JSON.stringify({ commitInfo: { timestamp: 1, operation: "UPGRADE PROTOCOL" } })}\n${JSON.stringify({ protocol })}\n`,
  );
  makeOlder(folder, 1);
  const before = filesBelow(folder);
  await using table = await openTable(folder);
  await expect(table.vacuum(now)).rejects.toMatchObject({ code: "UNSUPPORTED_FEATURE" });
  expect(filesBelow(folder)).toEqual(before);
});

describe("a vacuum of a table on S3", () => {
  let server: S3Server;
  beforeAll(async () => {
    server = await startS3Server();
  });
  afterAll(() => server.close());

  it("deletes many files by few requests, and makes no commits", async () => {
    const s3 = server.options;
    await using table = await createTable("s3://bucket/t", {
      s3,
      schema: schema().long("id").long("p"),
      partitionBy: ["p"],
    });
    for (let round = 0; round < 2; round++)
      await table.overwrite(Array.from({ length: 30 }, (_, id) => ({ id, p: id })));
    server.log.splice(0);
    const { files, version } = await table.vacuum(now);
    expect({ files: files.length, version }).toEqual({ files: 30, version: 2 });
    const deletions = server.log.filter(({ method, query }) => method === "POST" && "delete" in query);
    expect(deletions).toHaveLength(1);
    expect((await ids(table)).length).toBe(30);
    await table.overwrite([{ id: 1, p: 1 }]);
    const { version: recorded } = await table.vacuum({ ...now, record: true });
    expect(recorded).toBe(5);
  });

  it("tries keys again that the server did not delete, and reports those that it refuses", async () => {
    const s3 = server.options;
    await using table = await overwritten("s3://bucket/u", { schema: columns, s3 });
    const isDeletion = ({
      method,
      query,
    }: {
      readonly method: string;
      readonly query: ReadonlyMap<string, string>;
    }) => method === "POST" && query.has("delete");
    server.inject({ kind: "answer", status: 503, code: "SlowDown" }, isDeletion, 2);
    expect((await table.vacuum(now)).files).toHaveLength(2);
    await table.overwrite([{ id: 7, v: "b" }]);
    server.inject({ kind: "answer", status: 501, code: "NotImplemented" }, isDeletion);
    expect((await table.vacuum(now)).files).toHaveLength(1);
    await table.overwrite([{ id: 8, v: "b" }]);
    server.inject({ kind: "answer", status: 403, code: "AccessDenied" }, isDeletion);
    await expect(table.vacuum(now)).rejects.toMatchObject({ code: "STORE_FORBIDDEN" });
    expect((await table.vacuum(now)).files).toHaveLength(1);
    expect(await ids(table)).toEqual([8]);
  });
});

describe("a vacuum of a table with shallow clones", () => {
  it("keeps the files that they need, until they need them no more", async () => {
    const root = freshFolder();
    const folder = join(root, "t");
    await using table = await createTable(folder, {
      schema: schema().long("id").string("p q"),
      partitionBy: ["p q"],
      properties: { "delta.enableDeletionVectors": "true" },
    });
    await table.append([1, 2, 3].map((id) => ({ id, "p q": "x y%" })));
    await table.delete("id = 2");
    await table.clone(join(root, "c"), { version: 2 });
    await table.overwrite([{ id: 4, "p q": "z" }]);
    makeOlder(root, 1);
    expect(await table.vacuum(now)).toMatchObject({ outcome: "unchanged", files: [] });
    await using clone = await openTable(join(root, "c"));
    expect(await ids(clone)).toEqual([1, 3]);
    expect(await clone.vacuum(now)).toMatchObject({ outcome: "unchanged" });
    await clone.overwrite([{ id: 5, "p q": "z" }]);
    expect((await table.vacuum()).files).toEqual([]);
    rmSync(join(root, "c"), { recursive: true });
    const record = join(folder, "_clones", filesBelow(join(folder, "_clones"))[0] ?? "");
    expect((await table.vacuum(now)).files, "it may be in the making").toEqual([]);
    expect((await table.vacuum({ ...now, forgetClones: [join(root, "c")] })).files).toHaveLength(2);
    expect(existsSync(record)).toBe(false);
    writeFileSync(record, "{");
    await expect(table.vacuum(now)).rejects.toMatchObject({ code: "LOG_CORRUPT" });
  });

  it("stops if a clone cannot be read", async () => {
    const root = freshFolder();
    await using table = await overwritten(join(root, "t"));
    await table.clone(join(root, "c"));
    await table.overwrite([{ id: 9, v: "z" }]);
    makeOlder(root, 1);
    writeFileSync(join(root, "c", "_delta_log", `${"0".repeat(20)}.json`), "{");
    const before = dataFiles(join(root, "t"));
    await expect(table.vacuum(now)).rejects.toMatchObject({
      code: "LOG_CORRUPT",
      message: expect.stringContaining("name it in forgetClones (--forget-clone)"),
    });
    expect(dataFiles(join(root, "t"))).toEqual(before);
  });
});
