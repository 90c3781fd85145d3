import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { appendFileSync, mkdirSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { gitState } from "../../src/runs/git-state.ts";
import { runEnvironment } from "../../src/runs/run-environment.ts";
import { freshFolder } from "../operations/table-folder.ts";

/** A repository with one commit. */
function repository(name: string): string {
  const folder = join(freshFolder(), name);
  mkdirSync(folder);
  const git = (...words: string[]) => execFileSync("git", words, { cwd: folder, encoding: "utf8" });
  git("init", "-q", "-b", "main");
  git("-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "--allow-empty", "-m", "first");
  return folder;
}

describe("the state of a repository", () => {
  it("is found in a folder whose name has line ends", async () => {
    const folder = repository("a\nb");
    const found = await gitState(folder);
    const commit = execFileSync("git", ["rev-parse", "HEAD"], { cwd: folder, encoding: "utf8" }).trim();
    expect(found).toMatchObject({ top: folder, git: { commit, branch: "main", untrackedFiles: 0 } });
  });

  it("has a file that is written meanwhile, such as a log, by its name alone", async () => {
    const folder = repository("busy");
    const log = join(folder, "train.log");
    writeFileSync(log, Buffer.alloc(50_000_000));
    const timer = setInterval(() => appendFileSync(log, "x"), 1);
    try {
      const untrackedHash = `sha256:${createHash("sha256").update("train.log\0\0").digest("hex")}`;
      expect(await gitState(folder)).toMatchObject({ git: { untrackedFiles: 1, untrackedHash } });
    } finally {
      clearInterval(timer);
    }
  });

  it("has no hash of more data than is read in a moment", async () => {
    const folder = repository("large");
    writeFileSync(join(folder, "rows.bin"), "");
    truncateSync(join(folder, "rows.bin"), 2 ** 31);
    expect(await gitState(folder)).toMatchObject({ git: { untrackedFiles: 1, untrackedHash: undefined } });
  });
});

describe("the environment of a run", () => {
  it("has the packages that can be, of a manifest that names others, too", async () => {
    const folder = join(freshFolder(), "project");
    const odd = ["a\0b", "x".repeat(300), "../up", "@s/../../up", "a/b/c", ""];
    for (const name of ["plain", "@scope/part"]) {
      mkdirSync(join(folder, "node_modules", name), { recursive: true });
      writeFileSync(join(folder, "node_modules", name, "package.json"), '{"version":"1.2.3"}');
    }
    const dependencies = Object.fromEntries([...odd, "plain", "@scope/part"].map((name) => [name, "1"]));
    writeFileSync(join(folder, "package.json"), JSON.stringify({ version: "9", dependencies }));
    const { packages } = await runEnvironment({ command: [], folder, variables: [] });
    expect(packages).toEqual({ plain: "1.2.3", "@scope/part": "1.2.3" });
  });
});
