import { hash } from "node:crypto";
import stableStringify from "fast-json-stable-stringify";
import { VarveError } from "../errors.ts";
import { isPinName } from "../pins/reading/pin-name.ts";
import {
  isJsonObject,
  type JsonObject,
  type JsonValue,
  nestsWithin,
  parseJson,
  stringifyJson,
} from "../util/json.ts";
import type { Leakage, LeakageChecks } from "./leakage.ts";
import { requireSplit, type TrainingSplit } from "./split.ts";

/** A version of a table that a training set reads. */
export interface TrainingInput {
  /** Its name in the query. */
  readonly name: string;
  /** URI of the table. */
  readonly table: string;
  /** Id of the table, which another table in the same place does not have. */
  readonly tableId: string;
  readonly version: number;
  /** The pin that keeps the version. */
  readonly pin: string;
  /** Fingerprint of the version's state (`snapshot.fingerprint()`). */
  readonly fingerprint: string;
}

/** An input whose latest known rows are joined with each row of the query, as by `pointInTime()`. */
export interface TrainingFeature {
  /** Name of the input. */
  readonly input: string;
  readonly eventTime: string;
  /** The feature's key columns by those of the query. */
  readonly keys: Readonly<Record<string, string>>;
  /** Microseconds, in decimal digits. */
  readonly ttl?: string | undefined;
  readonly columns?: readonly string[] | undefined;
  readonly prefix?: string | undefined;
  readonly tieBreak?: readonly string[] | undefined;
}

/** What a training set is made of: everything that decides which rows it has. */
export interface TrainingDefinition {
  readonly sql: string;
  readonly join?: { readonly time: string; readonly features: readonly TrainingFeature[] } | undefined;
  readonly split?: TrainingSplit | undefined;
  readonly checks: LeakageChecks;
}

/** A part of a training set. */
export interface TrainingPart {
  readonly name: string;
  readonly rows: number;
  /** `varve-content-1:…` of its rows (spec/fingerprints.md). */
  readonly fingerprint: string;
}

/** A training set as its record keeps it: JSON, from which alone it can be created again. */
export interface TrainingSetRecord extends TrainingDefinition {
  readonly format: "varve-training-set-1";
  readonly name: string;
  /** When it was created, in ISO 8601. */
  readonly created: string;
  readonly inputs: readonly TrainingInput[];
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  readonly rows: number;
  /** Of all rows. */
  readonly fingerprint: string;
  readonly parts: readonly TrainingPart[];
  /** What the checks counted. */
  readonly leakage: readonly Omit<Leakage, "examples">[];
  /** Version of the engine that computed the rows. */
  readonly engine: string;
  /** SHA-256 of the canonical JSON of everything else. */
  readonly digest: string;
}

export const recordFormat = "varve-training-set-1";

/** Completes a record with its digest. */
export function withDigest(record: Omit<TrainingSetRecord, "digest">): TrainingSetRecord {
  return { ...record, digest: digestOf(record) };
}

function digestOf(record: object): string {
  // Members that are undefined are not in JSON, and numbers beyond 2^53 in none of these records.
  const text = JSON.stringify(record, (_, value: unknown) =>
    typeof value === "bigint" ? String(value) : value,
  );
  const { digest: _, ...rest } = JSON.parse(text) as Record<string, unknown>;
  return `sha256:${hash("sha256", stableStringify(rest), "hex")}`;
}

const mostBytes = 16 * 2 ** 20;
const mostLevels = 100;

/** @throws `TRAINING_SET_INVALID` for what is too long to be a record */
export function requireRecordSize(bytes: number): void {
  if (bytes > mostBytes) throw invalid("it is longer than 16 MiB");
}

/** Reads the JSON of a record, which may come from anywhere. @throws `TRAINING_SET_INVALID` */
export function parseTrainingSetRecord(text: string): TrainingSetRecord {
  requireRecordSize(Buffer.byteLength(text));
  let json: JsonValue;
  try {
    json = parseJson(text);
  } catch {
    throw invalid("it is not JSON");
  }
  return trainingSetRecord(json);
}

/** Checks a record, which may come from anywhere. @throws `TRAINING_SET_INVALID` */
export function trainingSetRecord(value: unknown): TrainingSetRecord {
  const json = member(value, "object", "the record");
  if (!nestsWithin(json, mostLevels)) throw invalid(`it nests more than ${mostLevels} deep`);
  if (json["format"] !== recordFormat)
    throw invalid(
      `its format is ${stringifyJson(json["format"] ?? null).slice(0, 100)} and not ${recordFormat}`,
    );
  text(json, "name");
  if (!isPinName(String(json["name"]))) throw invalid("its name is no name");
  for (const key of ["created", "sql", "fingerprint", "engine", "digest"]) text(json, key);
  count(json, "rows");
  for (const input of list(json, "inputs")) {
    for (const key of ["name", "table", "tableId", "pin", "fingerprint"]) text(input, key);
    count(input, "version");
  }
  for (const column of list(json, "columns")) for (const key of ["name", "type"]) text(column, key);
  for (const part of list(json, "parts")) {
    for (const key of ["name", "fingerprint"]) text(part, key);
    count(part, "rows");
  }
  for (const found of list(json, "leakage")) {
    text(found, "kind");
    texts(found, "columns");
    count(found, "count");
  }
  checkJoin(json["join"]);
  checkChecks(member(json["checks"], "object", "checks"));
  checkSplit(json["split"]);
  if (digestOf(json) !== json["digest"])
    throw invalid(
      "its digest is not that of its content: it was changed or cut. Use the file as it was written",
    );
  return json as unknown as TrainingSetRecord;
}

function checkSplit(value: JsonValue | undefined): void {
  if (value === undefined) return;
  const split = member(value, "object", "split");
  texts(split, "key");
  text(split, "seed");
  const shares = member(split["shares"], "object", "shares");
  try {
    requireSplit({
      key: texts(split, "key"),
      seed: String(split["seed"]),
      shares: shares as Record<string, number>,
    });
  } catch (error) {
    throw invalid(error instanceof VarveError ? `of its split: ${error.message}` : "of its split", error);
  }
}

function checkJoin(value: JsonValue | undefined): void {
  if (value === undefined) return;
  const join = member(value, "object", "join");
  text(join, "time");
  for (const feature of list(join, "features")) {
    for (const key of ["input", "eventTime"]) text(feature, key);
    const keys = member(feature["keys"], "object", "keys");
    for (const key of Object.keys(keys)) text(keys, key);
    for (const key of ["columns", "tieBreak"]) if (feature[key] !== undefined) texts(feature, key);
    for (const key of ["ttl", "prefix"]) if (feature[key] !== undefined) text(feature, key);
    if (feature["ttl"] !== undefined && !/^\d{1,20}$/.test(String(feature["ttl"])))
      throw invalid("a ttl is no whole number of microseconds");
  }
}

function checkChecks(checks: JsonObject): void {
  const { groups = [], duplicates = true, labelTime, eventTimes } = checks;
  if (!Array.isArray(groups)) throw invalid("groups are no array");
  for (const group of groups) texts({ group }, "group");
  if (duplicates !== true) texts(checks, "duplicates");
  if (labelTime !== undefined) text(checks, "labelTime");
  if (eventTimes !== undefined) texts(checks, "eventTimes");
}

function member(value: unknown, kind: "object", what: string): JsonObject {
  if (isJsonObject(value as JsonValue)) return value as JsonObject;
  throw invalid(`${what} is no ${kind}`);
}

function text(json: JsonObject, key: string): void {
  if (typeof json[key] !== "string") throw invalid(`${key} is no text`);
}

function count(json: JsonObject, key: string): void {
  const value = json[key];
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0)
    throw invalid(`${key} is no whole number`);
}

function list(json: JsonObject, key: string): JsonObject[] {
  const value = json[key];
  if (!Array.isArray(value)) throw invalid(`${key} is no array`);
  return value.map((item) => member(item, "object", `an item of ${key}`));
}

function texts(json: JsonObject, key: string): string[] {
  const value = json[key];
  if (!Array.isArray(value) || !value.every((item) => typeof item === "string"))
    throw invalid(`${key} is no array of texts`);
  return value as string[];
}

function invalid(why: string, cause?: unknown): VarveError {
  return new VarveError("TRAINING_SET_INVALID", `Not the record of a training set: ${why}.`, { why }, cause);
}
