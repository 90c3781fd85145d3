import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, utimesSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type CreateTableOptions, createTable, fsck, openTable, type Table } from "../../src/index.ts";
import { varve } from "../support/cli.ts";
import { namedRows, ownTemporaryFolder, positiveIds } from "../support/own-temporary-folder.ts";
import { type S3Server, startS3Server } from "../support/s3-server.ts";
import { filesBelow, freshFolder } from "./table-folder.ts";

const gate = positiveIds;
const strict = { checks: [{ ...gate.checks[0], onFail: "reject" }] } as const;

const temporary = ownTemporaryFolder();

const rows = namedRows;

async function quietly(work: Promise<unknown>, code: string): Promise<void> {
  await expect(work).rejects.toMatchObject({ code });
}

async function* broken(): AsyncGenerator<{ readonly id: number }> {
  yield { id: 1 };
  throw new Error("the source broke");
}

/** Every kind of operation on a table, by name. */
const operations: readonly (readonly [string, (table: Table) => Promise<unknown>])[] = [
  ["append", (table) => table.append(rows(1, 2))],
  ["append with a gate", (table) => table.append(rows(3, 4), { gate, batchId: "b1" })],
  [
    "append of a batch that was committed before",
    (table) => table.append(rows(3, 4), { gate, batchId: "b1" }),
  ],
  ["append that quarantines", (table) => table.append(rows(5, -5), { gate, batchId: "b2" })],
  ["append of nothing", (table) => table.append([])],
  ["a rejected batch", (table) => quietly(table.append(rows(-1), { gate: strict }), "BATCH_REJECTED")],
  ["rows of another schema", (table) => quietly(table.append([{ other: "x" }]), "SCHEMA_MISMATCH")],
  ["a source that breaks", (table) => expect(table.append(broken())).rejects.toThrow()],
  [
    "an aborted append",
    (table) => quietly(table.append(rows(6), { signal: AbortSignal.abort() }), "CANCELLED"),
  ],
  ["overwrite", (table) => table.overwrite(rows(7, 8), { gate })],
  ["stage and publish", async (table) => (await table.staging.stage(rows(9), { id: "s1" })).publish()],
  [
    "stage, audit and discard",
    async (table) => {
      const staged = await table.staging.stage(rows(10), { id: "s2" });
      await staged.audit(gate);
      await staged.discard();
    },
  ],
  [
    "quarantine, repair and resubmit",
    async (table) => {
      await table.quarantine.read();
      await table.quarantine.repair({ batchId: "b2" }, { id: "5" });
      await table.quarantine.resubmit({ all: true, gate });
    },
  ],
  ["set a suite", (table) => table.suite.set(gate)],
  ["alter", (table) => table.alter({ addConstraints: { positive: "id >= 0" }, upgradeProtocol: true })],
  ["checkpoint", (table) => table.log.checkpoint()],
  ["compaction", (table) => table.log.compact(1, 3)],
  ["cleanup", (table) => table.log.clean()],
  ["query", async (table) => expect(await table.snapshot().count("id > 0")).toBeGreaterThan(0)],
  [
    "a query that is left half-way",
    async (table) => {
      for await (const _ of table.snapshot().batches({ batchRows: 1 })) break;
    },
  ],
  ["a query that fails", (table) => expect(table.snapshot().count("nowhere > 1")).rejects.toThrow()],
  ["profile", (table) => table.profile()],
  ["metrics", (table) => table.metrics.record()],
  ["diff", (table) => table.diff(1, 2)],
  ["history", (table) => table.history()],
  [
    "ten appends, with a checkpoint among them",
    async (table) => {
      for (let at = 0; at < 10; at++) await table.append(rows(100 + at));
    },
  ],
];

const definition: CreateTableOptions = {
  schema: {
    type: "struct",
    fields: [
      { name: "id", type: "long", nullable: true, metadata: {} },
      { name: "name", type: "string", nullable: true, metadata: {} },
    ],
  },
};

/** What a Delta table, its side tables and its staged batches consist of. */
const needed = [
  /^(_quarantine\/|_metrics\/|_rejections\/)?[^/]+\.parquet$/,
  /^(_quarantine\/|_metrics\/|_rejections\/)?_delta_log\/(\d{20}\.(json|crc|checkpoint\.parquet|\d{20}\.compacted\.json)|_last_checkpoint)$/,
  /^_quarantine\/_suites\/[0-9a-f]{64}\.json$/,
  // The folder stays when its batches are published.
  /^_staged(\/[^/]+\.json)?$/,
];

const unneeded = (files: readonly string[]): string[] =>
  files.filter(
    (file) =>
      file.split("/").some((name) => name.startsWith(".")) || !needed.some((pattern) => pattern.test(file)),
  );

/** Runs an operation and waits for the maintenance of the log that follows it. */
async function run(open: () => Promise<Table>, operation: (table: Table) => Promise<unknown>): Promise<void> {
  const table = await open();
  await operation(table);
  await table.close();
}

describe("what operations leave behind", () => {
  it("on local disk is what the format needs, and nothing in the temporary folder", async () => {
    const folder = freshFolder();
    await quietly(
      createTable(join(folder, "refused"), { ...definition, partitionBy: ["x"] }),
      "COLUMN_NOT_FOUND",
    );
    const root = join(folder, "table");
    await (await createTable(root, definition)).close();
    for (const [name, operation] of operations) {
      await run(() => openTable(root), operation);
      const above = readdirSync(folder).filter((entry) => entry !== "table");
      expect({ name, left: [...above, ...unneeded(filesBelow(root))] }).toEqual({ name, left: [] });
    }
    expect((await fsck(root)).findings.filter(({ code }) => code !== "ORPHAN_FILE")).toEqual([]);
    expect(readdirSync(temporary()).filter((entry) => join(temporary(), entry) !== folder)).toEqual([]);
  });

  describe("on S3", () => {
    let server: S3Server;
    beforeEach(async () => {
      server = await startS3Server();
    });
    afterEach(() => server.close());

    it("is what the format needs: no unfinished upload, no probe, nothing in the temporary folder but the cache", async () => {
      const cache = { folder: join(freshFolder(), "cache") };
      const root = "s3://bucket/table";
      await (await createTable(root, { ...definition, s3: server.options, cache })).close();
      for (const [name, operation] of operations) {
        await run(() => openTable(root, { s3: server.options, cache }), operation);
        const bucket = server.buckets.get("bucket");
        const keys = [...(bucket?.objects.keys() ?? [])].map((key) => key.slice("table/".length));
        expect({ name, left: unneeded(keys), uploads: bucket?.uploads.size }).toEqual({
          name,
          left: [],
          uploads: 0,
        });
      }
      expect(
        readdirSync(temporary()).filter((entry) => join(temporary(), entry) !== dirname(cache.folder)),
      ).toEqual([]);
    });
  });
});

describe("what killed writers left", () => {
  const long = new Date(Date.now() - 30 * 24 * 3_600_000);

  /** A folder with a file in it, last written to long ago. */
  function oldFolder(folder: string): string {
    mkdirSync(folder);
    writeFileSync(join(folder, "part.parquet"), "half");
    for (const path of [join(folder, "part.parquet"), folder]) utimesSync(path, long, long);
    return folder;
  }

  it("in a table is named by fsck and swept with a later checkpoint, but not what is young", async () => {
    const folder = join(freshFolder(), "table");
    const table = await createTable(folder, definition);
    const staging = oldFolder(join(folder, ".varve-staging-0d7f"));
    const young = join(folder, ".varve-staging-1111");
    mkdirSync(young);
    const commit = join(folder, "_delta_log", ".varve-tmp-2222");
    writeFileSync(commit, "{}");
    utimesSync(commit, long, long);
    const { findings } = await fsck(folder);
    expect(findings.map(({ code, path }) => [code, path]).sort()).toEqual([
      ["ABANDONED_FILE", ".varve-staging-0d7f"],
      ["ABANDONED_FILE", "_delta_log/.varve-tmp-2222"],
    ]);
    for (let at = 0; at < 10; at++) await table.append(rows(at));
    await table.close();
    expect([staging, commit, young].map((path) => existsSync(path))).toEqual([false, false, true]);
    expect((await fsck(folder)).findings).toEqual([]);
  });

  it("in a table and its side tables is removed when told to, but not where a file still grows", async () => {
    const folder = join(freshFolder(), "table");
    const table = await createTable(folder, definition);
    await table.append(rows(1, -2), { gate, batchId: "b1" });
    const old = [
      oldFolder(join(folder, ".varve-staging-0d7f")),
      oldFolder(join(folder, "_quarantine", ".varve-staging-2222")),
    ];
    const growing = oldFolder(join(folder, ".varve-staging-1111"));
    writeFileSync(join(growing, "part.parquet"), "more");
    utimesSync(growing, long, long);
    const young = join(folder, ".varve-tmp-3333");
    writeFileSync(young, "{}");
    const left = [".varve-staging-0d7f", "_quarantine/.varve-staging-2222"];
    expect((await table.log.removeLeftovers({ dryRun: true })).sort()).toEqual(left);
    expect(old.map((path) => existsSync(path))).toEqual([true, true]);
    expect((await table.log.removeLeftovers({ before: new Date(Date.now() + 60_000) })).sort()).toEqual(left);
    expect(old.map((path) => existsSync(path))).toEqual([false, false]);
    expect([growing, young].map((path) => existsSync(path))).toEqual([true, true]);
    expect(await table.log.removeLeftovers()).toEqual([]);
    await table.close();
  });

  it("is named by fsck on the command line, and removed if that is told to", async () => {
    const folder = join(freshFolder(), "table");
    await (await createTable(folder, definition)).close();
    const staging = oldFolder(join(folder, ".varve-staging-0d7f"));
    const named = await varve("fsck", folder);
    expect(named.stdout).toContain(".varve-staging-0d7f");
    expect(existsSync(staging)).toBe(true);
    const removed = await varve("fsck", folder, "--remove-leftovers");
    expect(removed.stderr).toContain("1 leftovers of killed writers removed");
    expect(existsSync(staging)).toBe(false);
    expect(await varve("fsck", folder)).toMatchObject({ code: 0, stdout: "" });
  });

  it("in the temporary folder is swept by the next process that uses it, but not what a living process or another machine owns", () => {
    const mine = `varve-${hostname().replace(/[^A-Za-z0-9]/g, "")}-`;
    const dead = spawnSync(process.execPath, ["-e", ""]).pid;
    const left = oldFolder(join(temporary(), `${mine}${dead}-aaaaaa`));
    const kept = [`${mine}${process.pid}-bbbbbb`, `varve-elsewhere-${dead}-cccccc`, "varve-test-dddddd"].map(
      (name) => oldFolder(join(temporary(), name)),
    );
    const young = join(temporary(), `${mine}${dead}-eeeeee`);
    mkdirSync(young);
    const source = `import { makeTemporaryFolder } from "./src/util/temporary-folder.ts"; makeTemporaryFolder();`;
    const run = spawnSync(process.execPath, ["--import", "tsx", "--input-type=module", "-e", source], {
      env: { ...process.env, TMPDIR: temporary() },
    });
    expect(String(run.stderr)).toBe("");
    expect(existsSync(left)).toBe(false);
    expect([...kept, young].map((folder) => existsSync(folder))).toEqual([true, true, true, true]);
    expect(readdirSync(tmpdir()).filter((name) => name.startsWith(mine)).length).toBe(2);
  });

  it("of a table that was never made lies beside it, and goes with that table's first checkpoint", async () => {
    const folder = freshFolder();
    const store = await (await import("../../src/storage/open-store.ts")).openStore(join(folder, "table"));
    const staging = await store.stagingFolder();
    const other = await (await import("../../src/storage/open-store.ts")).openStore(join(folder, "other"));
    const foreign = await other.stagingFolder();
    for (const each of [staging, foreign]) utimesSync(each, long, long);
    const table = await createTable(join(folder, "table"), definition);
    await table.log.checkpoint();
    for (let at = 0; at < 10; at++) await table.append(rows(at));
    await table.close();
    expect([existsSync(staging), existsSync(foreign)]).toEqual([false, true]);
    expect(await openTable(join(folder, "table"))).toBeDefined();
  });
});
