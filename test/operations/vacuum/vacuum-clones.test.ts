import {
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, it } from "vitest";
import { createTable } from "../../../src/api/create-table.ts";
import { openTable } from "../../../src/api/open-table.ts";
import { schema } from "../../../src/schema/builder.ts";
import { realWorld } from "../../../src/util/world.ts";
import { varve } from "../../support/cli.ts";
import { dataFiles, freshFolder } from "../table-folder.ts";
import { makeOlder } from "./aged-table.ts";

const now = { retainHours: 0, retentionCheck: false } as const;
const day = 24 * 60 * 60 * 1000;

const ids = async (folder: string): Promise<number[]> => {
  await using table = await openTable(folder);
  const found: number[] = [];
  for await (const { id } of table.rows()) found.push(Number(id));
  return found.sort((a, b) => a - b);
};

/** A table that was cloned 30 days ago, and overwritten since; the clone is not found in its place now. */
async function withLostClone() {
  const root = freshFolder();
  const [folder, clone, elsewhere] = [join(root, "t"), join(root, "c"), join(root, "elsewhere")];
  await using table = await createTable(folder, { schema: schema().long("id") });
  for (const id of [1, 2]) await table.append([{ id }]);
  await table.clone(clone);
  makeOlder(root, 30);
  const cloned = dataFiles(folder);
  await table.overwrite([{ id: 3 }]);
  const later = dataFiles(folder).filter((file) => !cloned.includes(file));
  const time = (realWorld.now() - 10 * day) / 1000;
  for (const file of later) utimesSync(join(folder, file), time, time);
  await table.overwrite([{ id: 4 }]);
  const [name = ""] = readdirSync(join(folder, "_clones"));
  const record = join(folder, "_clones", name);
  const recorded = realWorld.now() - 30 * day;
  writeFileSync(
    record,
    readFileSync(record, "utf8").replace(/"createdTime": \d+/, `"createdTime": ${recorded}`),
  );
  renameSync(clone, elsewhere);
  return { folder, clone, elsewhere, record, cloned, later, recorded };
}

it("a vacuum keeps what a clone may need that is not found in its place, and says so", async () => {
  const { folder, clone, elsewhere, cloned, later, recorded } = await withLostClone();
  await using table = await openTable(folder);
  const plan = await table.vacuum({ ...now, dryRun: true });
  expect(plan.files).toEqual(later);
  expect(plan.unreachableClones).toEqual([
    { uri: pathToFileURL(clone).href, recorded: new Date(recorded), files: 2, bytes: expect.any(Number) },
  ]);
  expect((await table.vacuum(now)).files).toEqual(later);
  expect(dataFiles(folder)).toEqual(expect.arrayContaining(cloned));
  renameSync(elsewhere, clone);
  expect(await ids(clone)).toEqual([1, 2]);
  expect(await table.vacuum(now)).toMatchObject({ outcome: "unchanged", unreachableClones: [] });
});

it("a vacuum keeps what a clone may need that is not found any more when it begins to delete", async () => {
  const { folder, clone, elsewhere } = await withLostClone();
  renameSync(elsewhere, clone);
  await using table = await openTable(folder);
  await using other = await openTable(clone);
  await other.overwrite([{ id: 9 }]);
  const confirm = () => {
    renameSync(clone, elsewhere);
    return true;
  };
  const { files } = await table.vacuum({ ...now, confirm });
  expect(files).toHaveLength(1);
});

it("a vacuum that is told to forget a clone deletes its record, and what stayed for it", async () => {
  const { folder, clone, elsewhere, record, cloned, later } = await withLostClone();
  await using table = await openTable(folder);
  const forgetting = { ...now, forgetClones: [clone] };
  expect(await table.vacuum({ ...forgetting, dryRun: true })).toMatchObject({
    forgottenClones: [pathToFileURL(clone).href],
    unreachableClones: [],
  });
  expect(await table.vacuum({ ...forgetting, confirm: () => false })).toMatchObject({ outcome: "declined" });
  expect(existsSync(record)).toBe(true);
  expect([...(await table.vacuum(forgetting)).files].sort()).toEqual([...cloned, ...later].sort());
  expect(existsSync(record)).toBe(false);
  await expect(table.vacuum(forgetting)).rejects.toMatchObject({
    code: "INVALID_ARGUMENT",
    message: expect.stringContaining("It knows no shallow clones."),
  });
  rmSync(elsewhere, { recursive: true });
});

it("a clone whose source is not found says so when it is read, and reads again when that is back", async () => {
  const { folder, clone, elsewhere } = await withLostClone();
  renameSync(elsewhere, clone);
  renameSync(folder, elsewhere);
  await expect(ids(clone)).rejects.toMatchObject({
    code: "PATH_OUTSIDE_TABLE",
    message: expect.stringContaining("check that the table that it was made of is still there"),
  });
  renameSync(elsewhere, folder);
  expect(await ids(clone)).toEqual([1, 2]);
});

it("a clone that is still in its place cannot be forgotten", async () => {
  const { folder, clone, elsewhere, record } = await withLostClone();
  renameSync(elsewhere, clone);
  await using table = await openTable(folder);
  const forgetting = { ...now, forgetClones: [pathToFileURL(clone).href] };
  await expect(table.vacuum(forgetting)).rejects.toMatchObject({
    code: "INVALID_ARGUMENT",
    message: expect.stringContaining("is still there"),
  });
  expect(existsSync(record)).toBe(true);
});

it("the command and the statement say which clones were not found", async () => {
  const { folder, clone, cloned } = await withLostClone();
  const uri = pathToFileURL(clone).href;
  const shown = await varve("vacuum", folder, "--retain", "0h");
  expect(shown.stdout).toMatch(/^1 file /);
  expect(shown.stdout).toContain("2 files (");
  expect(shown.stdout).toContain(`kept for the shallow clone ${uri} of `);
  expect(shown.stdout).toContain(`--forget-clone ${uri}\n`);
  const statement = await varve(
    "sql",
    "VACUUM t RETAIN 0 HOURS",
    "--no-retention-check",
    "--table",
    `t=${folder}`,
  );
  expect(statement.stdout).toContain(", files -1, 1 clone not found");
  const done = await varve("vacuum", folder, "--retain", "0h", "--yes", "--forget-clone", clone);
  expect(done.stdout).toContain(`the record of the shallow clone ${uri} deleted`);
  expect(dataFiles(folder)).not.toEqual(expect.arrayContaining(cloned));
});
