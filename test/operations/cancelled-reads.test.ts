import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { openSession } from "../../src/engine/session/session.ts";
import { createTable, fsck } from "../../src/index.ts";
import { openLog } from "../../src/log/snapshot/open-log.ts";
import { openContext } from "../../src/table/definition/open-context.ts";
import { locateFiles } from "../../src/table/scan/data-files.ts";
import { deletionSelections } from "../../src/table/scan/row-selection.ts";
import { dataFiles, freshFolder } from "./table-folder.ts";

async function tableFolder(): Promise<string> {
  const folder = join(freshFolder(), "t");
  const table = await createTable(folder, { source: [{ id: 1n }] });
  await table.append([{ id: 2n }]);
  await table.close();
  return folder;
}

describe("work that its caller cancelled", () => {
  it.each([
    ["quick", {}],
    ["with its data files", { data: true }],
    ["deep", { data: true, deep: true, orphans: true }],
  ])("is CANCELLED: a check of a table, %s", async (_, options) => {
    const folder = await tableFolder();
    await expect(fsck(folder, { ...options, signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: "CANCELLED",
    });
  });

  it.each([
    ["alone", "", {}],
    ["over a file", "one, ", { one: "one.csv" }],
  ])("is CANCELLED: the SQL of a source, %s, in its middle", async (_, from, names) => {
    // What is loaded on first use is loaded now, so that the query runs when the signal aborts.
    const folder = dirname(await tableFolder());
    const files = Object.fromEntries(
      Object.entries(names).map(([name, file]) => {
        writeFileSync(join(folder, file), "a\n1\n");
        return [name, join(folder, file)];
      }),
    );
    const controller = new AbortController();
    const sql = `SELECT CAST(count(*) || ' rows and its end' AS INTEGER) AS n FROM ${from}range(1000000000) r(i) WHERE i % 7 = 3`;
    const created = createTable(join(folder, "other"), { source: { sql, files }, signal: controller.signal });
    const timer = setTimeout(() => controller.abort(), 800);
    await expect(created).rejects.toMatchObject({ code: "CANCELLED" });
    clearTimeout(timer);
  });

  it("is CANCELLED: finding the files of a version", async () => {
    const context = await openContext(await tableFolder());
    await expect(locateFiles(context, ["a"], AbortSignal.abort())).rejects.toMatchObject({
      code: "CANCELLED",
      message: "Cancelled while locating data files.",
    });
  });

  it("is told to the store that deletion vectors are read from", async () => {
    const folder = await tableFolder();
    const table = await openContext(folder);
    await openLog(table);
    const signals: unknown[] = [];
    const context = {
      ...table,
      store: {
        ...table.store,
        getRange: async (
          path: string,
          _offset: number,
          _length: number,
          options?: { signal?: AbortSignal },
        ) => {
          signals.push(options?.signal);
          throw new Error(`no ${path}`);
        },
      },
    };
    const { signal } = new AbortController();
    await using session = await openSession();
    const deletionVector = {
      storageType: "p",
      pathOrInlineDv: "v.bin",
      sizeInBytes: 40,
      cardinality: 1,
    } as const;
    const file = { path: dataFiles(folder)[0] ?? "", deletionVector };
    await expect(deletionSelections(session, context, [file], signal)).rejects.toThrow("no v.bin");
    expect(signals).toEqual([signal]);
  });
});
