import {
  checkpointPartPath,
  logFolder,
  padVersion,
  uuidCheckpointPath,
} from "../../src/log/segment/file-names.ts";
import type { Random } from "./random.ts";
import type { Run } from "./run-seed.ts";

/**
 * Puts something into the log that is none of ours: left by a copy, by another engine that died, or by
 * damage.
 */
export function dropStray({ main: { bucket, model }, random, scheduler, tally }: Run): void {
  const path = strayPath(random, model.latest + random.below(4) - 1, model.latest);
  if (bucket.objects.has(path)) return;
  model.strays.add(path);
  bucket.write(
    path,
    new TextEncoder().encode(random.chance(0.5) ? "" : '{"add":{"path":"stray.parquet"'),
    scheduler.now,
  );
  tally.strays++;
}

function strayPath(random: Random, near: number, latest: number): string {
  const version = padVersion(Math.max(0, near));
  // A compaction of versions that nobody has committed yet.
  const compaction = `${logFolder}/${padVersion(latest + 1)}.${padVersion(latest + 40)}.compacted.json`;
  return random.pick([
    compaction,
    compaction,
    `${logFolder}/${version}.json.tmp`,
    `${logFolder}/${version}.json.${random.uuid()}`,
    `${logFolder}/.${version}.json.crc`,
    `${logFolder}/${version.slice(1)}.json`,
    `${logFolder}/${version}.crc.bak`,
    `${logFolder}/99999999999999999${version.slice(17)}.json`,
    `${logFolder}/${version}/nested.json`,
    `${logFolder}/0 copy of ${version}.json`,
    `${logFolder}/_staged_commits/${version}.${random.uuid()}.json`,
    // One part of a checkpoint whose other part never came.
    checkpointPartPath(Math.max(0, near), 1, 2),
    // A checkpoint that was torn, of a version that can be read without it.
    uuidCheckpointPath(latest, random.uuid(), "json"),
  ]);
}
