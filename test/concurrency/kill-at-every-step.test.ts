import { cp, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { describe, expect, it } from "vitest";
import { fsck } from "../../src/api/fsck.ts";
import { openTable } from "../../src/api/open-table.ts";
import { isVarveError } from "../../src/errors.ts";
import { childUri } from "../../src/storage/open-store.ts";
import { mapBounded } from "../../src/util/concurrency.ts";
import { realWorld } from "../../src/util/world.ts";
import { type S3Server, startS3Server } from "../support/s3-server.ts";
import {
  type AppendJob,
  appendBatch,
  badIds,
  baseIds,
  cleanIds,
  createBase,
  type Place,
} from "./gated-append.ts";
import { chosenSteps } from "./kill-steps.ts";
import { startProcess, untilEnd } from "./writers.ts";

describe("a gated append that is killed at every step", { timeout: 0 }, () => {
  it("leaves a readable table on local disk before each change of a file, and repeating the batch lands it once", async () => {
    const folder = await mkdtemp(join(tmpdir(), "varve-kill-"));
    try {
      await createBase({ uri: join(folder, "base") });
      const changes = await changesOf(folder);
      const commits = changes.filter((change) => /^link .*\d{20}\.json$/.test(change));
      expect(commits, "the quarantine is created and filled, then the batch lands").toHaveLength(3);
      const states = await mapBounded(chosenSteps([...changes.keys()]), 2, (index) =>
        killedOnDisk(folder, index + 1),
      );
      expect(states.filter((state) => state === "landed").length, "some died after landing").toBeGreaterThan(
        0,
      );
      expect(states.filter((state) => state === "absent").length, "some died before").toBeGreaterThan(0);
      console.log(`killed before ${states.length} of ${changes.length} changes: ${count(states)}`);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it("leaves a readable table on S3 before and after each request that changes something, and repeating the batch lands it once", async () => {
    const server = await startS3Server();
    const folder = await mkdtemp(join(tmpdir(), "varve-kill-"));
    try {
      await createBase({ uri: "s3://bucket/base/table", s3: server.options });
      const requests = await changingRequests(server, folder);
      const steps = Array.from({ length: requests * 2 }, (_, index) => ({
        request: (index >> 1) + 1,
        after: index % 2 === 1,
      }));
      const states: string[] = [];
      for (const step of chosenSteps(steps)) states.push(await killedOnS3(server, step, folder));
      expect(new Set(states)).toEqual(new Set(["absent", "landed"]));
      console.log(`killed at ${states.length} of ${steps.length} steps: ${count(states)}`);
    } finally {
      await server.close();
      await rm(folder, { recursive: true });
    }
  });
});

/** The changes that an undisturbed append makes, in order. */
async function changesOf(folder: string): Promise<string[]> {
  const root = join(folder, "undisturbed");
  await cp(join(folder, "base"), root, { recursive: true });
  const { output } = await runAppend(
    { uri: root, kill: { below: root, beforeCall: Number.MAX_SAFE_INTEGER } },
    folder,
  );
  return JSON.parse(output);
}

/** Kills one append before its n-th change and checks what is left; tells whether the batch had landed. */
async function killedOnDisk(folder: string, beforeCall: number): Promise<"landed" | "absent"> {
  const root = join(folder, `killed ${beforeCall}`);
  await cp(join(folder, "base"), root, { recursive: true });
  const { signal, errors } = await runAppend({ uri: root, kill: { below: root, beforeCall } }, folder);
  expect(signal, `change ${beforeCall}: ${errors}`).toBe("SIGKILL");
  const { findings } = await fsck(root, { world: monthLater });
  const named = findings.filter(({ code }) => code === "ABANDONED_FILE").map(({ path }) => path);
  expect(named.sort(), `change ${beforeCall}`).toEqual(await leftBelow(root));
  const state = await checkAndRepeat({ uri: root }, `change ${beforeCall}`);
  await using table = await openTable(root, { world: monthLater });
  await table.log.clean();
  expect(await leftBelow(root), `change ${beforeCall}`).toEqual([]);
  await rm(root, { recursive: true });
  return state;
}

const monthLater = { ...realWorld, now: () => Date.now() + 30 * 24 * 3_600_000 };

/** What no reader sees below a folder: temporary files and folders of writers. */
async function leftBelow(root: string): Promise<string[]> {
  const names = await readdir(root, { recursive: true });
  return names.filter((name) => /(^|\/)\.varve-[^/]*$/.test(name)).sort();
}

async function changingRequests(server: S3Server, temporary: string): Promise<number> {
  const place = copyOnS3(server, "undisturbed");
  const before = server.log.length;
  await runAppend(place, temporary);
  return server.log.slice(before).filter(changesSomething).length;
}

interface Step {
  readonly request: number;
  readonly after: boolean;
}

async function killedOnS3(server: S3Server, step: Step, temporary: string): Promise<"landed" | "absent"> {
  const name = `${step.after ? "after" : "before"} request ${step.request}`;
  const place = copyOnS3(server, name);
  const child = startProcess("append-process.ts", place, temporary);
  const ended = untilEnd(child);
  let seen = 0;
  const kill = () => child.kill("SIGKILL");
  server.inject(
    { kind: step.after ? "hang-after" : "hang-before", act: kill },
    (request) => changesSomething(request) && ++seen === step.request,
  );
  const { signal, errors } = await ended;
  expect(signal, `${name}: ${errors}`).toBe("SIGKILL");
  return await checkAndRepeat(place, name);
}

function changesSomething({ method }: { readonly method: string }): boolean {
  return method !== "GET" && method !== "HEAD";
}

function copyOnS3(server: S3Server, name: string): Place {
  const bucket = server.buckets.get("bucket");
  for (const [key, { bytes }] of bucket?.objects ?? []) {
    if (key.startsWith("base/")) bucket?.put(key.replace("base", name), bytes, {});
  }
  return { uri: `s3://bucket/${name}/table`, s3: server.options };
}

/**
 * The table reads whole versions before the batch is repeated; afterwards table and quarantine hold each row
 * once.
 */
async function checkAndRepeat(place: Place, step: string): Promise<"landed" | "absent"> {
  const before = await idsOf(place);
  const landed = before.length > baseIds.length;
  expect(before, step).toEqual(landed ? [...cleanIds, ...baseIds] : baseIds);
  const quarantinedBefore = await quarantinedIds(place);
  if (landed || quarantinedBefore.length > 0) expect(quarantinedBefore, step).toEqual(badIds);
  const result = await appendBatch(place);
  expect(result.outcome, step).toBe(landed ? "alreadyApplied" : "committed");
  expect(await idsOf(place), step).toEqual([...cleanIds, ...baseIds]);
  expect(await quarantinedIds(place), step).toEqual(badIds);
  return landed ? "landed" : "absent";
}

async function idsOf(place: Place): Promise<number[]> {
  return await idsIn(place, place.uri, "SELECT id FROM t");
}

/** Nothing while there is no quarantine yet. */
async function quarantinedIds(place: Place): Promise<number[]> {
  try {
    return await idsIn(place, childUri(place.uri, "_quarantine"), 'SELECT "values".id AS id FROM t');
  } catch (error) {
    if (isVarveError(error, "NOT_A_TABLE")) return [];
    throw error;
  }
}

async function idsIn(place: Place, uri: string, sql: string): Promise<number[]> {
  await using table = await openTable(uri, place.s3 === undefined ? {} : { s3: place.s3 });
  const result = await table.snapshot().sql(sql);
  const ids: number[] = [];
  for await (const { id } of result.rows()) ids.push(Number(id));
  return ids.sort((a, b) => a - b);
}

async function runAppend(
  job: AppendJob,
  temporary: string,
): Promise<{ readonly signal: NodeJS.Signals | null; readonly errors: string; readonly output: string }> {
  const child = startProcess("append-process.ts", job, temporary);
  const [output, ended] = await Promise.all([text(child.stdout), untilEnd(child)]);
  if (ended.code !== 0 && ended.signal !== "SIGKILL")
    throw new Error(`the append failed by itself: ${ended.errors}`);
  return { ...ended, output };
}

function count(states: readonly string[]): string {
  const landed = states.filter((state) => state === "landed").length;
  return `${landed} had landed, ${states.length - landed} had not`;
}
