import { readFileSync } from "node:fs";

/** Whether a process runs; one that ended and was not yet waited for does not. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  try {
    // https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html: the state follows the name in brackets
    const state = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)?.[0];
    return state !== "Z" && state !== "X";
  } catch {
    // Other systems have no such file, and it goes with its process.
    return process.platform !== "linux";
  }
}
