import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { systemErrorCode } from "../util/system-refusals.ts";
import { fileDigest, NoFileError } from "./artifact.ts";
import type { GitState } from "./run-record.ts";

/** The state of a folder's repository, or why there is none. */
export type FoundGit =
  | { readonly git: GitState; readonly top: string }
  | { readonly git: null; readonly gitReason: string };

/** Files that git does not track are hashed up to so many, and so many bytes; of more, only the number is recorded. */
const mostUntracked = 1_000;
const mostUntrackedBytes = 1024 * 1024 * 1024;
const mostDiffBytes = 1024 * 1024 * 1024;
const patienceMilliseconds = 30_000;

/** The state of the repository that a folder is in. A folder without one, or without git, is no error. */
export async function gitState(folder: string): Promise<FoundGit> {
  try {
    // The name of a folder may have line ends.
    const [commit = "", ...parents] = (await text(folder, ["rev-parse", "--show-toplevel", "HEAD"]))
      .replace(/\n$/, "")
      .split("\n")
      .reverse();
    const top = parents.reverse().join("\n");
    const branch = (await text(folder, ["rev-parse", "--abbrev-ref", "HEAD"])).trim();
    const changes = createHash("sha256");
    const bytes = await git(
      top,
      ["diff", "HEAD", "--binary", "--no-color", "--no-ext-diff", "--no-textconv"],
      (chunk) => changes.update(chunk),
    );
    const names = await text(top, ["ls-files", "--others", "--exclude-standard", "-z"]);
    const untracked = names.split("\0").filter((name) => name !== "");
    return {
      top,
      git: {
        commit,
        branch: branch === "HEAD" ? undefined : branch,
        diffHash: bytes === 0 ? undefined : `sha256:${changes.digest("hex")}`,
        untrackedFiles: untracked.length,
        untrackedHash: await untrackedHash(top, untracked),
      },
    };
  } catch (error) {
    return { git: null, gitReason: reasonOf(error) };
  }
}

async function untrackedHash(top: string, names: readonly string[]): Promise<string | undefined> {
  if (names.length === 0 || names.length > mostUntracked) return undefined;
  let bytes = 0;
  for (const name of names) bytes += await sizeOf(join(top, name));
  if (bytes > mostUntrackedBytes) return undefined;
  const hash = createHash("sha256");
  for (const name of [...names].sort()) hash.update(`${name}\0${await contentOf(join(top, name))}\0`);
  return `sha256:${hash.digest("hex")}`;
}

/** Bytes of a file; 0 of what is none. */
async function sizeOf(file: string): Promise<number> {
  try {
    const found = await stat(file);
    return found.isFile() ? found.size : 0;
  } catch (error) {
    if (systemErrorCode(error) === undefined) throw error;
    return 0;
  }
}

/** A file that goes or changes meanwhile, or is none (a repository within, a broken link), counts by its name. */
async function contentOf(file: string): Promise<string> {
  try {
    return await fileDigest(file);
  } catch (error) {
    if (error instanceof NoFileError || systemErrorCode(error) !== undefined) return "";
    throw error;
  }
}

/** git could not be run, or did not do it. */
class GitError extends Error {}

function reasonOf(error: unknown): string {
  if (systemErrorCode(error) === "ENOENT") return "git is not installed";
  if (!(error instanceof GitError)) throw error;
  if (/not a git repository/i.test(error.message)) return "not in a git repository";
  if (/unknown revision|ambiguous argument 'HEAD'/i.test(error.message))
    return "the repository has no commit";
  return `git failed: ${error.message.slice(0, 300)}`;
}

async function text(folder: string, parameters: readonly string[]): Promise<string> {
  const chunks: Buffer[] = [];
  await git(folder, parameters, (chunk) => chunks.push(chunk));
  return Buffer.concat(chunks).toString("utf8");
}

/** Runs git without changing the repository; returns the bytes that it printed. */
function git(
  folder: string,
  parameters: readonly string[],
  onOutput: (chunk: Buffer) => void,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn("git", ["-c", "core.fsmonitor=false", "-c", "core.quotePath=false", ...parameters], {
      cwd: folder,
      env: { ...process.env, GIT_OPTIONAL_LOCKS: "0", LC_ALL: "C" },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let [bytes, errors, late] = [0, "", false];
    const timer = setTimeout(() => {
      late = true;
      child.kill("SIGKILL");
    }, patienceMilliseconds);
    child.stdout.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > mostDiffBytes) child.kill("SIGKILL");
      else onOutput(chunk);
    });
    child.stderr.on("data", (chunk: Buffer) => {
      errors = `${errors}${chunk.toString("utf8")}`.slice(0, 4_000);
    });
    child.on("error", (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.on("close", (code) => {
      clearTimeout(timer);
      if (code === 0) return resolve(bytes);
      const why = late
        ? `it took longer than ${patienceMilliseconds / 1000} s`
        : bytes > mostDiffBytes
          ? `it printed more than ${mostDiffBytes} bytes`
          : errors.trim();
      return reject(new GitError(why === "" ? `git ${parameters[0]} ended with ${code}` : why));
    });
  });
}
