import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import parquetjs from "parquetjs-lite";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openTable } from "../../src/api/open-table.ts";
import { scratchFolder } from "./fixtures.ts";
import { sharedPeers } from "./peer.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const { folder, remove } = scratchFolder();
const path = join(folder, "flights");
afterAll(remove);

beforeAll(() => {
  const run = spawnSync(process.execPath, ["--import", "tsx", "bench/demo/main.ts", "--folder", path], {
    cwd: root,
    encoding: "utf8",
  });
  expect(run.stderr).toBe("");
  expect(run.stdout).toContain("Try next:");
});

test("deltalake counts the same rows in every version of the demo's table", async () => {
  const peers = sharedPeers();
  await using table = await openTable(path);
  const history = await table.history();
  const lost = history.filter(({ readable }) => !readable.ok).map(({ version }) => version);
  expect(lost, "named by the demo's vacuum").toEqual([9, 8, 7, 6]);
  for (const { version, readable } of history) {
    if (!readable.ok) continue;
    const own = await (await table.at(version)).count();
    expect([version, await peers.call("deltalake", "count", { path, version })]).toEqual([version, own]);
  }
});

test("parquetjs-lite reads the demo's data files and finds the rows that the log promises", async () => {
  await using table = await openTable(path);
  const live = await table.snapshot().log.files();
  let rows = 0;
  for await (const chunk of live.all()) {
    for (const file of chunk) {
      const reader = await parquetjs.ParquetReader.openFile(join(path, decodeURIComponent(file.path)));
      const first = await reader.getCursor(["origin", "delay"]).next();
      expect(first).toMatchObject({ origin: expect.stringMatching(/^[A-Z]{3}$/) });
      rows += Number(reader.getRowCount());
      await reader.close();
    }
  }
  const deleted = (await table.history()).reduce((sum, { rowsDeleted = 0 }) => sum + rowsDeleted, 0);
  expect(deleted).toBeGreaterThan(0);
  expect(rows).toBe(2_999_850 - deleted);
});
