import { createHash } from "node:crypto";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createTable } from "../../src/api/create-table.ts";
import { openTable } from "../../src/api/open-table.ts";
import type { Table } from "../../src/api/table.ts";
import { isVarveError } from "../../src/errors.ts";
import { check, suite } from "../../src/quality/suite/builder.ts";
import { schema } from "../../src/schema/builder.ts";
import { freshFolder, rowsOf } from "../operations/table-folder.ts";
import { type DiskEvent, ForgetfulDisk, recordDisk, restore, survivals } from "../support/power-cut.ts";

/** What callers were told: rows in the table and in its quarantine. */
interface Told {
  readonly rows: readonly number[];
  readonly bad: number;
}

const gate = suite("amounts", [check.notNull("id", { onFail: "quarantine" })]);
const strict = suite("amounts", [check.notNull("id", { onFail: "reject" })]);

/**
 * Creates a table and appends to it in each way in which files get to the disk; says what was acknowledged,
 * when it was.
 */
async function work(folder: string, promise: (told: Told) => void): Promise<void> {
  const columns = schema().long("id").string("part");
  const table = await createTable(join(folder, "new/deep/t"), {
    schema: columns,
    partitionBy: ["part"],
    properties: { "delta.checkpointInterval": "3" },
  });
  const rows: number[] = [];
  let bad = 0;
  const tell = (...more: number[]) => {
    rows.push(...more);
    promise({ rows: [...rows], bad });
  };
  tell();
  await table.append([{ id: 1, part: "a" }]);
  tell(1);
  await table.append(
    [
      { id: 2, part: "b" },
      { id: 3, part: "a" },
      { id: null, part: "a" },
    ],
    { gate },
  );
  await table.settled();
  bad++;
  tell(2, 3);
  await table.append([{ id: 4, part: "c" }]);
  await table.settled();
  tell(4);
  await table.append(
    [
      { id: null, part: "d" },
      { id: 5, part: "b" },
    ],
    { gate },
  );
  bad++;
  tell(5);
  await table.close();
}

/** The same of a table without partitions, whose files are flushed while its tests are made. */
async function plainWork(folder: string, promise: (told: Told) => void): Promise<void> {
  const table = await createTable(join(folder, "t"), { schema: schema().long("id").string("part") });
  promise({ rows: [], bad: 0 });
  await table.append([{ id: 1, part: "a" }], { gate: strict });
  promise({ rows: [1], bad: 0 });
  await table.append([{ id: 2, part: "b" }]);
  promise({ rows: [1, 2], bad: 0 });
  await table.overwrite([{ id: 3, part: "b" }]);
  promise({ rows: [3], bad: 0 });
  await table.close();
}

async function recorded(
  doing: (folder: string, promise: (told: Told) => void) => Promise<void>,
  renames?: (from: string, to: string) => void,
): Promise<DiskEvent[]> {
  const folder = freshFolder();
  const recording = recordDisk(folder, renames);
  try {
    await doing(folder, (told) => recording.events.push({ kind: "promise", text: JSON.stringify(told) }));
  } finally {
    recording.stop();
  }
  return recording.events;
}

async function stateOf(uri: string): Promise<Told | undefined> {
  let table: Table;
  try {
    table = await openTable(uri);
  } catch (error) {
    if (isVarveError(error, "NOT_A_TABLE")) return undefined;
    throw error;
  }
  const rows = (await rowsOf(table)).map((row) => Number(row["id"]));
  const bad = (await table.quarantine.read()).length;
  await table.close();
  return { rows, bad };
}

/** Cuts the power after each event, in each way, and holds what is left to what was promised until then. */
async function cutEverywhere(events: readonly DiskEvent[], path: string): Promise<number> {
  const promises = events.flatMap((event) =>
    event.kind === "promise" ? [JSON.parse(event.text) as Told] : [],
  );
  const seen = new Set<string>();
  for (const survival of survivals) {
    const disk = new ForgetfulDisk();
    let kept = -1;
    for (const [step, event] of events.entries()) {
      disk.apply(event);
      if (event.kind === "promise") kept++;
      const left = disk.afterPowerCut(survival);
      const print = createHash("sha256")
        .update(JSON.stringify([kept, ...[...left].map(([name, bytes]) => [name, bytes.length])]))
        .digest("hex");
      if (seen.has(print)) continue;
      seen.add(print);
      const folder = freshFolder();
      restore(folder, left);
      const what = `after step ${step} (${event.kind} ${"path" in event ? event.path : event.text}) ${survival.name} is left`;
      const state = await stateOf(join(folder, path)).catch((error: unknown) => `${what}: ${String(error)}`);
      // What is under way may be there whole, or not at all; bad rows come before the batch.
      const allowed = promises.slice(Math.max(kept, 0), kept + 2).flatMap(({ rows, bad }, at) => {
        const before = promises[kept + at - 1];
        return [{ rows, bad }, ...(at > 0 && before !== undefined ? [{ rows: before.rows, bad }] : [])];
      });
      expect(kept < 0 ? [undefined, ...allowed] : allowed, what).toContainEqual(state);
    }
  }
  return seen.size;
}

describe("a power cut at any step on local disk", { timeout: 0 }, () => {
  it("leaves a readable table with every acknowledged row, partitioned, gated and with checkpoints", async () => {
    const states = await cutEverywhere(await recorded(work), "new/deep/t");
    expect(states).toBeGreaterThan(50);
  });

  it("leaves a readable table with every acknowledged row where files are flushed beside the tests", async () => {
    expect(await cutEverywhere(await recorded(plainWork), "t")).toBeGreaterThan(20);
  });

  it("leaves a readable table where staged files lie on another file system and are copied", async () => {
    const events = await recorded(plainWork, (from, to) => {
      if (from.includes(".varve-staging-") && to.endsWith(".parquet"))
        throw Object.assign(new Error("EXDEV: cross-device link not permitted"), { code: "EXDEV" });
    });
    expect(events.some((event) => event.kind === "file" && event.path.includes(".varve-tmp-"))).toBe(true);
    expect(await cutEverywhere(events, "t")).toBeGreaterThan(20);
  });
});
