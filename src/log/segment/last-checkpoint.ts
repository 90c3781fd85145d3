import { createHash } from "node:crypto";
import { isVarveError } from "../../errors.ts";
import type { ObjectStore, ReadOptions } from "../../storage/contract/object-store.ts";
import { isJsonObject, type JsonObject, type JsonValue, parseJson } from "../../util/json.ts";
import { lastCheckpointPath } from "./file-names.ts";

/**
 * Maximum size of a hint, which has a few numbers and perhaps the columns of the checkpoint; a longer one is
 * damaged.
 */
const mostHintBytes = 4 * 1024 * 1024;
/**
 * Maximum characters of a canonical form, in which each value repeats the names above it, so that deep values
 * multiply a hint's size.
 */
const mostCanonical = 16 * 1024 * 1024;

/**
 * The version that `_last_checkpoint` names, or `undefined` if it is missing, damaged or fails its own
 * checksum. PROTOCOL.md "Last Checkpoint File" and "Last Checkpoint File Schema".
 *
 * A hint never decides anything: the listing must show a checkpoint there.
 */
export async function readHint(store: ObjectStore, options: ReadOptions = {}): Promise<number | undefined> {
  let bytes: Uint8Array;
  try {
    bytes = await store.getRange(lastCheckpointPath, 0, mostHintBytes + 1, options);
  } catch (error) {
    if (isVarveError(error, "OBJECT_NOT_FOUND")) return undefined;
    throw error;
  }
  return parseHint(bytes);
}

/** Like {@link readHint}, from the file's bytes. */
export function parseHint(bytes: Uint8Array): number | undefined {
  if (bytes.length > mostHintBytes) return undefined;
  const value = parseQuietly(bytes);
  if (!isJsonObject(value)) return undefined;
  const { version, checksum } = value;
  if (typeof version !== "number" || !Number.isSafeInteger(version) || version < 0) return undefined;
  if (typeof checksum === "string" && checksum.toLowerCase() !== hintChecksum(value)) return undefined;
  return version;
}

/**
 * MD5 of the canonical form of a hint without its `checksum`, in hexadecimal (PROTOCOL.md "JSON checksum");
 * `undefined` as {@link canonicalHint}.
 */
export function hintChecksum(hint: JsonObject): string | undefined {
  const canonical = canonicalHint(hint);
  return canonical === undefined ? undefined : createHash("md5").update(canonical).digest("hex");
}

/**
 * The canonical form itself: `path=value` pairs, sorted by the bytes of their paths; `undefined` if it is so
 * long that the hint must be an attack.
 */
export function canonicalHint(hint: JsonObject): string | undefined {
  const pairs: [path: string, value: string][] = [];
  let left = mostCanonical;
  for (const [name, value] of Object.entries(hint)) {
    if (name === "checksum") continue;
    left = collect(canonicalText(name), value, pairs, left);
    if (left < 0) return undefined;
  }
  pairs.sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  return pairs.map(([path, value]) => `${path}=${value}`).join(",");
}

/** Returns the number of characters left; below 0, not everything was collected. */
function collect(
  path: string,
  value: JsonValue | undefined,
  pairs: [string, string][],
  limit: number,
): number {
  const inner = Array.isArray(value)
    ? value.entries()
    : isJsonObject(value)
      ? Object.entries(value)
      : undefined;
  if (inner === undefined) {
    const text = typeof value === "string" ? canonicalText(value) : String(value);
    pairs.push([path, text]);
    return limit - path.length - text.length;
  }
  let left = limit;
  for (const [step, item] of inner) {
    if (left < 0) return left;
    left = collect(`${path}+${typeof step === "number" ? step : canonicalText(step)}`, item, pairs, left);
  }
  return left;
}

function canonicalText(text: string): string {
  const escaped = text.replace(/[^A-Za-z0-9\-._~]+/gu, (characters) => {
    let encoded = "";
    for (const byte of new TextEncoder().encode(characters))
      encoded += `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
    return encoded;
  });
  return `"${escaped}"`;
}

function parseQuietly(bytes: Uint8Array): JsonValue | undefined {
  try {
    return parseJson(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    // A damaged hint counts as absent: the whole log is listed instead.
    return undefined;
  }
}
