import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { expect, it } from "vitest";
import { createTable } from "../../src/api/create-table.ts";
import { fsck } from "../../src/api/fsck.ts";
import { openTable } from "../../src/api/open-table.ts";
import { dataFiles, freshFolder } from "../operations/table-folder.ts";
import { mainFile } from "../support/cli.ts";

it("a deep clone that is killed shows nothing, and the next one copies only what is missing", async () => {
  const folder = freshFolder();
  const [from, to] = [join(folder, "t"), join(folder, "copy")];
  await using table = await createTable(from, {
    source: {
      sql: "SELECT i AS id, i % 60 AS p, repeat(md5(i::VARCHAR), 20) AS text FROM range(60000) AS r(i)",
    },
    partitionBy: ["p"],
    properties: { "delta.enableDeletionVectors": "true" },
  });
  await table.delete("id < 120");
  const child = spawn(process.execPath, [mainFile, "clone", from, to, "--deep", "--quiet"]);
  const ended = once(child, "exit");
  while (child.exitCode === null && dataFiles(to).length === 0) await pause(1);
  child.kill("SIGKILL");
  await ended;
  const copied = dataFiles(to).length;
  if (!existsSync(join(to, "_delta_log"))) {
    const { filesCopied, files } = await table.clone(to, { deep: true });
    expect(files).toBe(60);
    // The vectors are one more file.
    expect(filesCopied).toBeLessThanOrEqual(61 - copied);
  }
  await using copy = await openTable(to);
  expect(await copy.count()).toBe(60_000 - 120);
  expect(dataFiles(to)).toHaveLength(60);
  expect((await fsck(to, { data: true, deep: true })).findings).toEqual([]);
});
