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
import { runSql } from "../../src/api/shared/run-sql.ts";
import type { Table } from "../../src/api/table.ts";
import { schema } from "../../src/schema/builder.ts";
import { localDiskStore } from "../../src/storage/local/local-disk-store.ts";
import { realWorld } from "../../src/util/world.ts";
import { dataFiles, freshFolder } from "../operations/table-folder.ts";

/** Stores outside a table are asked for by their `file:` URIs. */
const localStore = (uri: string) => localDiskStore(uri.startsWith("file:") ? fileURLToPath(uri) : uri);

/** A table whose version 2 has rows that later versions lack, in a file with a deletion vector. */
async function changed(folder: string): Promise<Table> {
  const table = await createTable(folder, {
    schema: schema().long("id").string("v"),
    partitionBy: ["v"],
    properties: {
      "delta.enableDeletionVectors": "true",
      "delta.enableRowTracking": "true",
      "delta.logRetentionDuration": "interval 0 days",
      "delta.enableInCommitTimestamps": "true",
    },
  });
  await table.append([
    { id: 1, v: "a b" },
    { id: 2, v: "a b" },
    { id: 3, v: "c/ü" },
  ]);
  await table.delete("id = 1");
  return table;
}

async function collected(rows: AsyncIterable<Row>): Promise<Row[]> {
  const found: Row[] = [];
  for await (const row of rows) found.push(row);
  return found;
}

type Row = Readonly<Record<string, unknown>>;

/** Everything but the newest version goes. */
async function lose(table: Table): Promise<void> {
  await table.overwrite([{ id: 9, v: "z" }]);
  await table.vacuum({ retainHours: 0, retentionCheck: false });
  const later = () => Date.now() + 10 * 24 * 3_600_000;
  await using cleaned = await openTable(table.uri, { world: { ...realWorld, now: later } });
  await cleaned.log.checkpoint();
  await cleaned.log.clean();
}

const ids = async (table: Pick<Table, "rows">) =>
  (await collected(table.rows())).map(({ id }) => Number(id)).sort((a, b) => a - b);

async function rowIds(uri: string): Promise<unknown[]> {
  await using table = await openTable(uri);
  return (await collected(table.rows({ rowTracking: true })))
    .map(({ id, _metadata }) => [id, _metadata])
    .sort();
}

describe("a pinned version", () => {
  it("outlives a vacuum without retention and a cleanup of the log, with its rows and row ids", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await changed(folder);
    const before = await rowIds(folder);
    const state = await table.snapshot().fingerprint();
    const content = await table.snapshot().contentFingerprint();
    expect(await table.pins.add("model-7", { reason: "trained on it", owner: "ann" })).toMatchObject({
      outcome: "pinned",
      name: "model-7",
      version: 2,
      files: 2,
      filesLinked: 3,
      filesCopied: 0,
      bytesCopied: 0,
    });
    await lose(table);
    expect(await ids(table)).toEqual([9]);
    await expect(table.at(2)).rejects.toMatchObject({ code: "VERSION_NOT_FOUND" });
    await using pinned = await openTable(`${folder}@model-7`);
    expect(await ids(pinned)).toEqual([2, 3]);
    expect(await pinned.snapshot().fingerprint()).toBe(state);
    expect((await pinned.snapshot().contentFingerprint()).fingerprint).toBe(content.fingerprint);
    expect(pinned.pin?.fingerprint).toBe(state);
    expect(pinned.pin).toMatchObject({ name: "model-7", version: 2, reason: "trained on it", owner: "ann" });
    expect(await rowIds(`${folder}@model-7`)).toEqual(before);
    expect(await ids(await table.pins.open("model-7"))).toEqual([2, 3]);
    // any engine opens it as a table
    await using asTable = await openTable(join(folder, "_pins/model-7"));
    expect(await ids(asTable)).toEqual([2, 3]);
    expect((await fsck(`${folder}@model-7`, { deep: true })).findings).toEqual([]);
    expect((await fsck(folder)).findings.filter(({ severity }) => severity === "error")).toEqual([]);
  });

  it("shares its bytes with the table by hard links", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await changed(folder);
    await table.pins.add("linked");
    const [file = ""] = dataFiles(folder).filter((path) => !path.startsWith("_pins/"));
    expect(statSync(join(folder, "_pins/linked", file)).ino).toBe(statSync(join(folder, file)).ino);
  });

  it("is read by SQL under its name", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await changed(folder);
    await table.pins.add("Gold");
    await table.append([{ id: 4, v: "d" }]);
    await table.pins.add("gold");
    const sql = `SELECT (SELECT count(*) FROM t VERSION AS OF 'Gold') AS a,
      (SELECT count(*) FROM t AT (VERSION => 'gold')) AS b, (SELECT count(*) FROM t) AS c`;
    await using result = await query(sql, { tables: { t: folder } });
    expect(await collected(result.rows())).toEqual([{ a: 2n, b: 3n, c: 3n }]);
    const [selected] = await runSql("SELECT count(*) AS n FROM t VERSION AS OF 'Gold'", {
      tables: { t: table },
    });
    expect(selected?.rows).toEqual([{ n: 2n }]);
    const [merged] = await runSql(
      "MERGE INTO t USING t VERSION AS OF 'Gold' AS s ON t.id = s.id WHEN MATCHED THEN DELETE",
      { tables: { t: table } },
    );
    expect(merged?.metrics).toMatchObject({ rowsDeleted: 2 });
    await expect(
      query("SELECT * FROM t VERSION AS OF 'gild'", { tables: { t: table } }),
    ).rejects.toMatchObject({
      code: "PIN_NOT_FOUND",
      data: { nearest: "Gold" },
    });
  });

  it("is named by the history and by the vacuum that loses its version", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await changed(folder);
    await table.pins.add("a");
    await table.pins.add("b");
    const [newest, earlier] = await table.history();
    expect(newest?.pins).toEqual(["a", "b"]);
    expect(earlier?.pins).toBeUndefined();
    await table.overwrite([{ id: 9, v: "z" }]);
    const plan = await table.vacuum({ retainHours: 0, retentionCheck: false, dryRun: true });
    expect(plan.pinnedVersions).toEqual([{ version: 2, pins: ["a", "b"] }]);
  });

  it("is named by the error of its version, once that cannot be read any more", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await changed(folder);
    await table.pins.add("kept");
    await table.overwrite([{ id: 9, v: "z" }]);
    await table.vacuum({ retainHours: 0, retentionCheck: false });
    const files = { code: "DATA_FILE_MISSING", data: { version: 2, pins: ["kept"] } };
    await expect((await table.at(2)).count()).rejects.toMatchObject(files);
    await expect(
      query("SELECT * FROM t VERSION AS OF 2 JOIN t ON true", { tables: { t: table } }),
    ).rejects.toMatchObject(files);
    await lose(table);
    const versions = { code: "VERSION_NOT_FOUND", data: { version: 2, pins: ["kept"] } };
    await expect(openTable(`${folder}@v2`)).rejects.toMatchObject(versions);
    await expect(openTable(`${folder}@v2`)).rejects.toThrow(
      `The pin kept keeps version 2: open ${table.uri}@kept.`,
    );
    await expect(openTable(`${folder}@v1`)).rejects.not.toHaveProperty("data.pins");
  });

  it("cannot be changed through the name", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await changed(folder);
    await table.pins.add("fixed");
    await using pinned = await openTable(`${folder}@fixed`);
    const refusal = { code: "INVALID_ARGUMENT", data: { name: "fixed" } };
    await expect(pinned.append([{ id: 5, v: "e" }])).rejects.toMatchObject(refusal);
    await expect(pinned.pins.add("again")).rejects.toMatchObject(refusal);
    expect((await pinned.refresh()).version).toBe(0);
    await expect(openTable(`${folder}@fixed`, { at: 0 })).rejects.toMatchObject(refusal);
    await expect(runSql("DELETE FROM t", { tables: { t: `${folder}@fixed` } })).rejects.toMatchObject(
      refusal,
    );
    expect(await ids(pinned)).toEqual([2, 3]);
  });
});

describe("adding a pin", () => {
  it("cannot be changed through its folder either, so that no vacuum there takes its files", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await changed(folder);
    const { uri } = await table.pins.add("fixed");
    for (const place of [uri, `${folder}/_pins/fixed/`]) {
      await using pinned = await openTable(place);
      expect(pinned.pin).toMatchObject({ name: "fixed", version: 2 });
      const refusal = { code: "INVALID_ARGUMENT", data: { name: "fixed" } };
      await expect(pinned.delete("true")).rejects.toMatchObject(refusal);
      await expect(pinned.vacuum({ retainHours: 0, retentionCheck: false })).rejects.toMatchObject(refusal);
      await expect(pinned.pins.add("inner")).rejects.toMatchObject(refusal);
      await expect(runSql("DELETE FROM t", { tables: { t: place } })).rejects.toMatchObject(refusal);
      expect(await ids(pinned)).toEqual([2, 3]);
    }
    await using own = await createTable(join(folder, "_pins", "own"), { schema: schema().long("id") });
    expect(await own.append([{ id: 1 }])).toMatchObject({ version: 1 });
    await using again = await openTable(own.uri);
    expect(again.pin).toBeUndefined();
  });

  it("of the same version again changes nothing, and of another version is refused", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await changed(folder);
    await table.pins.add("once", { version: 1 });
    const [first, second] = await Promise.all([
      table.pins.add("once", { version: 1, reason: "other" }),
      table.pins.add("once", { version: 1 }),
    ]);
    expect([first.outcome, second.outcome]).toEqual(["alreadyPinned", "alreadyPinned"]);
    expect((await table.pins.list()).map(({ name, version, reason }) => [name, version, reason])).toEqual([
      ["once", 1, undefined],
    ]);
    await expect(table.pins.add("once")).rejects.toMatchObject({
      code: "PIN_EXISTS",
      data: { name: "once", pinned: 1, version: 2 },
    });
  });

  it("from several writers at once makes one pin", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await changed(folder);
    await using other = await openTable(folder);
    const results = await Promise.allSettled([
      table.pins.add("race", { version: 1 }),
      other.pins.add("race", { version: 2 }),
      table.pins.add("race", { version: 1 }),
      other.pins.add("race", { version: 2 }),
    ]);
    const done = results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
    expect(done.filter(({ outcome }) => outcome === "pinned")).toHaveLength(1);
    const [pin] = await table.pins.list();
    expect(new Set(done.map(({ version }) => version))).toEqual(new Set([pin?.version]));
    for (const result of results)
      if (result.status === "rejected") expect(result.reason).toMatchObject({ code: "PIN_EXISTS" });
    expect(await table.pins.check()).toMatchObject([{ state: "sound" }]);
  });

  it("says beforehand what it costs", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await changed(folder);
    const { outcome, files, bytes, filesLinked, bytesCopied } = await table.pins.add("dry", { dryRun: true });
    expect({ outcome, files, filesLinked, bytesCopied }).toEqual({
      outcome: "dryRun",
      files: 2,
      filesLinked: 3,
      bytesCopied: 0,
    });
    expect(bytes).toBeGreaterThan(0);
    expect(existsSync(join(folder, "_pins"))).toBe(false);
  });

  it("refuses a version of which files are gone, and leaves no pin", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await changed(folder);
    await table.overwrite([{ id: 9, v: "z" }]);
    await table.vacuum({ retainHours: 0, retentionCheck: false });
    for (const dryRun of [true, false])
      await expect(table.pins.add("late", { version: 2, dryRun })).rejects.toMatchObject({
        code: "DATA_FILE_MISSING",
        data: { version: 2 },
      });
    expect(await table.pins.list()).toEqual([]);
    await expect(openTable(`${folder}@late`)).rejects.toMatchObject({ code: "PIN_NOT_FOUND" });
    await expect(table.pins.add("never", { version: 99 })).rejects.toMatchObject({
      code: "VERSION_NOT_FOUND",
    });
  });

  it.each([
    "",
    "v12",
    "12",
    "latest",
    "2024-06-01",
    "2024-06-01T00:00:00Z",
    "../t",
    "a/b",
    ".hidden",
    "_x",
    "-x",
    "a b",
    "ü",
    "a\0",
    "a\n",
    `a${"b".repeat(128)}`,
    7,
    null,
  ])("refuses the name %j", async (name) => {
    const folder = join(freshFolder(), "t");
    await using table = await createTable(folder, { schema: schema().long("id") });
    for (const verb of [
      () => table.pins.add(name as string),
      () => table.pins.open(name as string),
      () => table.pins.remove(name as string),
    ])
      await expect(verb()).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    expect(readdirSync(folder)).toEqual(["_delta_log"]);
  });

  it("refuses options that cannot be", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await changed(folder);
    for (const options of [
      { version: 1, timestamp: 0 },
      { expires: "2001-01-01" },
      { reason: "x".repeat(2001) },
      { expires: 1e300 },
      { timestamp: -1e300 },
      { owner: 7 as unknown as string },
      { dryRun: "yes" as unknown as boolean },
    ])
      await expect(table.pins.add("x", options)).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    expect(await table.pins.list()).toEqual([]);
  });

  it("does not take the name's folder for a table that lies there", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await changed(folder);
    await table.pins.add("prod");
    await using _ = await createTable(`${folder}@prod`, { schema: schema().long("other") });
    await using opened = await openTable(`${folder}@prod`);
    expect(opened.pin).toBeUndefined();
    expect(opened.snapshot().schema.fields.map(({ name }) => name)).toEqual(["other"]);
    await expect(openTable(`${folder}-none@prod`)).rejects.toMatchObject({ code: "NOT_A_TABLE" });
  });

  it("copies files where the file system cannot link them", async () => {
    const folder = join(freshFolder(), "t");
    await (await changed(folder)).settled();
    await using table = await openTable(folder, {
      openStore: (uri) => ({ ...localDiskStore(uri), linkFrom: async () => false }),
    });
    const { bytes } = await table.pins.add("copied", { dryRun: true });
    const result = await table.pins.add("copied");
    expect(result).toMatchObject({ outcome: "pinned", filesLinked: 0, filesCopied: 3 });
    expect(result.bytesCopied).toBeGreaterThan(bytes);
    const [file = ""] = dataFiles(join(folder, "_pins/copied"));
    expect(statSync(join(folder, "_pins/copied", file)).ino).not.toBe(statSync(join(folder, file)).ino);
    await using pinned = await openTable(`${folder}@copied`);
    expect(await ids(pinned)).toEqual([2, 3]);
  });

  it("of a version whose files a vacuum deletes meanwhile is refused, and leaves no pin", async () => {
    const folder = join(freshFolder(), "t");
    await (await changed(folder)).settled();
    await using table = await openTable(folder, {
      openStore: (uri) => {
        const store = localDiskStore(uri);
        return {
          ...store,
          linkFrom: async (source, from, to) => {
            if (from.path.endsWith(".parquet")) rmSync(join(folder, from.path));
            return (await store.linkFrom?.(source, from, to)) === true;
          },
        };
      },
    });
    await expect(table.pins.add("late")).rejects.toMatchObject({
      code: "DATA_FILE_MISSING",
      data: { version: 2 },
    });
    expect(await table.pins.list()).toEqual([]);
    expect(existsSync(join(folder, "_pins/late/_delta_log"))).toBe(false);
  });

  it("of a shallow clone has files of its own", async () => {
    const place = freshFolder();
    await using source = await changed(join(place, "source"));
    await source.clone(join(place, "clone"));
    await using clone = await openTable(join(place, "clone"));
    await clone.pins.add("kept");
    rmSync(join(place, "source"), { recursive: true });
    await using pinned = await openTable(`${join(place, "clone")}@kept`);
    expect(await ids(pinned)).toEqual([2, 3]);
  });
});

describe("a pin by reference", () => {
  it("costs no file, and varve's vacuum leaves the files of its version alone", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await changed(folder);
    const before = await rowIds(folder);
    const content = await table.snapshot().contentFingerprint();
    const added = await table.pins.add("light", { keep: "reference", reason: "for a week" });
    expect(added).toMatchObject({ outcome: "pinned", version: 2, keep: "reference", files: 2 });
    expect(added).toMatchObject({ filesLinked: 0, filesCopied: 0, bytesCopied: 0 });
    expect(readdirSync(join(folder, "_pins/light"))).toEqual(["_delta_log"]);
    await table.pins.add("again", { keep: "reference" });
    await table.overwrite([{ id: 8, v: "y" }]);
    const plan = await table.vacuum({ retainHours: 0, retentionCheck: false, dryRun: true });
    expect(plan.files).toEqual([]);
    await lose(table);
    expect(await ids(table)).toEqual([9]);
    await expect(table.at(2)).rejects.toMatchObject({ code: "VERSION_NOT_FOUND" });
    for (const place of [`${folder}@light`, join(folder, "_pins/light")]) {
      await using pinned = await openTable(place);
      expect(await ids(pinned)).toEqual([2, 3]);
      expect((await pinned.snapshot().contentFingerprint()).fingerprint).toBe(content.fingerprint);
      expect(await rowIds(place)).toEqual(before);
      expect(pinned.pin).toMatchObject({ keep: "reference", version: 2, fingerprint: added.fingerprint });
    }
    await using result = await query("SELECT count(*) AS n FROM t VERSION AS OF 'light'", {
      tables: { t: folder },
    });
    expect(await collected(result.rows())).toEqual([{ n: 2n }]);
    expect(await table.pins.check()).toMatchObject([{ state: "sound" }, { state: "sound" }]);
    expect((await fsck(`${folder}@light`, { deep: true })).findings).toEqual([]);
    expect((await fsck(folder, { orphans: true })).findings).toEqual([]);
    // the last pin that names them lets them go
    await table.pins.remove("light");
    await table.vacuum({ retainHours: 0, retentionCheck: false });
    expect(await ids(await table.pins.open("again"))).toEqual([2, 3]);
    expect(await table.pins.remove("again")).toMatchObject({ version: 2, files: 0 });
    expect(await table.vacuum({ retainHours: 0, retentionCheck: false })).toMatchObject({
      outcome: "deleted",
      files: { length: 3 },
    });
  });

  it("is not protected from other programs, and a check names what they took", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await changed(folder);
    await table.pins.add("light", { keep: "reference" });
    const [file = ""] = dataFiles(folder).filter((path) => !path.startsWith("_pins/"));
    rmSync(join(folder, file));
    const [found] = await table.pins.check({ repair: true });
    expect(found).toMatchObject({ name: "light", state: "damaged" });
    expect(found?.problems).toMatchObject([{ path: file, problem: "missing", repaired: false }]);
    await using pinned = await openTable(`${folder}@light`);
    await expect(pinned.count("id > 0")).rejects.toMatchObject({ code: "DATA_FILE_MISSING" });
  });

  it("that is added while a vacuum runs keeps its files", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await changed(folder);
    await table.overwrite([{ id: 9, v: "z" }]);
    await using other = await openTable(folder);
    const result = await table.vacuum({
      retainHours: 0,
      retentionCheck: false,
      confirm: async ({ files }) => {
        expect(files).toHaveLength(3);
        await other.pins.add("meanwhile", { version: 2, keep: "reference" });
        return true;
      },
    });
    expect(result.files).toEqual([]);
    expect(await ids(await table.pins.open("meanwhile"))).toEqual([2, 3]);
  });

  it("of which a vacuum deleted files meanwhile is taken back", async () => {
    const folder = join(freshFolder(), "t");
    await (await changed(folder)).settled();
    await using table = await openTable(folder, {
      openStore: (uri) => {
        const store = localStore(uri);
        return {
          ...store,
          putIfAbsent: async (path, bytes) => {
            for (const file of dataFiles(folder)) rmSync(join(folder, file));
            return store.putIfAbsent(path, bytes);
          },
        };
      },
    });
    await expect(table.pins.add("late", { keep: "reference" })).rejects.toMatchObject({
      code: "DATA_FILE_MISSING",
      data: { version: 2 },
      message: expect.stringContaining("was not pinned"),
    });
    expect(await table.pins.list()).toEqual([]);
  });

  it("that another process removes meanwhile is none", async () => {
    const folder = join(freshFolder(), "t");
    await (await changed(folder)).settled();
    await using table = await openTable(folder, {
      openStore: (uri) => {
        const store = localStore(uri);
        return {
          ...store,
          getRange: async (path, ...range) => {
            if (path.startsWith("_pins/going/")) rmSync(join(folder, "_pins/going"), { recursive: true });
            return store.getRange(path, ...range);
          },
        };
      },
    });
    for (const name of ["going", "staying"]) await table.pins.add(name, { keep: "reference" });
    expect((await table.pins.list()).map(({ name }) => name)).toEqual(["staying"]);
  });

  it("that is damaged stops a vacuum, whose files it might need, and one with files of its own does not", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await changed(folder);
    await table.pins.add("own");
    await table.pins.add("light", { keep: "reference" });
    await table.overwrite([{ id: 9, v: "z" }]);
    const log = (name: string) => join(folder, `_pins/${name}/_delta_log/00000000000000000000.json`);
    writeFileSync(log("own"), "{}\n");
    writeFileSync(log("light"), "{}\n");
    const vacuum = () => table.vacuum({ retainHours: 0, retentionCheck: false });
    await expect(vacuum()).rejects.toMatchObject({ code: "LOG_CORRUPT", data: { name: "light" } });
    expect((await fsck(folder, { orphans: true })).findings).toMatchObject([
      { code: "ORPHAN_FILE", message: expect.stringMatching(/^Orphans were not looked for: .*light/) },
    ]);
    await table.pins.remove("light");
    expect((await vacuum()).files).toHaveLength(3);
  });

  it("is no weaker stand-in for one with files, and says beforehand what both cost", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await changed(folder);
    const { costs, bytesLinked } = await table.pins.add("p", { keep: "reference", dryRun: true });
    expect(costs).toMatchObject({
      files: { filesLinked: 3, requests: 0 },
      reference: { filesLinked: 0, filesCopied: 0, requests: 0 },
    });
    expect(bytesLinked).toBe(0);
    await table.pins.add("p", { keep: "reference" });
    expect((await table.pins.add("p", { keep: "reference" })).outcome).toBe("alreadyPinned");
    await expect(table.pins.add("p")).rejects.toMatchObject({ code: "PIN_EXISTS", data: { version: 2 } });
    await table.pins.add("q");
    expect(await table.pins.add("q", { keep: "reference" })).toMatchObject({
      outcome: "alreadyPinned",
      keep: "files",
    });
    await expect(table.pins.add("r", { keep: "refs" as "files" })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
    });
  });

  it("is refused of a shallow clone, and a clone of it is kept from its removal", async () => {
    const place = freshFolder();
    await using source = await changed(join(place, "source"));
    await source.clone(join(place, "clone"));
    await using clone = await openTable(join(place, "clone"));
    await expect(clone.pins.add("x", { keep: "reference" })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      message: expect.stringContaining('keep: "files" (--keep files)'),
    });
    await source.pins.add("light", { keep: "reference" });
    await using pinned = await openTable(`${join(place, "source")}@light`);
    await pinned.clone(join(place, "of-pin"));
    await lose(source);
    await using ofPin = await openTable(join(place, "of-pin"));
    expect(await ids(ofPin)).toEqual([2, 3]);
    await expect(source.pins.remove("light")).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
  });

  it("reads no files of a folder that is no table", async () => {
    const place = freshFolder();
    await using table = await changed(join(place, "t"));
    await table.pins.add("light", { keep: "reference" });
    const [file = ""] = dataFiles(join(place, "t"));
    mkdirSync(join(place, "home/_pins/evil/_delta_log"), { recursive: true });
    writeFileSync(join(place, "home/secret.parquet"), readFileSync(join(place, "t", file)));
    const log = "_delta_log/00000000000000000000.json";
    const commit = readFileSync(join(place, "t/_pins/light", log), "utf8")
      .replaceAll(/"path":"[^"]*"/g, `"path":"file:${place}/home/secret.parquet"`)
      .replaceAll(/,"deletionVector":\{[^}]*\}/g, "");
    writeFileSync(join(place, "home/_pins/evil", log), commit);
    await using evil = await openTable(join(place, "home/_pins/evil"));
    await expect(ids(evil)).rejects.toMatchObject({ code: "PATH_OUTSIDE_TABLE" });
  });
});

describe("restoring from a pin", () => {
  it.each(["files", "reference"] as const)("brings back what a vacuum deleted, keep: %s", async (keep) => {
    const folder = join(freshFolder(), "t");
    await using table = await changed(folder);
    const before = await rowIds(folder);
    await table.pins.add("good", { keep });
    await lose(table);
    await expect(table.restore(2)).rejects.toMatchObject({ code: "VERSION_NOT_FOUND" });
    const gone = keep === "files" ? 3 : 0;
    const dry = await table.restore("good", { dryRun: true });
    expect(dry).toMatchObject({ outcome: "dryRun", restoredVersion: 2, filesFromPin: gone });
    expect(await ids(table)).toEqual([9]);
    const { version } = table.snapshot();
    expect(await table.restore({ pin: "good" }, { userMetadata: "back" })).toMatchObject({
      outcome: "committed",
      version: version + 1,
      restoredVersion: 2,
      filesRestored: 2,
      filesRemoved: 1,
      filesFromPin: gone,
    });
    expect(await ids(table)).toEqual([2, 3]);
    expect(await rowIds(folder)).toEqual(before);
    const [entry] = await table.history({ limit: 1 });
    expect(entry).toMatchObject({ operation: "RESTORE", userMetadata: "back" });
    expect(entry?.operationParameters).toMatchObject({ version: "2", pin: "good" });
    // the table's files are its own again
    await table.append([{ id: 10, v: "n" }]);
    await table.pins.remove("good");
    await table.vacuum({ retainHours: 0, retentionCheck: false });
    expect(await ids(table)).toEqual([2, 3, 10]);
    const findings = (await fsck(folder, { deep: true })).findings;
    expect(findings.filter(({ severity }) => severity === "error")).toEqual([]);
  });

  it("is a statement of SQL, and a version that is the newest is left as it is", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await changed(folder);
    await table.pins.add("Gold");
    expect(await table.restore("Gold")).toMatchObject({ outcome: "unchanged", restoredVersion: 2 });
    await table.overwrite([{ id: 9, v: "z" }]);
    await table.vacuum({ retainHours: 0, retentionCheck: false });
    const tables = { t: table };
    const [result] = await runSql("RESTORE TABLE t TO VERSION AS OF 'Gold'", { tables });
    expect(result?.metrics).toMatchObject({ restoredVersion: 2, filesRestored: 2, filesFromPin: 3 });
    expect(await ids(await openTable(folder))).toEqual([2, 3]);
    await expect(runSql("RESTORE TABLE t TO VERSION AS OF 'gild'", { tables })).rejects.toMatchObject({
      code: "PIN_NOT_FOUND",
      data: { nearest: "Gold" },
    });
  });

  it("writes nothing if the pin has lost the file, too, or is of another table", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await changed(folder);
    await table.pins.add("p");
    await lose(table);
    const { version } = table.snapshot();
    const [file = ""] = dataFiles(join(folder, "_pins/p"));
    rmSync(join(folder, "_pins/p", file));
    writeFileSync(join(folder, "_pins/p", file), "short");
    for (const dryRun of [true, false])
      await expect(table.restore("p", { dryRun })).rejects.toMatchObject({
        code: "DATA_FILE_MISSING",
        data: { path: file, pins: ["p"] },
      });
    expect((await table.refresh()).version).toBe(version);
    for (const point of ["yesterday", { pin: "p.q" }])
      await expect(table.restore(point)).rejects.toMatchObject({ code: "PIN_NOT_FOUND" });
    await expect(table.restore({ pin: 7 as unknown as string })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
    });
    rmSync(join(folder, "_delta_log"), { recursive: true });
    await using other = await createTable(folder, { source: [{ id: 1 }] });
    for (let id = 2; id < 5; id++) await other.append([{ id }]);
    await expect(other.restore("p")).rejects.toMatchObject({ code: "INVALID_ARGUMENT", data: { name: "p" } });
  });

  it("opens one by its name with at, too", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await changed(folder);
    await table.pins.add("p");
    await lose(table);
    expect(await ids(await table.at("p"))).toEqual([2, 3]);
    expect(await ids(await table.at({ pin: "p" }))).toEqual([2, 3]);
    await expect(table.at("q")).rejects.toMatchObject({ code: "PIN_NOT_FOUND" });
  });
});

describe("removing pins", () => {
  it("leaves the table and other pins as they are", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await changed(folder);
    await table.pins.add("a");
    await table.pins.add("a.b");
    expect(await table.pins.remove("a", { dryRun: true })).toMatchObject({ outcome: "dryRun", version: 2 });
    expect(await table.pins.remove("a")).toMatchObject({ outcome: "removed", version: 2, files: 3 });
    expect(readdirSync(join(folder, "_pins"))).toEqual(["a.b"]);
    expect(await ids(table)).toEqual([2, 3]);
    await using pinned = await openTable(`${folder}@a.b`);
    expect(await ids(pinned)).toEqual([2, 3]);
    await expect(table.pins.remove("a")).rejects.toMatchObject({
      code: "PIN_NOT_FOUND",
      data: { pins: ["a.b"] },
    });
    expect((await table.pins.add("a")).outcome).toBe("pinned");
  });

  it("refuses to take files from a shallow clone", async () => {
    const place = freshFolder();
    await using table = await changed(join(place, "t"));
    await table.pins.add("source");
    await using pinned = await openTable(`${join(place, "t")}@source`);
    await pinned.clone(join(place, "clone"));
    await expect(table.pins.remove("source")).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    await using clone = await openTable(join(place, "clone"));
    expect(await ids(clone)).toEqual([2, 3]);
    rmSync(join(place, "clone"), { recursive: true });
    expect((await table.pins.remove("source")).outcome).toBe("removed");
  });

  it("removes expired pins only when told to, and not by a clock that is behind", async () => {
    const folder = join(freshFolder(), "t");
    await (await changed(folder)).settled();
    let now = Date.parse("2030-01-01T00:00:00Z");
    await using table = await openTable(folder, { world: { ...realWorld, now: () => now } });
    await table.pins.add("short", { expires: "2030-02-01" });
    await table.pins.add("long", { expires: "2031-01-01" });
    await table.pins.add("forever");
    now = Date.parse("2029-01-01T00:00:00Z");
    await expect(table.pins.removeExpired()).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      data: { name: "forever" },
    });
    now = Date.parse("2030-06-01T00:00:00Z");
    await table.vacuum({ retainHours: 0, retentionCheck: false });
    expect(await table.pins.list()).toHaveLength(3);
    expect(await table.pins.removeExpired()).toMatchObject([{ name: "short", outcome: "removed" }]);
    expect((await table.pins.list()).map(({ name }) => name).sort()).toEqual(["forever", "long"]);
  });
});

describe("checking pins", () => {
  it("finds files that are lost or damaged, and takes them from the table while it has them", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await changed(folder);
    await table.pins.add("p");
    const pin = join(folder, "_pins/p");
    const [first = "", second = ""] = dataFiles(pin);
    rmSync(join(pin, first));
    const { size } = statSync(join(pin, second));
    rmSync(join(pin, second));
    writeFileSync(join(pin, second), "short");
    const [vectors = ""] = readdirSync(pin).filter((name) => name.endsWith(".bin"));
    rmSync(join(pin, vectors));
    const [found] = await table.pins.check();
    expect(found).toMatchObject({ name: "p", version: 2, state: "damaged" });
    expect(found?.problems).toHaveLength(3);
    expect(found?.problems).toContainEqual({
      path: second,
      problem: "wrongSize",
      expectedSize: size,
      size: 5,
      repaired: false,
    });
    expect(await table.pins.check({ repair: true })).toMatchObject([{ state: "repaired" }]);
    expect(await table.pins.check({ name: "p" })).toEqual([
      { name: "p", version: 2, state: "sound", problems: [] },
    ]);
    await using pinned = await openTable(`${folder}@p`);
    expect(await ids(pinned)).toEqual([2, 3]);
  });

  it.each(["files", "reference"] as const)(
    "finds other rows by fingerprints, deep, keep: %s",
    async (keep) => {
      const folder = join(freshFolder(), "t");
      await using table = await createTable(folder, { schema: schema().long("id").string("v") });
      await table.append([{ id: 1, v: "aaaa" }]);
      await table.append([{ id: 2, v: "cccc" }]);
      await table.pins.add("p", { keep });
      expect(await table.pins.check({ deep: true })).toMatchObject([{ state: "sound", filesRecorded: 0 }]);
      await table.fingerprints.record();
      expect(await table.pins.check({ deep: true })).toMatchObject([{ state: "sound", filesRecorded: 2 }]);
      const root = keep === "files" ? join(folder, "_pins/p") : folder;
      const [file = ""] = dataFiles(root).filter((path) =>
        readFileSync(join(root, path), "latin1").includes("cccc"),
      );
      const bytes = Buffer.from(
        readFileSync(join(root, file), "latin1").replaceAll("cccc", "cccd"),
        "latin1",
      );
      // another file under this name, with a legal Parquet file of the same size
      rmSync(join(root, file));
      writeFileSync(join(root, file), bytes);
      expect(await table.pins.check()).toMatchObject([{ state: "sound" }]);
      const [found] = await table.pins.check({ deep: true });
      expect(found).toMatchObject({ state: "damaged", problems: [{ path: file, problem: "changed" }] });
      const [repaired] = await table.pins.check({ deep: true, repair: true });
      expect(repaired?.state).toBe(keep === "files" ? "repaired" : "damaged");
      if (keep === "files") expect(await ids(await table.pins.open("p"))).toEqual([1, 2]);
      expect(found?.problems).toHaveLength(1);
    },
  );

  it("says what cannot be repaired, and finds what interrupted attempts left", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await changed(folder);
    await table.pins.add("p");
    const [file = ""] = dataFiles(join(folder, "_pins/p"));
    // the same file, under both names
    truncateSync(join(folder, file), 3);
    mkdirSync(join(folder, "_pins/half"));
    writeFileSync(join(folder, "_pins/half/part.parquet"), "x");
    await table.pins.add("q", { version: 0 });
    writeFileSync(join(folder, "_pins/q/_delta_log/00000000000000000000.json"), "{}\n");
    const checks = await table.pins.check({ repair: true });
    expect(checks.map(({ name, state }) => [name, state])).toEqual([
      ["half", "unfinished"],
      ["p", "damaged"],
      ["q", "unreadable"],
    ]);
    await expect(table.pins.list()).rejects.toMatchObject({ code: "LOG_CORRUPT", data: { name: "q" } });
    expect((await table.history({ limit: 1 }))[0]?.pins).toEqual(["p"]);
    for (const name of ["half", "q"]) await table.pins.remove(name);
    expect((await table.pins.list()).map(({ name }) => name)).toEqual(["p"]);
    await expect(table.pins.check({ name: "none" })).rejects.toMatchObject({ code: "PIN_NOT_FOUND" });
  });
});
