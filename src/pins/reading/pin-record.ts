import { isVarveError, VarveError } from "../../errors.ts";
import type { TableContext } from "../../log/contract.ts";
import { commitPath } from "../../log/segment/file-names.ts";
import { isJsonObject, type JsonObject, type JsonValue, parseJson } from "../../util/json.ts";
import { pinFolder } from "./pin-name.ts";

/**
 * How a pin keeps its files. `files`: as links or copies of its own, which no vacuum of any program reaches.
 * `reference`: it names the table's, which costs nothing, and only varve's own vacuums spare them.
 */
export type PinKeep = "files" | "reference";

/** A version of a table that a name keeps. */
export interface Pin {
  readonly name: string;
  /** URI of the pin, which any Delta engine opens as a table. */
  readonly uri: string;
  /** The version that is pinned, and when it was committed. */
  readonly version: number;
  readonly timestamp: Date;
  readonly created: Date;
  readonly keep: PinKeep;
  readonly reason?: string | undefined;
  readonly owner?: string | undefined;
  /** When the pin may go. It stays until it is removed. */
  readonly expires?: Date | undefined;
  /** The run that reads the version, and the URI of its runs table (`spec/runs.md`). */
  readonly run?: { readonly id: string; readonly runs: string } | undefined;
  /** Id of the table, which another table in the same place does not have. */
  readonly tableId: string;
  /** Fingerprint of the version's state (`snapshot.fingerprint()`). */
  readonly fingerprint: string;
  /** Data files of the version, and their bytes. */
  readonly files: number;
  readonly bytes: number;
}

/** Bytes at the beginning of a commit that hold its first line, if that is no longer than others. */
const usualBytes = 32 * 1024;

/** What the pin's commit keeps in `commitInfo.pin`; spec/formats.md, "Pins". */
export function pinJson({ uri: _, timestamp, created, expires, ...pin }: Pin): JsonObject {
  const json: Record<string, JsonValue> = {};
  for (const [key, value] of Object.entries(pin)) if (value !== undefined) json[key] = value;
  json["timestamp"] = timestamp.toISOString();
  json["created"] = created.toISOString();
  if (expires !== undefined) json["expires"] = expires.toISOString();
  return json;
}

/**
 * Reads a pin from the first line of its commit; `undefined` if there is none of that name.
 *
 * @throws `LOG_CORRUPT` if the commit is not one of a pin
 */
export async function readPin({ store }: TableContext, name: string): Promise<Pin | undefined> {
  const path = `${pinFolder(name)}/${commitPath(0)}`;
  const bytes = await firstBytes(store, path);
  if (bytes === undefined) return undefined;
  const end = bytes.indexOf(lineEnd);
  const line = new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
  const pin = pinOf(line, name, `${store.uri.replace(/\/+$/, "")}/${pinFolder(name)}`);
  if (pin !== undefined) return pin;
  throw new VarveError(
    "LOG_CORRUPT",
    `The commit ${path} of ${store.uri} does not say what is pinned: it is damaged, or another program wrote it. Remove the pin ${name} and add it again.`,
    { path, store: store.uri, name },
  );
}

/** A commit's first line, with more behind it; `undefined` if there is none, or another process removes it meanwhile. */
async function firstBytes(store: TableContext["store"], path: string): Promise<Uint8Array | undefined> {
  const info = await store.head(path);
  if (info === undefined) return undefined;
  try {
    const bytes = await store.getRange(path, 0, usualBytes);
    return bytes.includes(lineEnd) || info.size <= bytes.length ? bytes : await store.get(path);
  } catch (error) {
    if (isVarveError(error, "OBJECT_NOT_FOUND")) return undefined;
    throw error;
  }
}

/** Like {@link readPin}; `undefined` also if the commit is damaged. */
export async function soundPin(context: TableContext, name: string): Promise<Pin | undefined> {
  try {
    return await readPin(context, name);
  } catch (error) {
    if (isVarveError(error, "LOG_CORRUPT")) return undefined;
    throw error;
  }
}

const lineEnd = "\n".charCodeAt(0);

function pinOf(line: string, name: string, uri: string): Pin | undefined {
  let json: JsonValue;
  try {
    json = parseJson(line);
  } catch {
    return undefined;
  }
  const info = isJsonObject(json) ? json["commitInfo"] : undefined;
  const pin = isJsonObject(info) ? info["pin"] : undefined;
  if (!isJsonObject(pin)) return undefined;
  const [version, files, bytes] = [pin["version"], pin["files"], pin["bytes"]].map(countOf);
  const [timestamp, created] = [pin["timestamp"], pin["created"]].map(dateOf);
  const tableId = textOf(pin["tableId"]);
  if (version === undefined || files === undefined || bytes === undefined) return undefined;
  const fingerprint = textOf(pin["fingerprint"]);
  if (timestamp === undefined || created === undefined) return undefined;
  if (tableId === undefined || fingerprint === undefined) return undefined;
  const { keep = "files", reason, owner, expires } = pin;
  if (keep !== "files" && keep !== "reference") return undefined;
  return {
    name,
    uri,
    version,
    timestamp,
    created,
    keep,
    reason: textOf(reason),
    owner: textOf(owner),
    expires: dateOf(expires),
    run: runOf(pin["run"]),
    tableId,
    fingerprint,
    files,
    bytes,
  };
}

function countOf(value: JsonValue | undefined): number | undefined {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}

function textOf(value: JsonValue | undefined): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function runOf(value: JsonValue | undefined): Pin["run"] {
  if (!isJsonObject(value)) return undefined;
  const [id, runs] = [textOf(value["id"]), textOf(value["runs"])];
  return id === undefined || runs === undefined ? undefined : { id, runs };
}

function dateOf(value: JsonValue | undefined): Date | undefined {
  const date = new Date(typeof value === "string" ? value : Number.NaN);
  return Number.isNaN(date.getTime()) ? undefined : date;
}
