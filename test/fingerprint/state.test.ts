import { cpSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createTable } from "../../src/api/create-table.ts";
import { openTable } from "../../src/api/open-table.ts";
import type { Table } from "../../src/api/table.ts";
import { stateFingerprint } from "../../src/fingerprint/state-fingerprint.ts";
import { openLog } from "../../src/log/snapshot/open-log.ts";
import type { AddAction } from "../../src/protocol/actions.ts";
import { schema } from "../../src/schema/builder.ts";
import { freshFolder } from "../operations/table-folder.ts";
import { add, firstActions, memoryTable } from "../support/log-tables.ts";

const columns = schema().long("id").string("p");

async function written(folder: string): Promise<Table> {
  const table = await createTable(folder, {
    schema: columns,
    partitionBy: ["p"],
    properties: { "delta.enableDeletionVectors": "true" },
    source: [
      { id: 1, p: "a b%ü" },
      { id: 2, p: null },
    ],
  });
  await table.append([
    { id: 3, p: "a b%ü" },
    { id: 4, p: "a b%ü" },
  ]);
  await table.delete("id = 3");
  return table;
}

describe("the state fingerprint of a version", () => {
  it("is the same with a checkpoint, from the engine, and in another place", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await written(folder);
    const expected = await table.fingerprint();
    expect(expected).toMatch(/^varve-state-1:[0-9a-f]{64}$/);
    const inEngine = async (uri: string) => {
      await using opened = await openTable(uri);
      const { context } = opened.snapshot().log;
      const fileLimits = { checkpointRows: 0, jsonBytes: 0 };
      return await stateFingerprint(await openLog({ ...context, fileLimits }, {}));
    };
    expect(await inEngine(folder)).toBe(expected);
    await table.log.checkpoint();
    expect(await (await openTable(folder)).fingerprint()).toBe(expected);
    expect(await inEngine(folder)).toBe(expected);
    const copy = join(freshFolder(), "copy");
    cpSync(folder, copy, { recursive: true });
    expect(await (await openTable(copy)).fingerprint()).toBe(expected);
  });

  it("is the same in whatever order the log adds the files, and however it spells their paths", async () => {
    const files = ["a%20b.parquet", "c.parquet", "d.parquet"].map((path) => add(path));
    const spelled = [
      add("./d.parquet"),
      add("a b.parquet"),
      add("c.parquet", { stats: "{}", tags: { x: "y" } }),
    ];
    const of = async (adds: readonly AddAction[]) =>
      stateFingerprint(await openLog(await memoryTable([[...firstActions(), ...adds]]), {}));
    expect(await of(spelled)).toBe(await of(files));
    expect(await of(files.slice(1))).not.toBe(await of(files));
    expect(await of([...files.slice(1), add("a%20b.parquet", { size: 7 })])).not.toBe(await of(files));
  });

  it("differs after every change of files, vectors and columns, and not by what readers do not use", async () => {
    await using table = await written(join(freshFolder(), "t"));
    const states = [await table.fingerprint(), await (await table.at(1)).fingerprint()];
    await table.alter({ set: { mine: "1" }, description: "a table" });
    expect(await table.fingerprint()).toBe(states[0]);
    await table.delete("id = 2");
    states.push(await table.fingerprint());
    await table.alter({ addColumns: ["more STRING"] });
    states.push(await table.fingerprint());
    await table.optimize();
    states.push(await table.fingerprint());
    expect(new Set(states).size).toBe(5);
    await table.restore(2);
    expect(await table.fingerprint()).toBe(states[0]);
  });
});
