import { spawnSync } from "node:child_process";
import { cpSync, readdirSync, rmSync, statfsSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { Table } from "../../src/api/table.ts";
import { VarveError } from "../../src/errors.ts";
import { createTable, fsck, openTable } from "../../src/index.ts";
import { openLog } from "../../src/log/snapshot/open-log.ts";
import { check, suite } from "../../src/quality/suite/builder.ts";
import { schema } from "../../src/schema/builder.ts";
import type { ObjectStore } from "../../src/storage/contract/object-store.ts";
import { openContext } from "../../src/table/definition/open-context.ts";
import { chosenSteps } from "../concurrency/kill-steps.ts";
import { namedRows, ownTemporaryFolder, positiveIds } from "../support/own-temporary-folder.ts";
import { filesBelow, freshFolder, rowsOf } from "./table-folder.ts";

const temporary = ownTemporaryFolder();

const gate = positiveIds;
const rows = namedRows;

/** An operation, and the rows of the table when it has been done. */
type Operation = readonly [string, (table: Table) => Promise<unknown>, number];

const operations: readonly Operation[] = [
  ["append", (table) => table.append(rows(2, 3)), 4],
  ["append that quarantines", (table) => table.append(rows(4, -4), { gate, batchId: "b1" }), 3],
  ["overwrite", (table) => table.overwrite(rows(7)), 1],
  ["stage", (table) => table.staging.stage(rows(9), { id: "s1" }), 2],
  [
    "stage with rows that do not fit",
    (table) =>
      table.staging.stage([{ id: 9 }, { id: "x" }], { id: "s2", gate: { ...gate, onMisfit: "quarantine" } }),
    2,
  ],
  ["publish", async (table) => (await table.staging.get("waits")).publish(), 3],
  [
    "publish of files that are written anew",
    async (table) => (await table.staging.get("mixed")).publish(),
    3,
  ],
  ["discard", (table) => table.staging.discard("waits"), 2],
  ["resubmission", (table) => table.quarantine.resubmit({ all: true, untested: true }), 3],
  ["change of the suite", (table) => table.suite.set(gate), 2],
  ["checkpoint", (table) => table.log.checkpoint(), 2],
];

/** A table with a row in quarantine that can be resubmitted, and two staged batches. */
async function makeBase(folder: string): Promise<void> {
  const table = await createTable(folder, { schema: schema().long("id").string("name") });
  await table.append(rows(1, 5));
  await table.append(rows(-5), { gate: { ...gate, maxBadShare: 1 }, batchId: "b0" });
  await table.staging.stage(rows(10), { id: "waits" });
  await table.staging.stage(rows(10, -10), { id: "mixed", gate });
  await table.close();
}

/** How a store fails at one of the calls that change something. */
interface Fault {
  readonly call: number;
  /** What was asked for happens before the error comes. */
  readonly after: boolean;
}

/** A store that counts what would change it, and fails at one of these calls as a full disk does. */
function faultyStore(store: ObjectStore, fault: Fault) {
  const calls: string[] = [];
  const meets = async <T>(name: string, work: () => Promise<T>): Promise<T> => {
    calls.push(name);
    if (calls.length !== fault.call) return work();
    // a put that creates names no failure once it has happened
    if (fault.after && !/^(putIfAbsent|stagingFolder)/.test(name)) await work();
    throw new VarveError("STORE_FULL", `the disk is full at ${name}`, { system: "ENOSPC" });
  };
  const faulty: ObjectStore = {
    ...store,
    put: (path, ...rest) => meets(`put ${path}`, () => store.put(path, ...rest)),
    putFile: (path, ...rest) => meets(`putFile ${path}`, () => store.putFile(path, ...rest)),
    putIfAbsent: (path, ...rest) => meets(`putIfAbsent ${path}`, () => store.putIfAbsent(path, ...rest)),
    delete: (path, ...rest) => meets(`delete ${path}`, () => store.delete(path, ...rest)),
    stagingFolder: () => meets("stagingFolder", () => store.stagingFolder()),
  };
  return { faulty, calls };
}

const privateOnes = (folder: string) =>
  filesBelow(folder).filter((file) => file.split("/").some((name) => name.startsWith(".")));

/** Rows may be in quarantine before the batch that they belong to is committed or not. */
const outsideQuarantine = (folder: string) =>
  filesBelow(folder).filter((file) => !file.startsWith("_quarantine/"));

async function orphans(folder: string): Promise<string[]> {
  const found: string[] = [];
  for (const root of [folder, join(folder, "_quarantine")]) {
    if (root !== folder && filesBelow(root).length === 0) continue;
    const { findings } = await fsck(root);
    found.push(...findings.map(({ code, path, message }) => `${code} ${path ?? message}`));
  }
  return found;
}

/** A copy of the table, whose store fails at a call; 0: at none. */
async function copyWithFault(base: string, fault: Fault) {
  const folder = join(freshFolder(), "t");
  cpSync(base, folder, { recursive: true });
  const context = await openContext(folder);
  const { faulty, calls } = faultyStore(context.store, fault);
  const table = Table.of(await openLog({ ...context, store: faulty }));
  return { folder, table, calls };
}

const leftInTemporary = () => readdirSync(temporary()).filter((name) => !name.startsWith("varve-test-"));

describe("what an operation leaves behind that fails because the store does", { timeout: 0 }, () => {
  it.each(operations)(
    "%s: nothing, at whichever step, and then it can be done again",
    async (...operation) => {
      const [, work, count] = operation;
      const base = join(freshFolder(), "base");
      await makeBase(base);
      const undisturbed = await copyWithFault(base, { call: 0, after: false });
      await work(undisturbed.table);
      await undisturbed.table.close();
      expect(await orphans(undisturbed.folder)).toEqual([]);
      const steps = undisturbed.calls.flatMap((_, at) =>
        [false, true].map((after) => ({ call: at + 1, after })),
      );
      for (const fault of chosenSteps(steps)) {
        const { folder, table, calls } = await copyWithFault(base, fault);
        const error = await work(table).then(
          () => undefined,
          (reason: unknown) => reason,
        );
        await table.close();
        const call = calls[fault.call - 1] ?? "";
        const at = `${fault.after ? "after" : "before"} ${call}`;
        expect({ at, left: [...privateOnes(folder), ...leftInTemporary()] }).toEqual({ at, left: [] });
        if (!call.startsWith("delete"))
          expect({ at, error, left: await orphans(folder) }).toEqual({ at, error, left: [] });
        // what is gone cannot be given up again
        const givenUp = at === "after delete _staged/waits.end.json";
        const again = await openTable(folder);
        if (error !== undefined && !givenUp)
          await work(again).catch((reason: unknown) => {
            throw new Error(`again, ${at}`, { cause: reason });
          });
        await again.close();
        expect({ at, rows: (await rowsOf(await openTable(folder))).length }).toEqual({ at, rows: count });
      }
    },
  );

  it("is nothing where the disk is full, however much room there was", async (context) => {
    const disk = freshFolder();
    const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=2m", "varve-test", disk]);
    if (mounted.status !== 0) {
      console.log(
        `skipped: no small disk can be mounted here (${String(mounted.stderr ?? mounted.error).trim()})`,
      );
      context.skip();
    }
    try {
      const folder = join(disk, "t");
      await makeBase(folder);
      const many = Array.from({ length: 20_000 }, (_, id) => ({
        id: id % 100 === 0 ? -1 - id : id,
        name: `${id}`,
      }));
      const failures: unknown[] = [];
      for (const room of [0, 4096, 8192, 16_384, 32_768, 65_536, 98_304, 131_072, 196_608]) {
        const files = outsideQuarantine(folder);
        const { bavail, bsize } = statfsSync(disk);
        writeFileSync(join(disk, "ballast"), Buffer.alloc(Math.max(0, bavail * bsize - room)));
        const table = await openTable(folder);
        const error = await table.append(many, { gate, batchId: "large" }).then(
          () => undefined,
          (reason: unknown) => reason,
        );
        await table.close();
        rmSync(join(disk, "ballast"));
        if (error === undefined) break;
        failures.push(error);
        expect({ room, error, files: outsideQuarantine(folder) }).toEqual({ room, error, files });
        expect({
          room,
          left: [...privateOnes(folder), ...(await orphans(folder)), ...leftInTemporary()],
        }).toEqual({ room, left: [] });
      }
      expect(failures.length).toBeGreaterThan(3);
      spawnSync("mount", ["-o", "remount,ro", disk]);
      const readOnly = await openTable(folder);
      failures.push(await readOnly.append(many).catch((reason: unknown) => reason));
      await readOnly.close();
      spawnSync("mount", ["-o", "remount,rw", disk]);
      expect([...privateOnes(folder), ...(await orphans(folder)), ...leftInTemporary()]).toEqual([]);
      for (const failure of failures)
        expect(failure).toMatchObject({ code: expect.stringMatching(/^STORE_(FULL|FORBIDDEN)$/) });
      const table = await openTable(folder);
      await table.append(many, { gate, batchId: "large" });
      await table.close();
      expect(await rowsOf(await openTable(folder))).toHaveLength(2 + 19_800);
    } finally {
      spawnSync("umount", [disk]);
    }
  });
});

describe("what an append leaves behind that its caller breaks off", () => {
  const throws = () => {
    throw new Error("the caller's own");
  };
  async function* broken(rowsBefore: number): AsyncGenerator<{ readonly id: number }> {
    for (let id = 0; id < rowsBefore; id++) yield { id };
    throws();
  }
  const cases: readonly (readonly [string, (table: Table) => Promise<unknown>])[] = [
    [
      "a test's function throws",
      (table) => table.append(rows(2), { gate: suite("s", [check.predicate("p", ["id"], throws)]) }),
    ],
    [
      "a test's function throws when rows are written already",
      (table) =>
        table.append(rows(2, -3), {
          gate: suite("s", [check.predicate("p", ["id"], throws, { onFail: "quarantine" })]),
        }),
    ],
    ["the source breaks after many rows", (table) => table.append(broken(50_000))],
    ["the source breaks behind a gate", (table) => table.append(broken(50_000), { gate, batchId: "b9" })],
    [
      "the function that is told of progress throws",
      (table) => table.append(rows(2), { onProgress: throws }),
    ],
    ...(["reading", "checking", "writing", "committing"] as const).map(
      (phase) =>
        [
          `it is cancelled while ${phase}`,
          (table: Table) => {
            const controller = new AbortController();
            const onProgress = (progress: { readonly phase: string }) => {
              if (progress.phase === phase) controller.abort();
            };
            return table.append(rows(2, -3), { gate, signal: controller.signal, onProgress });
          },
        ] as const,
    ),
  ];

  it.each(cases)("is nothing where %s", async (_name, work) => {
    const folder = join(freshFolder(), "t");
    await makeBase(folder);
    const before = outsideQuarantine(folder);
    const table = await openTable(folder);
    await expect(work(table)).rejects.toThrow();
    await table.close();
    expect(outsideQuarantine(folder)).toEqual(before);
    expect([...privateOnes(folder), ...(await orphans(folder)), ...leftInTemporary()]).toEqual([]);
  });
});

describe("what killed writers left of staged batches", () => {
  it("is named by fsck and swept when it is old, but not what a batch has that waits", async () => {
    const folder = join(freshFolder(), "t");
    await makeBase(folder);
    const table = await openTable(folder);
    const misfit = await table.staging.stage([{ id: 9 }, { id: "x" }], {
      id: "s.2",
      gate: { ...gate, onMisfit: "quarantine" },
    });
    for (const id of ["waits", "s.2"]) await (await table.staging.get(id)).audit();
    writeFileSync(join(folder, "_staged", "s.2.end.json"), '{"end":"discard"}');
    const month = Date.now() - 30 * 24 * 3_600_000;
    for (const name of readdirSync(join(folder, "_staged")))
      utimesSync(join(folder, "_staged", name), month / 1000, month / 1000);
    const abandoned = async () =>
      (await fsck(folder)).findings.filter(({ code }) => code === "ABANDONED_FILE").map(({ path }) => path);
    expect(await abandoned()).toEqual([]);
    rmSync(join(folder, "_staged", "s.2.json"));
    const left = await abandoned();
    expect(left).toHaveLength(3);
    expect(left).toEqual(expect.arrayContaining(["_staged/s.2.audit.json", "_staged/s.2.end.json"]));
    await expect(table.staging.stage(rows(3), { id: misfit.id })).rejects.toMatchObject({
      code: "STAGED_INVALID",
    });
    expect(await table.log.clean({ dryRun: true })).toMatchObject({ abandonedRemoved: 0 });
    expect(await table.log.clean()).toMatchObject({ abandonedRemoved: 3 });
    expect(readdirSync(join(folder, "_staged")).sort()).toEqual([
      "mixed.json",
      "waits.audit.json",
      "waits.json",
    ]);
    expect((await table.staging.stage(rows(3), { id: misfit.id })).rows).toBe(1);
    await table.close();
  });
});
