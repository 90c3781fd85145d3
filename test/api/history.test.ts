import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createTable } from "../../src/index.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "varve-test-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

it("history dates a version by its commit file where the commit names a time that no Date can hold", async () => {
  await using table = await createTable(join(folder, "t"), { source: [{ n: 1 }] });
  await table.append([{ n: 2 }]);
  await table.settled();
  const commit = join(folder, "t", "_delta_log", "00000000000000000001.json");
  const text = await readFile(commit, "utf8");
  await writeFile(
    commit,
    text.replace('{"commitInfo":{', '{"commitInfo":{"inCommitTimestamp":9007199254740991,'),
  );
  const [newest, first] = await table.history();
  expect(newest?.version).toBe(1);
  expect(newest?.timestamp.getTime()).toBeGreaterThan((first?.timestamp.getTime() ?? 0) - 60_000);
  expect(newest?.timestamp.toISOString()).toMatch(/^\d{4}-/);
});
