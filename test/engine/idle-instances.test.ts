import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { OpenSession, SessionOptions } from "../../src/engine/core/contract.ts";
import { sql } from "../../src/sql/sql.ts";

const memoryLimit = 32 * 1024 * 1024;
let folder: string;
let openSession: (options?: SessionOptions) => Promise<OpenSession>;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "idle instances "));
  // Modules of its own: what other tests left idle counts against the limit.
  vi.resetModules();
  ({ openSession } = await import("../../src/engine/session/session.ts"));
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true, force: true });
});

const session = (threads = 1): Promise<OpenSession> =>
  openSession({ temporaryFolder: folder, threads, memoryLimit });

async function sessions(count: number, threads: number): Promise<OpenSession[]> {
  const opened: OpenSession[] = [];
  for (let index = 0; index < count; index++) opened.push(await session(threads));
  return opened;
}

async function closeAll(opened: readonly OpenSession[]): Promise<void> {
  for (const one of opened) await one.close();
}

/** How many sessions the instance of a session had before it. */
async function sessionsBefore(one: OpenSession): Promise<number> {
  const [row] = await one.rows(sql`SELECT current_database() AS name`);
  return Number(String(row?.["name"]).replace("varve_", ""));
}

describe("an idle instance", () => {
  it("is closed after ten seconds, and no session gets it then", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const [first, second] = await sessions(2, 1);
    await first?.close();
    vi.advanceTimersByTime(6000);
    await second?.close();
    vi.advanceTimersByTime(6000);
    const [third, fourth] = await sessions(2, 1);
    if (third === undefined || fourth === undefined) throw new Error("two were opened");
    // The second one's instance is four seconds old, the first one's is gone.
    expect(await sessionsBefore(third)).toBe(1);
    expect(await sessionsBefore(fourth)).toBe(0);
    await closeAll([third, fourth]);
    vi.advanceTimersByTime(20_000);
    const last = await session();
    expect(await sessionsBefore(last)).toBe(0);
    await last.close();
  });

  it.each([
    [1, 16],
    [5, 7],
  ])("of %i threads is kept beside %i others of its kind at most", async (threads, most) => {
    await closeAll(await sessions(most + 2, threads));
    const again = await sessions(most + 2, threads);
    const warm = await Promise.all(again.map(sessionsBefore));
    expect(warm.filter((before) => before > 0)).toHaveLength(most);
    await closeAll(again);
  });
});

describe("a process that keeps fencing", () => {
  async function fenced(): Promise<void> {
    const one = await session();
    await one.fence({ files: [] });
    await one.rows(sql`SELECT 1 AS one`);
    await one.close();
  }

  it("opens one instance ahead, from the second fence on", async () => {
    const created = vi.spyOn(DuckDBInstance, "create");
    await fenced();
    expect(created).toHaveBeenCalledTimes(1);
    await fenced();
    expect(created).toHaveBeenCalledTimes(3);
    await fenced();
    expect(created).toHaveBeenCalledTimes(4);
  });

  it("tries again after one could not be opened, and needs none", async () => {
    const opened = await sessions(4, 1);
    const created = vi.spyOn(DuckDBInstance, "create").mockRejectedValueOnce(new Error("no memory"));
    await opened[0]?.fence({ files: [] });
    await opened[1]?.fence({ files: [] });
    await opened[1]?.rows(sql`SELECT 1 AS one`);
    expect(created).toHaveBeenCalledTimes(1);
    await opened[2]?.fence({ files: [] });
    await opened[2]?.rows(sql`SELECT 1 AS one`);
    expect(created).toHaveBeenCalledTimes(2);
    await closeAll(opened);
  });

  it("opens one only, however many are fenced at once, and none while one is idle", async () => {
    const created = vi.spyOn(DuckDBInstance, "create");
    const opened = await sessions(4, 1);
    expect(created).toHaveBeenCalledTimes(4);
    await Promise.all(opened.slice(0, 3).map((one) => one.fence({ files: [] })));
    await opened[0]?.rows(sql`SELECT 1 AS one`);
    expect(created).toHaveBeenCalledTimes(5);
    await opened[3]?.fence({ files: [] });
    await opened[0]?.rows(sql`SELECT 1 AS one`);
    expect(created).toHaveBeenCalledTimes(5);
    await closeAll(opened);
  });
});
