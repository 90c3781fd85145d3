import { cp } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { openTable } from "../../src/api/open-table.ts";
import { sample } from "../support/sample.ts";
import { seed } from "../support/seed.ts";
import { startProcess, untilEnd } from "./writers.ts";

/**
 * The steps at which this run kills; says which, so that a failure can be repeated.
 *
 * @param sparsely for many operations of one kind: one step in nine instead of one in three
 */
export function chosenSteps<T>(steps: readonly T[], sparsely = false): readonly T[] {
  const chosen = sample(steps, sparsely ? 9 : 3);
  console.log(`${chosen.length} of ${steps.length} steps (VARVE_SEED=${seed})`);
  return chosen;
}

/**
 * Runs a process on a copy of the table in `folder/base` that is killed before its change `beforeCall`, or
 * ends by itself where there are fewer; `job` is what it is told besides.
 */
export async function runKilled(
  script: string,
  folder: string,
  name: string,
  beforeCall: number,
  job: object = {},
) {
  const root = join(folder, name);
  await cp(join(folder, "base"), root, { recursive: true });
  const child = startProcess(script, { ...job, uri: root, kill: { below: root, beforeCall } }, folder);
  const [output, ended] = await Promise.all([text(child.stdout), untilEnd(child)]);
  if (ended.code !== 0 && ended.signal !== "SIGKILL")
    throw new Error(`${script} failed by itself: ${ended.errors}`);
  return { ...ended, output, root };
}

/** The ids in a table's newest version, in order. */
export async function idsOf(uri: string): Promise<number[]> {
  const ids: number[] = [];
  for await (const { id } of (await openTable(uri)).snapshot().rows()) ids.push(Number(id));
  return ids.sort((a, b) => a - b);
}
