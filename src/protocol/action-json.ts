import { VarveError } from "../errors.ts";
import {
  isJsonObject,
  type JsonObject,
  type JsonValue,
  parseJson,
  parseRoundedJson,
  stringifyJson,
} from "../util/json.ts";
import type { Action, DeletionVectorDescriptor } from "./actions.ts";
import * as field from "./json-fields.ts";
import { longestLine, type TextPart, textParts, textPartsPaced } from "./text-lines.ts";

/**
 * Reads the actions of a commit, of a log compaction or of a JSON checkpoint: one JSON object a line
 * (PROTOCOL.md "Delta Log Entries").
 *
 * Unknown actions and unknown fields are dropped, blank lines skipped. `source` names the file in errors.
 *
 * @throws `LOG_CORRUPT` naming file and line for anything that is not a well-formed action; `LIMIT_EXCEEDED`
 * for a line beyond {@link longestLine}
 */
export function parseActions(bytes: Uint8Array, source: string): Action[] {
  const actions: Action[] = [];
  for (const part of textParts(bytes, source)) collectActions(part, source, actions);
  return actions;
}

/** Like {@link parseActions}, letting the event loop turn every few thousand lines. */
export async function readActions(bytes: Uint8Array, source: string): Promise<Action[]> {
  const actions: Action[] = [];
  for await (const part of textPartsPaced(bytes, source)) collectActions(part, source, actions);
  return actions;
}

function collectActions({ text, firstLine }: TextPart, source: string, into: Action[]): void {
  let number = firstLine;
  for (const line of text.split("\n")) {
    const action = parseActionLine(line, source, number++);
    if (action !== undefined) into.push(action);
  }
}

/** Reads one line; `undefined` for a blank line or an unknown action. @throws as {@link parseActions} */
export function parseActionLine(line: string, source: string, number: number): Action | undefined {
  if (line === "" || line.trim() === "") return undefined;
  const where = `${source}, line ${number}`;
  const value = parseText(line, where);
  if (!isJsonObject(value)) throw field.corrupt(where, "a line must be one JSON object");
  let action: Action | undefined;
  for (const [kind, body] of Object.entries(value)) {
    if (body === null) continue;
    const read = readers.get(kind);
    if (read === undefined) continue;
    if (action !== undefined)
      throw field.corrupt(where, `one line holds two actions, ${action.kind} and ${kind}`);
    if (!isJsonObject(body)) throw field.corrupt(where, `${kind} must be an object`);
    action = read(body, `${where}, ${kind}`);
  }
  return action;
}

/**
 * Reads one action from the JSON below its name, e.g. `actionFromJson("add", {path: …})`. @throws
 * `LOG_CORRUPT`, beginning with `where`
 */
export function actionFromJson<K extends Action["kind"]>(
  kind: K,
  body: JsonObject,
  where: string,
): Extract<Action, { kind: K }> {
  const action = readers.get(kind)?.(body, `${where}, ${kind}`);
  if (action === undefined || !isKind(action, kind))
    throw new TypeError(`varve internal error: no reader for ${kind}`);
  return action;
}

/**
 * Writes one action as a line of a commit, without the line end; the counterpart of {@link parseActionLine}.
 */
function serializeAction(action: Action): string {
  return stringifyJson(actionToJson(action));
}

/**
 * Writes actions as a commit file: one a line, each ended by a line feed.
 *
 * @throws `LIMIT_EXCEEDED` for an action whose line is longer than {@link longestLine}, which no reader would
 * accept
 */
export function serializeActions(actions: Iterable<Action>): Uint8Array {
  const encoder = new TextEncoder();
  const parts: Uint8Array[] = [];
  let text = "";
  for (const action of actions) {
    text += writtenLine(action);
    // One string cannot hold several million files.
    if (text.length < partLength) continue;
    parts.push(encoder.encode(text));
    text = "";
  }
  const rest = encoder.encode(text);
  return parts.length === 0 ? rest : Buffer.concat([...parts, rest]);
}

const partLength = 32 * 1024 * 1024;

function writtenLine(action: Action): string {
  const line = `${serializeAction(action)}\n`;
  const bytes = line.length * 3 <= longestLine ? 0 : Buffer.byteLength(line) - 1;
  if (bytes <= longestLine) return line;
  throw new VarveError(
    "LIMIT_EXCEEDED",
    `The action ${action.kind} has ${bytes} bytes; varve writes and reads lines of the log of up to ${longestLine} bytes. Nothing was committed. Shorten what it holds, such as user metadata, properties or comments of columns.`,
    { action: action.kind, bytes, limit: longestLine },
  );
}

/** The JSON of an action below its name, `{"add": {…}}`; absent fields stay absent. */
export function actionToJson(action: Action): JsonObject {
  if (action.kind === "commitInfo") return { commitInfo: action.info };
  const { kind, ...body } = action;
  return { [kind]: withoutUndefined(body) };
}

function parseText(line: string, where: string): JsonValue {
  try {
    // The engine's own parser is much faster, and for file actions exact but for the fields that say so
    // themselves.
    if (!fileLine.test(line)) return parseJson(line);
    const value = parseRoundedJson(line);
    return isJsonObject(value) && Object.values(value).some(lostDigits) ? parseJson(line) : value;
  } catch (error) {
    throw field.corrupt(where, `not JSON (${error instanceof Error ? error.message : String(error)})`, error);
  }
}

const fileLine = /^\{"(?:add|remove|cdc)":\{/;

function lostDigits(body: JsonValue | undefined): boolean {
  if (!isJsonObject(body)) return false;
  const { baseRowId, defaultRowCommitVersion, stats } = body;
  return isInexact(baseRowId) || isInexact(defaultRowCommitVersion) || isJsonObject(stats);
}

function isInexact(value: JsonValue | undefined): boolean {
  return typeof value === "number" && !Number.isSafeInteger(value);
}

function isKind<K extends Action["kind"]>(action: Action, kind: K): action is Extract<Action, { kind: K }> {
  return action.kind === kind;
}

function withoutUndefined(body: Readonly<Record<string, unknown>>): JsonObject {
  const kept: Record<string, JsonValue> = {};
  for (const [name, value] of Object.entries(body)) if (value !== undefined) kept[name] = value as JsonValue;
  return kept;
}

type Reader = (body: JsonObject, where: string) => Action;

const readers: ReadonlyMap<string, Reader> = new Map<string, Reader>([
  [
    "add",
    (body, where) => ({
      kind: "add",
      path: field.requiredPath(body, where),
      partitionValues: field.nullableTextMap(body, "partitionValues", where) ?? {},
      size: field.requiredCount(body, "size", where),
      // Required, but no reader needs it, and others take a missing one for 0.
      modificationTime: field.optionalTime(body, "modificationTime", where) ?? 0,
      dataChange: field.optionalBoolean(body, "dataChange", where) ?? true,
      ...field.present({
        stats: field.statsText(body, where),
        tags: field.nullableTextMap(body, "tags", where),
        deletionVector: deletionVector(body, where),
        baseRowId: field.optionalBigint(body, "baseRowId", where),
        defaultRowCommitVersion: field.optionalBigint(body, "defaultRowCommitVersion", where),
        clusteringProvider: field.optionalText(body, "clusteringProvider", where),
      }),
    }),
  ],
  [
    "remove",
    (body, where) => ({
      kind: "remove",
      path: field.requiredPath(body, where),
      dataChange: field.optionalBoolean(body, "dataChange", where) ?? true,
      ...field.present({
        deletionTimestamp: field.optionalTime(body, "deletionTimestamp", where),
        extendedFileMetadata: field.optionalBoolean(body, "extendedFileMetadata", where),
        partitionValues: field.nullableTextMap(body, "partitionValues", where),
        size: field.optionalInteger(body, "size", where),
        stats: field.statsText(body, where),
        tags: field.nullableTextMap(body, "tags", where),
        deletionVector: deletionVector(body, where),
        baseRowId: field.optionalBigint(body, "baseRowId", where),
        defaultRowCommitVersion: field.optionalBigint(body, "defaultRowCommitVersion", where),
      }),
    }),
  ],
  [
    "cdc",
    (body, where) => ({
      kind: "cdc",
      path: field.requiredPath(body, where),
      partitionValues: field.nullableTextMap(body, "partitionValues", where) ?? {},
      size: field.requiredCount(body, "size", where),
      dataChange: field.optionalBoolean(body, "dataChange", where) ?? false,
      ...field.present({ tags: field.nullableTextMap(body, "tags", where) }),
    }),
  ],
  [
    "metaData",
    (body, where) => ({
      kind: "metaData",
      id: field.requiredText(body, "id", where),
      format: format(body, where),
      // Tables without a schema exist (the reference implementation makes them in tests): they have no
      // columns.
      schemaString: field.optionalText(body, "schemaString", where) ?? emptySchema,
      partitionColumns: field.textList(body, "partitionColumns", where) ?? [],
      configuration: field.textMap(body, "configuration", where) ?? {},
      ...field.present({
        name: field.optionalText(body, "name", where),
        description: field.optionalText(body, "description", where),
        createdTime: field.optionalTime(body, "createdTime", where),
      }),
    }),
  ],
  [
    "protocol",
    (body, where) => ({
      kind: "protocol",
      minReaderVersion: field.requiredShortCount(body, "minReaderVersion", where),
      minWriterVersion: field.requiredShortCount(body, "minWriterVersion", where),
      ...field.present({
        readerFeatures: field.textList(body, "readerFeatures", where),
        writerFeatures: field.textList(body, "writerFeatures", where),
      }),
    }),
  ],
  [
    "txn",
    (body, where) => ({
      kind: "txn",
      appId: field.requiredText(body, "appId", where),
      version: field.requiredBigint(body, "version", where),
      ...field.present({ lastUpdated: field.optionalTime(body, "lastUpdated", where) }),
    }),
  ],
  [
    "domainMetadata",
    (body, where) => ({
      kind: "domainMetadata",
      domain: field.requiredText(body, "domain", where),
      configuration: field.optionalText(body, "configuration", where) ?? "",
      removed: field.optionalBoolean(body, "removed", where) ?? false,
    }),
  ],
  ["commitInfo", (info) => ({ kind: "commitInfo", info })],
  [
    "checkpointMetadata",
    (body, where) => ({
      kind: "checkpointMetadata",
      version: field.requiredCount(body, "version", where),
      ...field.present({ tags: field.nullableTextMap(body, "tags", where) }),
    }),
  ],
  [
    "sidecar",
    (body, where) => ({
      kind: "sidecar",
      path: field.requiredPath(body, where),
      sizeInBytes: field.requiredCount(body, "sizeInBytes", where),
      modificationTime: field.requiredInteger(body, "modificationTime", where),
    }),
  ],
]);

const emptySchema = '{"type":"struct","fields":[]}';

function format(
  body: JsonObject,
  where: string,
): { provider: string; options: Readonly<Record<string, string>> } {
  const value = body["format"];
  if (value === undefined || value === null) return { provider: "parquet", options: {} };
  if (!isJsonObject(value)) throw field.corrupt(where, "format must be an object");
  return {
    provider: field.optionalText(value, "provider", `${where}, format`) ?? "parquet",
    options: field.textMap(value, "options", `${where}, format`) ?? {},
  };
}

function deletionVector(body: JsonObject, where: string): DeletionVectorDescriptor | undefined {
  const value = body["deletionVector"];
  if (value === undefined || value === null) return undefined;
  const location = `${where}, deletionVector`;
  if (!isJsonObject(value)) throw field.corrupt(location, "must be an object");
  const storageType = field.requiredText(value, "storageType", location);
  if (storageType !== "u" && storageType !== "i" && storageType !== "p") {
    throw new VarveError(
      "LOG_CORRUPT",
      `${location}: storageType must be "u", "i" or "p", not ${JSON.stringify(storageType)}.`,
      { storageType },
    );
  }
  return {
    storageType,
    pathOrInlineDv: field.requiredText(value, "pathOrInlineDv", location),
    sizeInBytes: field.requiredShortCount(value, "sizeInBytes", location),
    cardinality: field.requiredCount(value, "cardinality", location),
    ...field.present({ offset: field.optionalShortCount(value, "offset", location) }),
  };
}
