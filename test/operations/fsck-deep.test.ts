import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { createTable } from "../../src/api/create-table.ts";
import { fsck } from "../../src/api/fsck.ts";
import { padVersion } from "../../src/log/segment/file-names.ts";
import { actionsOf, freshFolder } from "./table-folder.ts";

const fixtures = resolve(dirname(fileURLToPath(import.meta.url)), "../fixtures/tables");
const logOf = (folder: string, name: string): string => join(folder, "_delta_log", name);
const deep = (folder: string) => fsck(folder, { deep: true });

async function codes(
  folder: string,
  options: { readonly deep: boolean } = { deep: true },
): Promise<string[]> {
  return (await fsck(folder, options)).findings.map(({ code, severity, version }) =>
    `${severity} ${code} ${version ?? ""}`.trim(),
  );
}

/** Versions 0 to 4, one row each, with checkpoints of versions 1 and 3 and a compaction of 0 to 2. */
async function checkpointed(): Promise<string> {
  const folder = join(freshFolder(), "t");
  const table = await createTable(folder, { source: [{ id: 0n }] });
  for (let id = 1n; id < 5n; id++) {
    await table.append([{ id }]);
    if (id % 2n === 1n) await table.log.checkpoint({ kind: "classic" });
  }
  await table.log.compact(0, 2);
  await table.close();
  return folder;
}

describe("fsck of the past", () => {
  it.each([
    "mapping-nested-id",
    "checkpoint-v2-parquet",
    "change-feed",
    "change-feed-vectors",
    "deletion-vectors-inline",
    "row-tracking",
  ])("finds nothing wrong with what Spark wrote (%s)", async (name) => {
    const folder = join(freshFolder(), name);
    cpSync(join(fixtures, name), folder, { recursive: true });
    expect((await deep(folder)).findings).toEqual([]);
  });

  it("compares every checkpoint and compaction, not the newest alone", async () => {
    const folder = await checkpointed();
    expect(await deep(folder)).toMatchObject({ findings: [], compared: 3 });
    cpSync(
      logOf(folder, `${padVersion(3)}.checkpoint.parquet`),
      logOf(folder, `${padVersion(1)}.checkpoint.parquet`),
    );
    expect(await codes(folder, { deep: false })).toEqual([]);
    const { findings } = await deep(folder);
    expect(findings).toMatchObject([
      {
        code: "CHECKPOINT_DIFFERS",
        version: 1,
        message: expect.stringMatching(/4 files .* not 2 .* is not so in the log/),
      },
    ]);
  });

  it("finds a compaction that says other than its commits, or twice the same", async () => {
    const folder = await checkpointed();
    const compaction = logOf(folder, `${padVersion(0)}.${padVersion(2)}.compacted.json`);
    const lines = readFileSync(compaction, "utf8").trim().split("\n");
    const adds = lines.filter((line) => line.startsWith('{"add"'));
    writeFileSync(compaction, `${lines.filter((line) => line !== adds[0]).join("\n")}\n`);
    expect(await codes(folder)).toEqual(["error COMPACTION_DIFFERS 2"]);
    writeFileSync(compaction, `${[...lines, adds[0]].join("\n")}\n`);
    expect(await codes(folder)).toEqual(["warning COMPACTION_INVALID 2"]);
  });

  it("finds files that past versions need, and tells those that a vacuum may have removed", async () => {
    const folder = join(freshFolder(), "t");
    const table = await createTable(folder, { source: [{ id: 0n }] });
    await table.overwrite([{ id: 1n }]);
    await table.close();
    const [first] = actionsOf(folder, 0, "add");
    rmSync(join(folder, String(first?.["path"])));
    expect(await codes(folder, { deep: false })).toEqual([]);
    expect(await codes(folder)).toEqual(["error DATA_FILE_MISSING 0"]);
    const commit = logOf(folder, `${padVersion(1)}.json`);
    writeFileSync(
      commit,
      readFileSync(commit, "utf8").replace(/"deletionTimestamp":\d+/, '"deletionTimestamp":1'),
    );
    expect(await codes(folder)).toEqual(["info HISTORY_VACUUMED 0"]);
  });

  it("finds change files that are missing or damaged", async () => {
    const folder = join(freshFolder(), "change-feed");
    cpSync(join(fixtures, "change-feed"), folder, { recursive: true });
    const changes = readdirSync(join(folder, "_change_data"), { recursive: true, encoding: "utf8" }).filter(
      (name) => name.endsWith(".parquet"),
    );
    const [gone = "", damaged = ""] = changes.map((name) => join(folder, "_change_data", name));
    rmSync(gone);
    writeFileSync(damaged, readFileSync(damaged).subarray(0, 200));
    expect(await codes(folder, { deep: false })).toEqual([]);
    const found = (await deep(folder)).findings.map(({ code, severity }) => `${severity} ${code}`).sort();
    expect(found).toContain("error CHANGE_FILE_MISSING");
    expect(found).toContain("error CHANGE_FILE_CORRUPT");
  });
});
