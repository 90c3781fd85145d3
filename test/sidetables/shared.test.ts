import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { createTable } from "../../src/api/create-table.ts";
import type { Table } from "../../src/api/table.ts";
import type { SessionOptions } from "../../src/engine/core/contract.ts";
import { duckdbEngine } from "../../src/engine/session/session.ts";
import type { TableContext } from "../../src/log/contract.ts";
import { openLog } from "../../src/log/snapshot/open-log.ts";
import { recordMetrics } from "../../src/metrics/metrics.ts";
import { readMetrics } from "../../src/metrics/metrics-store.ts";
import { append } from "../../src/operations/append.ts";
import { check, suite } from "../../src/quality/suite/builder.ts";
import { discardQuarantine } from "../../src/quarantine/quarantine-change.ts";
import { listQuarantine } from "../../src/quarantine/quarantine-read.ts";
import { schema } from "../../src/schema/builder.ts";
import { appendToSideTable } from "../../src/sidetables/append-rows.ts";
import { contextBelow } from "../../src/sidetables/context-below.ts";
import { withSideTable } from "../../src/sidetables/read-rows.ts";
import { removedRows, rewriteSideTable } from "../../src/sidetables/rewrite-rows.ts";
import type { SideTable } from "../../src/sidetables/side-table.ts";
import { openSideTable } from "../../src/sidetables/side-table.ts";
import { sql } from "../../src/sql/sql.ts";
import { publishStaged } from "../../src/staging/publish-staged.ts";
import { stageBatch } from "../../src/staging/stage.ts";
import { openContext } from "../../src/table/definition/open-context.ts";
import { realWorld } from "../../src/util/world.ts";
import { actionsOf, dataFiles, freshFolder } from "../operations/table-folder.ts";

const gate = suite("delays", [check.between("delay", { max: 60 }, { onFail: "quarantine" })], {
  maxBadShare: 1,
  onMisfit: "quarantine",
});
const late = { id: 1, delay: 1000 };

let folder: string;
let table: Table;

beforeEach(async () => {
  folder = join(freshFolder(), "t");
  table = await createTable(folder, { schema: schema().long("id").long("delay") });
  return () => table.close();
});

interface Watched {
  readonly context: TableContext;
  /** Options of every session that the context's engine opened. */
  readonly sessions: SessionOptions[];
  /** Files that were asked for through the context's cache. */
  readonly local: string[];
}

/** A caller's context, and what of it is used. */
async function watched(): Promise<Watched> {
  const base = await openContext(folder, { world: { ...realWorld, now: () => 981_173_106_000 } });
  const sessions: SessionOptions[] = [];
  const local: string[] = [];
  const context: TableContext = {
    ...base,
    engine: async () => ({
      open: (options = {}) => {
        sessions.push(options);
        return duckdbEngine.open(options);
      },
    }),
    localFile: (path) => {
      local.push(path);
      return base.localFile(path);
    },
  };
  return { context, sessions, local };
}

const instantOf = (commit: Record<string, unknown> | undefined) => commit?.["timestamp"];

describe("what a caller gives a table", () => {
  it("reaches its quarantine: clock, engine, cache and signal", async () => {
    const { context, local, sessions } = await watched();
    const { signal } = new AbortController();
    await append(await openLog(context), [late], { gate, batchId: "b", signal });
    expect(instantOf(actionsOf(join(folder, "_quarantine"), 1, "commitInfo")[0])).toBe(981_173_106_000);
    expect(await listQuarantine(context)).toMatchObject([{ quarantinedAt: new Date(981_173_106_000) }]);
    expect(local.filter((path) => path.startsWith("_quarantine/"))).toHaveLength(1);
    sessions.splice(0);
    await discardQuarantine(context, { batchId: "b" });
    expect(sessions.length).toBeGreaterThan(1);
    expect(instantOf(actionsOf(join(folder, "_quarantine"), 2, "commitInfo")[0])).toBe(981_173_106_000);
  });

  it("reaches its metrics", async () => {
    const { context, local } = await watched();
    await append(await openLog(context), [{ id: 1, delay: 1 }]);
    await recordMetrics(await openLog(context));
    expect(instantOf(actionsOf(join(folder, "_metrics"), 1, "commitInfo")[0])).toBe(981_173_106_000);
    expect(await readMetrics(await openLog(context))).not.toEqual([]);
    expect(local.some((path) => path.startsWith("_metrics/"))).toBe(true);
  });

  it("reaches the quarantine through staging, its signal too", async () => {
    const { context } = await watched();
    const rows = [
      { id: "x", delay: 1 },
      { id: 2, delay: 2 },
    ];
    const { id } = await stageBatch(await openLog(context), rows, { gate });
    await publishStaged(await openLog(context), id, { gate });
    expect(instantOf(actionsOf(join(folder, "_quarantine"), 1, "commitInfo")[0])).toBe(981_173_106_000);
  });

  it("ends the recording of metrics with the write that asked for them", async () => {
    const { context } = await watched();
    const snapshot = await openLog(context);
    await append(snapshot, [{ id: 1, delay: 1 }]);
    const stopped = recordMetrics(await openLog(context), { signal: AbortSignal.abort("enough") });
    await expect(stopped).rejects.toMatchObject({ code: "CANCELLED" });
    expect(await readMetrics(await openLog(context))).toEqual([]);
  });

  it("limits the memory of work on its quarantine", async () => {
    const rows = Array.from({ length: 200 }, (_, id) => ({ id, delay: 1000 }));
    await table.append(rows, { gate, batchId: "b" });
    const context = await openContext(folder, { memoryLimit: 768 * 1024 * 1024 });
    const side: SideTable = { ...notes(context), context: contextBelow(context, "_quarantine") };
    const limits = await withSideTable(side, (session) =>
      session.rows(sql`SELECT value FROM duckdb_settings() WHERE name = 'memory_limit'`),
    );
    expect(limits).toEqual([{ value: "768.0 MiB" }]);
  });
});

function notes(context: TableContext): SideTable {
  const columns = schema().long("id").string("note").build();
  return { context: contextBelow(context, "_notes"), name: "notes", description: "Notes", columns };
}

const noted = (ids: readonly number[]) => async () => ({
  source: ids.map((id) => ({ id, note: `note ${id}` })),
});

async function ids(side: SideTable): Promise<unknown[]> {
  const rows = await withSideTable(side, (session, { sql: rows }) =>
    session.rows(sql`SELECT id FROM (${rows}) ORDER BY id`),
  );
  return (rows ?? []).map((row) => Number(row["id"]));
}

describe("a side table", () => {
  it("is created once by writers that need it at the same time, and holds the rows of all", async () => {
    const sides = await Promise.all(Array.from({ length: 6 }, async () => notes(await openContext(folder))));
    await Promise.all(sides.map((side, id) => appendToSideTable(side, noted([id]))));
    expect(await ids(notes(await openContext(folder)))).toEqual([0, 1, 2, 3, 4, 5]);
    expect(actionsOf(join(folder, "_notes"), 0, "metaData")).toMatchObject([{ description: "Notes" }]);
  });

  it("takes the columns of writers that add different ones at the same time", async () => {
    const side = notes(await openContext(folder));
    await appendToSideTable(side, noted([0]));
    const widened = ["a", "b", "c"].map((name) => ({ side, name }));
    await Promise.all(
      widened.map(({ name }, id) =>
        appendToSideTable(side, async () => ({ source: [{ id: id + 1, [name]: name }] }), {
          schema: schema().long("id").string("note").string(name).build(),
        }),
      ),
    );
    expect(await ids(side)).toEqual([0, 1, 2, 3]);
    const snapshot = await openSideTable(side);
    expect(snapshot?.schema.fields.map(({ name }) => name).sort()).toEqual(["a", "b", "c", "id", "note"]);
  });

  it("is not there before its first row, and an empty change creates nothing", async () => {
    const side = notes(await openContext(folder));
    expect(await ids(side)).toEqual([]);
    expect(await rewriteSideTable(side, async () => removedRows(sql`id = 1`))).toBeUndefined();
    expect(await openSideTable(side)).toBeUndefined();
  });

  it("writes only the files again that may hold a row that changes", async () => {
    const side = notes(await openContext(folder));
    for (const pair of [
      [1, 2],
      [3, 4],
      [5, 6],
    ])
      await appendToSideTable(side, noted(pair));
    const before = dataFiles(join(folder, "_notes"));
    await rewriteSideTable(side, async () => removedRows(sql`id = 3`));
    expect(await ids(side)).toEqual([1, 2, 4, 5, 6]);
    const removed = actionsOf(join(folder, "_notes"), 4, "remove");
    expect([removed.length, actionsOf(join(folder, "_notes"), 4, "add").length]).toEqual([1, 1]);
    expect(before).toContain(removed[0]?.["path"]);
    expect(await rewriteSideTable(side, async () => removedRows(sql`id = 99`))).toMatchObject({ version: 4 });
  });

  it("keeps rows of which a condition cannot tell", async () => {
    const side = notes(await openContext(folder));
    await appendToSideTable(side, async () => ({
      source: [
        { id: 1, note: null },
        { id: 2, note: "a" },
      ],
    }));
    await rewriteSideTable(side, async () => removedRows(sql`note = 'a'`));
    expect(await ids(side)).toEqual([1]);
  });

  it("loses no change of writers that change different rows of one file at the same time", async () => {
    const side = notes(await openContext(folder));
    await appendToSideTable(side, noted([1, 2, 3, 4]));
    await Promise.all([1, 3].map((id) => rewriteSideTable(side, async () => removedRows(sql`id = ${id}`))));
    expect(await ids(side)).toEqual([2, 4]);
  });
});
