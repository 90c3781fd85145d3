/** Folder of the log, relative to the table's root. */
export const logFolder = "_delta_log";

/** Folder of checkpoint sidecars, PROTOCOL.md "Sidecar Files". */
export const sidecarFolder = `${logFolder}/_sidecars`;

/** The hint that says where to start listing, PROTOCOL.md "Last Checkpoint File". */
export const lastCheckpointPath = `${logFolder}/_last_checkpoint`;

/** What the name of a file in the log says, PROTOCOL.md "File Types". */
export type LogFileName =
  | { readonly kind: "commit"; readonly version: number }
  | { readonly kind: "checksum"; readonly version: number }
  | { readonly kind: "compaction"; readonly version: number; readonly end: number }
  | { readonly kind: "checkpoint"; readonly version: number; readonly form: "classic" }
  | {
      readonly kind: "checkpoint";
      readonly version: number;
      readonly form: "part";
      readonly part: number;
      readonly parts: number;
    }
  | {
      readonly kind: "checkpoint";
      readonly version: number;
      readonly form: "uuid";
      readonly format: "json" | "parquet";
    };

/** `_delta_log/00000000000000000042.json` for 42. */
export function commitPath(version: number): string {
  return `${logFolder}/${padVersion(version)}.json`;
}

/** Name of the classic checkpoint of a version. PROTOCOL.md "Classic checkpoint". */
export function checkpointPath(version: number): string {
  return `${logFolder}/${padVersion(version)}.checkpoint.parquet`;
}

/** Name of a UUID-named checkpoint of a version, PROTOCOL.md "UUID-named checkpoint". */
export function uuidCheckpointPath(version: number, uuid: string, format: "json" | "parquet"): string {
  return `${logFolder}/${padVersion(version)}.checkpoint.${uuid}.${format}`;
}

/** Name of one part of a multi-part checkpoint; parts count from 1. PROTOCOL.md "Multi-part checkpoint". */
export function checkpointPartPath(version: number, part: number, parts: number): string {
  const pad = (value: number): string => String(value).padStart(10, "0");
  return `${logFolder}/${padVersion(version)}.checkpoint.${pad(part)}.${pad(parts)}.parquet`;
}

/** Name of the checksum file of a version. PROTOCOL.md "Version Checksum File". */
export function checksumPath(version: number): string {
  return `${logFolder}/${padVersion(version)}.crc`;
}

/**
 * Name of the log compaction of versions `from` to `to`, both inclusive. PROTOCOL.md "Log Compaction Files".
 */
export function compactionPath(from: number, to: number): string {
  return `${logFolder}/${padVersion(from)}.${padVersion(to)}.compacted.json`;
}

/** Twenty digits. */
export function padVersion(version: number): string {
  return String(version).padStart(20, "0");
}

/**
 * Parses the path of a file in the log; `undefined` for anything outside the protocol, including versions of
 * 2^53 and more.
 */
export function parseLogPath(path: string): LogFileName | undefined {
  const match = /^_delta_log\/(\d{20})\.(.+)$/s.exec(path);
  const [, digits = "", rest = ""] = match ?? [];
  const version = Number(digits);
  // No log can reach such a version, so the file is a stray that nothing needs.
  if (match === null || !Number.isSafeInteger(version)) return undefined;
  if (rest === "json") return { kind: "commit", version };
  if (rest === "crc") return { kind: "checksum", version };
  const compaction = /^(\d{20})\.compacted\.json$/.exec(rest);
  if (compaction !== null) {
    const end = Number(compaction[1]);
    return Number.isSafeInteger(end) && end > version ? { kind: "compaction", version, end } : undefined;
  }
  return rest.startsWith("checkpoint.")
    ? parseCheckpoint(rest.slice("checkpoint.".length), version)
    : undefined;
}

/** Whether a path is named like a file of the log with a version of 2^53 or more. */
export function isBeyondVersions(path: string): boolean {
  const match = /^_delta_log\/(\d{20})\.(?:(\d{20})\.compacted\.json$)?/.exec(path);
  return (
    match !== null &&
    !match.slice(1).every((digits) => digits === undefined || Number.isSafeInteger(Number(digits)))
  );
}

function parseCheckpoint(rest: string, version: number): LogFileName | undefined {
  if (rest === "parquet") return { kind: "checkpoint", version, form: "classic" };
  const part = /^(\d{10})\.(\d{10})\.parquet$/.exec(rest);
  if (part !== null) {
    const [number, parts] = [Number(part[1]), Number(part[2])];
    if (number < 1 || number > parts) return undefined;
    return { kind: "checkpoint", version, form: "part", part: number, parts };
  }
  const uuid = /^[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\.(json|parquet)$/.exec(rest);
  if (uuid === null) return undefined;
  return { kind: "checkpoint", version, form: "uuid", format: uuid[1] === "json" ? "json" : "parquet" };
}
