import fs from "node:fs";
import fsPromises, { type FileHandle } from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";

/** When a process is to end itself. */
export interface KillPlan {
  /** Only calls that change something below this folder count. */
  readonly below: string;
  /**
   * 1 for the first such call; the process is killed before the call is made. Beyond the last, nothing
   * happens.
   */
  readonly beforeCall: number;
}

/**
 * Calls of `node:fs/promises` that change a file or folder named by their first argument, or their second.
 */
const changing = [
  "writeFile",
  "appendFile",
  "rename",
  "link",
  "symlink",
  "unlink",
  "rm",
  "rmdir",
  "mkdir",
  "copyFile",
  "cp",
  "truncate",
  "utimes",
] as const;
const changingSync = [
  "writeFileSync",
  "appendFileSync",
  "renameSync",
  "linkSync",
  "unlinkSync",
  "rmSync",
  "rmdirSync",
  "mkdirSync",
  "copyFileSync",
] as const;
const changingHandle = [
  "write",
  "writev",
  "writeFile",
  "appendFile",
  "sync",
  "datasync",
  "truncate",
] as const;

/** What was called, for the report of the run that survives. */
export const changes: string[] = [];

/**
 * Makes this process kill itself with SIGKILL right before the n-th call that changes a file, below Node's
 * own file functions.
 *
 * Every named import of `node:fs` and `node:fs/promises` is replaced, the storage layer's included: whatever
 * varve does to a table on local disk passes here. (The engine's own writes do not; they go to staging files
 * that only a later rename makes part of a table.)
 */
export function killBeforeChange(plan: KillPlan): void {
  const about = (call: string, ...names: readonly unknown[]): void => {
    const named = names.filter(
      (name): name is string => typeof name === "string" && name.startsWith(plan.below),
    );
    if (named.length === 0) return;
    changes.push(`${call} ${named.map((name) => name.slice(plan.below.length)).join(" -> ")}`);
    if (changes.length === plan.beforeCall) process.kill(process.pid, "SIGKILL");
  };
  for (const name of changing) intercept(fsPromises, name, about);
  for (const name of changingSync) intercept(fs, name, about);
  interceptOpen(about);
  syncBuiltinESMExports();
}

type About = (call: string, ...names: readonly unknown[]) => void;

function intercept(module: object, name: string, about: About): void {
  const original: unknown = Reflect.get(module, name);
  if (typeof original !== "function") throw new Error(`${name} is no function`);
  Reflect.set(module, name, (...args: readonly unknown[]) => {
    about(name, args[0], args[1]);
    return Reflect.apply(original, module, args);
  });
}

/** Opening for writing is a change; so is each write and flush through the handle. */
function interceptOpen(about: About): void {
  const { open } = fsPromises;
  const opened = async (...args: Parameters<typeof open>): Promise<FileHandle> => {
    const [name, flags = "r"] = args;
    if (flags !== "r") about(`open ${flags}`, name);
    const handle = await open(...args);
    for (const method of changingHandle) {
      const original: unknown = Reflect.get(handle, method);
      if (typeof original !== "function") continue;
      Reflect.set(handle, method, (...callArgs: readonly unknown[]) => {
        about(`handle.${method}`, name);
        return Reflect.apply(original, handle, callArgs);
      });
    }
    return handle;
  };
  Reflect.set(fsPromises, "open", opened);
}
