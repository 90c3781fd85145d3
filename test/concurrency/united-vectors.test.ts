import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { describe, expect, it } from "vitest";
import { createTable } from "../../src/api/create-table.ts";
import { fsck } from "../../src/api/fsck.ts";
import { openTable } from "../../src/api/open-table.ts";
import { schema } from "../../src/schema/builder.ts";
import { isDeleted, type MarkingJob, type MarkingReport } from "./marking-job.ts";
import { startProcess, untilEnd } from "./writers.ts";

const [writers, rows] = [3, 24];

describe("processes that delete, update and merge rows of one file at the same time", () => {
  it("all commit each of their changes once, without a conflict", async () => {
    const folder = await mkdtemp(join(tmpdir(), "varve-marks-"));
    try {
      const uri = join(folder, "t");
      await using table = await createTable(uri, {
        schema: schema().long("id").integer("by"),
        properties: { "delta.enableDeletionVectors": "true", "delta.enableChangeDataFeed": "true" },
      });
      await table.append(Array.from({ length: rows }, (_, id) => ({ id, by: null })));
      const jobs = Array.from({ length: writers }, (_, writer) => ({ uri, writer, writers, rows }));
      const reports = await Promise.all(jobs.map((job) => reportOf(job, folder)));
      expect(reports).toEqual(jobs.map(() => ({ conflicts: 0 })));
      await using after = await openTable(uri);
      expect(after.snapshot().version).toBe(1 + rows);
      expect(await contents(after)).toEqual(expected());
      expect(await changesOf(after)).toEqual(expectedChanges());
      expect((await fsck(uri, { data: true, orphans: true, deep: true })).findings).toEqual([]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

async function reportOf(job: MarkingJob, folder: string): Promise<MarkingReport> {
  const child = startProcess("marking-process.ts", job, folder);
  const [output, { code, errors }] = await Promise.all([text(child.stdout), untilEnd(child)]);
  if (code !== 0) throw new Error(`writer ${job.writer} failed: ${errors}`);
  return JSON.parse(output);
}

const ids = Array.from({ length: rows }, (_, id) => id);

function expected(): string[] {
  return ids
    .filter((id) => !isDeleted(id, writers))
    .map((id) => `${id} ${id % writers}`)
    .sort();
}

function expectedChanges(): string[] {
  return ids
    .flatMap((id) =>
      isDeleted(id, writers)
        ? [`delete ${id} null`]
        : [`update_preimage ${id} null`, `update_postimage ${id} ${id % writers}`],
    )
    .sort();
}

type Open = Awaited<ReturnType<typeof openTable>>;

async function contents(table: Open): Promise<string[]> {
  const texts: string[] = [];
  for await (const { id, by } of table.rows()) texts.push(`${String(id)} ${String(by)}`);
  return texts.sort();
}

async function changesOf(table: Open): Promise<string[]> {
  const texts: string[] = [];
  for await (const { id, by, _change_type: type } of (await table.changes({ from: 2 })).rows())
    texts.push(`${String(type)} ${String(id)} ${String(by)}`);
  return texts.sort();
}
