import { readdirSync, readFileSync, statSync, unlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { check, createTable, fsck, openTable, schema, suite, type Table } from "../../../src/index.ts";
import { openStore } from "../../../src/storage/open-store.ts";
import { freshFolder } from "../table-folder.ts";

const gate = suite("positive", [check.between("id", { min: 0 }, { onFail: "quarantine" })], {
  maxBadShare: 1,
});
const now = { before: "2999-01-01" };

async function withBadRows() {
  const folder = join(freshFolder(), "t");
  const table = await createTable(folder, { schema: schema().long("id").string("person") });
  await table.append(
    [
      { id: -1, person: "Zoë Secret" },
      { id: -2, person: "Ann Keeper" },
    ],
    { gate, batchId: "june" },
  );
  return { table, quarantine: join(folder, "_quarantine") };
}

const dataFiles = (folder: string) => readdirSync(folder).filter((name) => name.endsWith(".parquet"));

const logText = (folder: string) =>
  readdirSync(join(folder, "_delta_log"), { withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => readFileSync(join(folder, "_delta_log", name), "latin1"))
    .join("\n");

async function discardSecret(table: Table): Promise<void> {
  const row = (await table.quarantine.read()).find(({ payload }) => String(payload).includes("Secret"));
  await table.quarantine.discard({ ids: [String(row?.["quarantine_id"])] });
}

describe("a purge of the quarantine", () => {
  it("removes the data files that hold purged rows, and no others", async () => {
    const { table, quarantine } = await withBadRows();
    await discardSecret(table);
    const before = dataFiles(quarantine);
    expect(before.length).toBeGreaterThan(1);
    expect(await table.quarantine.purge({ ...now, dryRun: true })).toBe(1);
    expect(dataFiles(quarantine)).toEqual(before);
    expect(await table.quarantine.purge(now)).toBe(1);
    const [left = "", ...more] = dataFiles(quarantine);
    expect(more).toEqual([]);
    expect(before).not.toContain(left);
    expect((await table.quarantine.read()).map(({ payload }) => payload)).toEqual([
      '{"id":-2,"person":"Ann Keeper"}',
    ]);
    expect(await table.quarantine.resubmit({ all: true, untested: true })).toMatchObject({ landed: 1 });
    expect((await fsck(quarantine)).findings.filter(({ severity }) => severity === "error")).toEqual([]);
    await expect((await openTable(`${quarantine}@v1`)).count("person IS NOT NULL")).rejects.toMatchObject({
      code: expect.any(String),
    });
    await table.close();
  });

  it("leaves nothing of the rows in the quarantine's log, which has no statistics of them", async () => {
    const { table, quarantine } = await withBadRows();
    await discardSecret(table);
    await table.quarantine.purge(now);
    expect(logText(quarantine)).not.toContain("Secret");
    await table.close();
  });

  it("that was killed before it removed the files is finished by the next", async () => {
    const { table, quarantine } = await withBadRows();
    await discardSecret(table);
    const store = await openStore(table.uri);
    const dead = { ...store, delete: () => Promise.reject(new Error("the process died")) };
    await using dying = await openTable("slow://t", { openStore: () => dead });
    await expect(dying.quarantine.purge(now)).rejects.toThrow("died");
    expect(dataFiles(quarantine).length).toBeGreaterThan(1);
    expect(await table.quarantine.purge(now)).toBe(0);
    expect(dataFiles(quarantine)).toHaveLength(1);
    await table.close();
  });

  it("spares files that no version names while their writer may be at work, and removes old ones", async () => {
    const { table, quarantine } = await withBadRows();
    const [file = ""] = dataFiles(quarantine);
    const bytes = readFileSync(join(quarantine, file));
    for (const name of ["young.parquet", "old.parquet"]) writeFileSync(join(quarantine, name), bytes);
    const old = new Date(Date.now() - 30 * 24 * 3_600_000);
    utimesSync(join(quarantine, "old.parquet"), old, old);
    expect(await table.quarantine.purge(now)).toBe(0);
    expect(dataFiles(quarantine).sort()).toEqual([file, "young.parquet"].sort());
    expect(statSync(join(quarantine, "young.parquet")).size).toBe(bytes.length);
    unlinkSync(join(quarantine, "young.parquet"));
    await table.close();
  });

  it("does not disturb a discard at the same time, which goes by the newest version", async () => {
    const { table, quarantine } = await withBadRows();
    await discardSecret(table);
    const store = await openStore(table.uri);
    let due = true;
    const slow = {
      ...store,
      putIfAbsent: async (path: string, ...rest: [Uint8Array]) => {
        if (due && path.startsWith("_quarantine/_delta_log/")) {
          due = false;
          await table.quarantine.purge(now);
        }
        return store.putIfAbsent(path, ...rest);
      },
    };
    await using other = await openTable("slow://t", { openStore: () => slow });
    expect(await other.quarantine.discard({ all: true }, "the rest")).toBe(1);
    expect(await table.quarantine.read({ status: "any" })).toHaveLength(1);
    expect(await table.quarantine.purge(now)).toBe(1);
    expect(dataFiles(quarantine)).toEqual([]);
    await table.close();
  });
});
