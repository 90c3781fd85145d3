import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { matchesGlob, resolve } from "node:path";
import { type MutationGroup, mutationGroups } from "./groups.ts";
import { root } from "./run-stryker.ts";

/** A group with those of its sources that were changed. */
export interface ChangedGroup {
  readonly group: MutationGroup;
  readonly files: readonly string[];
}

/**
 * The commit to compare with: where this branch left the main one, or, on the main one, the commit before.
 */
export function defaultBase(): string | undefined {
  const head = git("rev-parse", "HEAD");
  for (const branch of ["origin/main", "main"]) {
    const base = git("merge-base", "HEAD", branch);
    if (base !== undefined && base !== head) return base;
  }
  return git("rev-parse", "--verify", "--quiet", "HEAD~1");
}

/** Mutated groups whose sources differ from `base`, committed or not. */
export function changedGroups(base: string): ChangedGroup[] {
  const files = changedFiles(base, "src");
  return mutationGroups
    .map((group) => ({
      group,
      files: files.filter((file) => group.sources.some((glob) => matchesGlob(file, glob))),
    }))
    .filter((changed) => changed.files.length > 0);
}

/** Sources below a folder that differ from `base`, committed or not, as paths from the root. */
export function changedFiles(base: string, folder: string): readonly string[] {
  const listed = git("diff", "--name-only", "--diff-filter=d", base, "--", folder);
  if (listed === undefined) throw new Error(`Git cannot compare with "${base}".`);
  return listed.split("\n").filter((file) => file.endsWith(".ts") && existsSync(resolve(root, file)));
}

function git(...args: readonly string[]): string | undefined {
  try {
    return execFileSync("git", args, {
      cwd: root,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }).trim();
  } catch {
    // Git says by its exit code that there is no such revision.
    return undefined;
  }
}
