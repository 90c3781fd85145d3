import { readdirSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { realWorld, type World } from "../../../src/util/world.ts";

const day = 24 * 60 * 60 * 1000;

/** A clock that runs some days behind. */
export function daysAgo(days: number): World {
  return { ...realWorld, now: () => realWorld.now() - days * day };
}

/** Makes every file below a folder some days older, and the folders too. */
export function makeOlder(folder: string, days: number): void {
  const time = (realWorld.now() - days * day) / 1000;
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true }))
    if (!entry.isSymbolicLink()) utimesSync(join(entry.parentPath, entry.name), time, time);
}
