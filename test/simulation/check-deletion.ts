import { parseLogPath } from "../../src/log/segment/file-names.ts";
import type { Model } from "./model.ts";
import { Violation } from "./model-state.ts";
import type { Stored } from "./sim-store.ts";

/** An object that has just gone. */
export interface Deletion {
  readonly path: string;
  readonly stored: Stored;
  /** Virtual time of the deletion. */
  readonly now: number;
  /** Paths that are left. */
  readonly keys: readonly string[];
}

const hour = 60 * 60 * 1000;

/**
 * What must hold whenever something is deleted: no data file that a commit names, except by a vacuum ({@link checkVacuum}); commits only from the
 * oldest on, none younger than an hour, and never without a checkpoint that stands for them; no checkpoint
 * before the commits that it stands for. @throws {@link Violation}
 */
export function checkDeletion(model: Model, { path, stored, now, keys }: Deletion): void {
  if (model.named.has(path) && !model.vacuumed.has(path))
    throw new Violation(`${path} was deleted, which a commit names`);
  if (model.strays.delete(path) || model.ghostPaths.delete(path)) return;
  const name = parseLogPath(path);
  if (name?.kind === "commit") {
    const { version } = name;
    const state = model.stateOf(version);
    const written =
      state?.configuration["delta.enableInCommitTimestamps"] === "true" ? state.stamp : stored.modified;
    if (now - written < hour)
      throw new Violation(
        `version ${version} was cleaned up ${(now - written) / 60_000} minutes after its commit`,
      );
    if (version !== model.oldest)
      throw new Violation(`version ${version} was cleaned up before version ${model.oldest}`);
    model.oldest++;
    requireCheckpoint(model, keys, version);
  }
  if (name?.kind === "checkpoint") {
    if (name.version >= model.oldest) {
      throw new Violation(
        `the checkpoint of version ${name.version} was deleted while commits from version ${model.oldest} on are there`,
      );
    }
    requireCheckpoint(model, keys, name.version);
  }
}

function requireCheckpoint(model: Model, keys: readonly string[], version: number): void {
  const later = keys.some((key) => {
    const name = model.strays.has(key) ? undefined : parseLogPath(key);
    return name?.kind === "checkpoint" && name.version > version;
  });
  if (!later) throw new Violation(`version ${version} was cleaned up and no later checkpoint is there`);
}
