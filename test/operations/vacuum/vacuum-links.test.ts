import { mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createTable } from "../../../src/api/create-table.ts";
import { openTable } from "../../../src/api/open-table.ts";
import type { Table } from "../../../src/api/table.ts";
import { schema } from "../../../src/schema/builder.ts";
import { dataFiles, filesBelow, freshFolder } from "../table-folder.ts";
import { makeOlder } from "./aged-table.ts";

const now = { retainHours: 0, retentionCheck: false } as const;
const columns = schema().long("id").string("v");

const ids = async (source: Pick<Table, "rows">) => {
  const found: number[] = [];
  for await (const { id } of source.rows()) found.push(Number(id));
  return found.sort((a, b) => a - b);
};

/** A table of one row, whose file is named otherwise in the log than on disk. */
async function renamed(root: string, logPath: (folder: string) => string): Promise<string> {
  const folder = join(root, "t");
  {
    await using table = await createTable(folder, { schema: columns });
    await table.append([{ id: 1, v: "a" }]);
  }
  const [file = ""] = dataFiles(folder);
  mkdirSync(join(folder, "a"));
  renameSync(join(folder, file), join(folder, "a", "p.parquet"));
  const commit = join(folder, "_delta_log", `${"0".repeat(19)}1.json`);
  writeFileSync(commit, readFileSync(commit, "utf8").replaceAll(file, logPath(folder)));
  writeFileSync(join(folder, "orphan.parquet"), "no version names this");
  symlinkSync(folder, join(root, "link"));
  makeOlder(root, 1);
  return folder;
}

describe("a vacuum keeps a file that the log names", () => {
  it.each([
    ["with more slashes", (folder: string) => `file://${folder}//a///p.parquet`],
    ["with the name of this machine", (folder: string) => `file://localhost${folder}/a/p.parquet`],
    ["through a link to the table", (folder: string) => `file:${folder}/../link/a/p.parquet`],
    ["as another program spells the scheme", (folder: string) => `FILE:${folder}/a/p.parquet`],
  ])("%s", async (_, spelling) => {
    const root = freshFolder();
    const folder = await renamed(root, (path) => spelling(path).replace("t/../link", "link"));
    await using table = await openTable(folder, { allowedPrefixes: [root] });
    expect(await ids(table)).toEqual([1]);
    expect((await table.vacuum(now)).files).toEqual(["orphan.parquet"]);
    expect(await ids(table)).toEqual([1]);
  });

  it("unless the path is none: then it deletes nothing", async () => {
    const folder = await renamed(freshFolder(), () => "a//p.parquet");
    await using table = await openTable(folder);
    const before = filesBelow(folder);
    await expect(table.vacuum(now)).rejects.toMatchObject({ code: "LOG_CORRUPT" });
    expect(filesBelow(folder)).toEqual(before);
  });

  it("by links of files and folders inside the table", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await createTable(folder, { schema: columns, partitionBy: ["v"] });
    await table.append([{ id: 1, v: "a" }]);
    await table.append([{ id: 2, v: "b" }]);
    const file = dataFiles(folder).find((path) => path.startsWith("v=b/")) ?? "";
    mkdirSync(join(folder, "store"));
    renameSync(join(folder, "v=a"), join(folder, "store", "a"));
    symlinkSync(join("store", "a"), join(folder, "v=a"));
    renameSync(join(folder, file), join(folder, "store", "b.parquet"));
    symlinkSync("b.parquet", join(folder, "store", "step.parquet"));
    symlinkSync(join("..", "store", "step.parquet"), join(folder, file));
    writeFileSync(join(folder, "store", "orphan.parquet"), "no version names this");
    makeOlder(folder, 1);
    expect(await ids(table)).toEqual([1, 2]);
    expect((await table.vacuum(now)).files).toEqual(["store/orphan.parquet"]);
    expect(await ids(table)).toEqual([1, 2]);
  });
});

it("a vacuum keeps what a clone needs that was made of the table by another name", async () => {
  const root = freshFolder();
  const folder = join(root, "t");
  await using table = await createTable(folder, { schema: columns });
  await table.append([{ id: 1, v: "a" }]);
  symlinkSync(folder, join(root, "link"));
  {
    await using linked = await openTable(join(root, "link"));
    await linked.clone(join(root, "c"));
  }
  await table.overwrite([{ id: 2, v: "b" }]);
  await table.overwrite([{ id: 3, v: "b" }]);
  makeOlder(root, 1);
  expect((await table.vacuum(now)).files).toHaveLength(1);
  await using clone = await openTable(join(root, "c"));
  expect(await ids(clone)).toEqual([1]);
});
