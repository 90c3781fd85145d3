import { readFile } from "node:fs/promises";
import { type Command, InvalidArgumentError } from "commander";
import { VarveError } from "../../../api/errors.ts";
import type { MonitorJson } from "../../../index.ts";

export interface DefinitionFlags {
  readonly file?: string | undefined;
}

export const tableText = "folder or URI of the table";
export const nameText = "the monitor";
export const baselineText =
  "what each version is compared with: v3, v3..v9 (the rows that these brought), pin:NAME, run:ID, previous, previous:7, or lag:7";

export function withFile(command: Command): Command {
  return command.option("--file <file>", "a monitor as JSON that the table need not carry");
}

/** A version as `v3` or `3`. */
export function versionNumber(text: string): number {
  const version = Number(text.replace(/^v/, ""));
  if (/^v?\d+$/.test(text) && Number.isSafeInteger(version)) return version;
  throw new InvalidArgumentError("It must be a version such as v3.");
}

export function baselineOf(text: string): MonitorJson["baseline"] {
  const [, first, last] = /^v(\d+)(?:\.\.v(\d+))?$/.exec(text) ?? [];
  if (first !== undefined)
    return last === undefined ? { version: Number(first) } : { versions: [Number(first), Number(last)] };
  if (text === "previous" || /^previous:\d+$/.test(text)) return text as "previous";
  const [, kind = "", value = ""] = /^(pin|run|lag):(.+)$/s.exec(text) ?? [];
  if (kind === "pin") return { pin: value };
  if (kind === "run") return { runs: value };
  if (kind === "lag" && /^\d+$/.test(value)) return { lag: Number(value) };
  throw new InvalidArgumentError("It must be v3, v3..v9, pin:NAME, run:ID, previous, previous:7 or lag:7.");
}

/** A monitor in a file; its fields are checked later. @throws `MONITOR_INVALID` */
export async function readMonitor(file: string): Promise<MonitorJson> {
  try {
    return JSON.parse(await readFile(file, "utf8")) as MonitorJson;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const remedy =
      error instanceof SyntaxError
        ? "Write the monitor as JSON (spec/monitors.md)"
        : "Check the path of the file";
    throw new VarveError(
      "MONITOR_INVALID",
      `Cannot read the monitor ${file}: ${why}. ${remedy}.`,
      { path: "", value: file },
      error,
    );
  }
}

/** A monitor by its name, or the one in a file. */
export async function namedMonitor(
  name: string | undefined,
  { file }: DefinitionFlags,
  command: Command,
): Promise<string | MonitorJson> {
  if (file === undefined) return name ?? command.error("error: give the name of a monitor, or --file.");
  const monitor = await readMonitor(file);
  return name === undefined ? monitor : { ...monitor, name };
}
