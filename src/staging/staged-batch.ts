import { createHash } from "node:crypto";
import stableStringify from "fast-json-stable-stringify";
import { isVarveError, VarveError } from "../errors.ts";
import type { LogSnapshot, TableContext } from "../log/contract.ts";
import { memoryFiles } from "../log/replay/memory-files.ts";
import { fileKeyer } from "../log/segment/file-key.ts";
import { parseActions, serializeActions } from "../protocol/action-json.ts";
import type { AddAction, MetadataAction, ProtocolAction } from "../protocol/actions.ts";
import type { SuiteJson } from "../quality/model/suite.ts";
import { foldName, parseSchema } from "../schema/schema-json.ts";
import type { StructType } from "../schema/types.ts";
import { mapBounded } from "../util/concurrency.ts";
import { defined } from "../util/defined.ts";
import { isJsonObject, type JsonObject, parseJson, stringifyJson, toJsonValue } from "../util/json.ts";
import { misfitsJson, misfitsOf, type StagedMisfits } from "./staged-misfits.ts";

/**
 * Folder below a table that holds the records of its staged batches; other engines ignore folders that begin
 * with an underscore.
 */
export const stagedFolder = "_staged";

/**
 * A batch whose data files are in the table's folder but not part of any version (`spec/quality-formats.md`).
 */
export interface StagedBatch {
  readonly id: string;
  /** `id` of the table's metadata. */
  readonly tableId: string;
  /** Version that the batch was staged on. */
  readonly baseVersion: number;
  /** Milliseconds since 1970-01-01 UTC. */
  readonly stagedAt: number;
  /** Number of rows in the files. */
  readonly rows: number;
  readonly bytes: number;
  /** Rows that do not fit the table and will go into the quarantine. */
  readonly misfits?: StagedMisfits | undefined;
  /** Tests given to `stage`, in addition to those that the table carries. */
  readonly suite?: SuiteJson | undefined;
  readonly mergeSchema: boolean;
  readonly upgradeProtocol: boolean;
  readonly userMetadata?: string | undefined;
  /** What the files were written for: see {@link layoutOf}. */
  readonly layout: string;
  /** The table's own schema, plus the columns that the batch merges in. */
  readonly protocol: ProtocolAction;
  readonly metadata: MetadataAction;
  readonly files: readonly AddAction[];
}

/** Result of an audit, for a later publication or one by another process. */
export interface StagedAudit {
  /** Version of the table that the rows were compared with. */
  readonly version: number;
  /**
   * Fingerprint of all tests together: the table's suite, the one given to `stage` and that of the audit;
   * `null` without tests.
   */
  readonly fingerprint: string | null;
  /** Tests of the audit, in addition to the others. */
  readonly suite?: SuiteJson | undefined;
  readonly accepted: boolean;
  /** Whether every row may be published as it is: none is set aside, repaired or tagged. */
  readonly untouched: boolean;
  readonly comparesWithTable: boolean;
  /** Verdict as in `commitInfo.gate` (`spec/formats.md`); absent without tests. */
  readonly gate?: JsonObject | undefined;
}

/** Whether a batch is being published or discarded; absent if neither. */
export type StagedEnd = "publish" | "discard";

/** Validates an id, which must be usable in a file name. @throws `INVALID_ARGUMENT` */
export function checkStagedId(id: string): string {
  if (typeof id === "string" && isStagedId(id)) return id;
  throw new VarveError(
    "INVALID_ARGUMENT",
    `Invalid id ${JSON.stringify(id)} for a staged batch: use up to 100 letters, digits, dots, dashes and underscores.`,
    { id },
  );
}

function isStagedId(id: string): boolean {
  return /^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$/.test(id) && !/\.(audit|end)$/.test(id);
}

/**
 * Fingerprint of what data files depend on: the protocol, the columns, the partitioning and every property
 * that is not varve's own.
 */
export function layoutOf(
  protocol: ProtocolAction,
  { schemaString, partitionColumns, configuration }: MetadataAction,
): string {
  const properties = Object.fromEntries(
    Object.entries(configuration).filter(([name]) => !name.startsWith("varve.")),
  );
  return createHash("sha256")
    .update(stableStringify({ protocol, schemaString, partitionColumns, properties }))
    .digest("hex");
}

/**
 * Writes a batch's record; from then on the batch is staged. @throws `STAGED_INVALID` if another batch has
 * the id
 */
export async function writeStaged(context: TableContext, batch: StagedBatch): Promise<void> {
  const { protocol, metadata, files, misfits, ...rest } = batch;
  const suite = rest.suite === undefined ? null : plain(rest.suite);
  const head = `${stringifyJson({ staged: defined({ ...rest, suite, misfits: misfits && misfitsJson(misfits) }) })}\n`;
  const bytes = Buffer.concat([Buffer.from(head), serializeActions([protocol, metadata, ...files])]);
  const outcome = await context.store.putIfAbsent(recordPath(batch.id), bytes);
  if (outcome === "created") return;
  const stored = outcome === "unknown" ? await readObject(context, recordPath(batch.id)) : undefined;
  if (stored !== undefined && Buffer.compare(stored, bytes) === 0) return;
  throw new VarveError(
    outcome === "unknown" && stored === undefined ? "STORE_UNAVAILABLE" : "STAGED_INVALID",
    outcome === "unknown" && stored === undefined
      ? `The store gave no definite answer when it wrote the record of the staged batch ${batch.id}. Nothing is staged; retry.`
      : `A staged batch ${batch.id} already exists. Publish or discard it, or use another id.`,
    { id: batch.id },
  );
}

/**
 * A staged batch, or `undefined` if there is none with that id (any more). @throws `STAGED_INVALID` for a
 * corrupt record
 */
export async function readStaged(context: TableContext, id: string): Promise<StagedBatch | undefined> {
  const path = recordPath(checkStagedId(id));
  const bytes = await readObject(context, path);
  if (bytes === undefined) return undefined;
  try {
    const end = bytes.indexOf(10);
    const head = parseJson(new TextDecoder().decode(bytes.subarray(0, end)));
    const about = isJsonObject(head) ? head["staged"] : undefined;
    const actions = parseActions(bytes.subarray(end + 1), path);
    const protocol = actions.find((action) => action.kind === "protocol");
    const metadata = actions.find((action) => action.kind === "metaData");
    if (!isJsonObject(about) || protocol === undefined || metadata === undefined)
      throw new TypeError("a part is missing");
    return {
      ...headOf(about, id),
      protocol,
      metadata,
      files: actions.filter((action) => action.kind === "add"),
    };
  } catch (error) {
    throw new VarveError(
      "STAGED_INVALID",
      `Cannot read the record ${path} of a staged batch: ${String(error)}. Discard the batch and stage it again.`,
      { id, path },
      error,
    );
  }
}

/** A staged batch. @throws `STAGED_INVALID` if there is no batch with that id */
export async function requireStaged(context: TableContext, id: string): Promise<StagedBatch> {
  const batch = await readStaged(context, id);
  if (batch !== undefined) return batch;
  throw new VarveError(
    "STAGED_INVALID",
    `Unknown staged batch ${id} of ${context.store.uri}. List the staged batches.`,
    {
      id,
    },
  );
}

/** All staged batches of a table, oldest first; records that cannot be read are left out. */
export async function listStaged(context: TableContext): Promise<StagedBatch[]> {
  const batches = await mapBounded(await stagedIds(context), 8, async (id) => {
    try {
      return await readStaged(context, id);
    } catch (error) {
      if (isVarveError(error, "STAGED_INVALID")) return undefined;
      throw error;
    }
  });
  return batches.filter((batch) => batch !== undefined).sort((a, b) => a.stagedAt - b.stagedAt);
}

/** Ids of all records; other files of the folder belong to somebody else. */
async function stagedIds(context: TableContext): Promise<string[]> {
  const ids: string[] = [];
  for await (const { path } of context.store.list(`${stagedFolder}/`)) {
    const id = /^_staged\/(.+)\.json$/.exec(path)?.[1];
    if (id !== undefined && isStagedId(id)) ids.push(id);
  }
  return ids;
}

/**
 * The rows of a staged batch as a version of a table, so that everything that reads versions can read them.
 *
 * @param without name of a column to leave out
 */
export function stagedSnapshot(context: TableContext, batch: StagedBatch, without?: string): LogSnapshot {
  const { protocol, metadata } = batch;
  const whole = parseSchema(metadata.schemaString);
  const keyOf = fileKeyer(context.store.uri);
  const files = memoryFiles(new Map(batch.files.map((file) => [keyOf(file), file])), new Map(), {
    protocol,
    metadata,
    schema: whole,
  });
  const schema: StructType =
    without === undefined
      ? whole
      : { ...whole, fields: whole.fields.filter((field) => foldName(field.name) !== foldName(without)) };
  return {
    context,
    version: batch.baseVersion,
    timestamp: batch.stagedAt,
    protocol,
    metadata,
    schema,
    readObstacle: undefined,
    confirm: async () => undefined,
    appTransactions: async () => new Map(),
    domainMetadata: async () => new Map(),
    files: async () => files,
  };
}

/** Stores the result of an audit, which replaces that of the previous one. */
export async function writeAudit(context: TableContext, id: string, audit: StagedAudit): Promise<void> {
  const { suite, gate, ...rest } = audit;
  const json: JsonObject = defined({ ...rest, suite: suite && plain(suite), gate });
  await context.store.put(auditPath(id), Buffer.from(stringifyJson(json)));
}

/**
 * Result of the last audit; `undefined` if there was none, or it is corrupt, so that another audit is needed.
 */
export async function readAudit(context: TableContext, id: string): Promise<StagedAudit | undefined> {
  const bytes = await readObject(context, auditPath(id));
  if (bytes === undefined) return undefined;
  try {
    const json = parseJson(new TextDecoder().decode(bytes));
    if (!isJsonObject(json) || typeof json["version"] !== "number") return undefined;
    const { suite, gate, fingerprint } = json;
    return {
      version: json["version"],
      fingerprint: typeof fingerprint === "string" ? fingerprint : null,
      accepted: json["accepted"] === true,
      untouched: json["untouched"] === true,
      comparesWithTable: json["comparesWithTable"] !== false,
      suite: isJsonObject(suite) ? suiteOf(suite) : undefined,
      gate: isJsonObject(gate) ? gate : undefined,
    };
  } catch {
    return undefined;
  }
}

/**
 * Claims the end of a batch, publication or discard; the first claim decides, because both at once would
 * commit files that are being deleted.
 *
 * @returns what was decided
 * @throws `STORE_UNAVAILABLE` if that cannot be determined
 */
export async function claimEnd(context: TableContext, id: string, end: StagedEnd): Promise<StagedEnd> {
  const outcome = await context.store.putIfAbsent(endPath(id), Buffer.from(stringifyJson({ end })));
  if (outcome === "created") return end;
  const decided = await readEnd(context, id);
  if (decided !== undefined) return decided;
  throw new VarveError(
    "STORE_UNAVAILABLE",
    `The store gave no definite answer when it ended the staged batch ${id}. Nothing was published or discarded; retry.`,
    { id },
  );
}

/** The decision about a batch. */
export async function readEnd(context: TableContext, id: string): Promise<StagedEnd | undefined> {
  const bytes = await readObject(context, endPath(id));
  if (bytes === undefined) return undefined;
  return new TextDecoder().decode(bytes).includes("discard") ? "discard" : "publish";
}

/** Whether a record exists for an id, even a corrupt one. */
export async function isKnown(context: TableContext, id: string): Promise<boolean> {
  const objects = await Promise.all([recordPath(id), endPath(id)].map((path) => context.store.head(path)));
  return objects.some((object) => object !== undefined);
}

/**
 * Removes what is stored about a batch, in an order in which a failed removal leaves the batch listed, so
 * that publishing or discarding it again removes the rest. The caller removes its data files; the file of
 * non-conforming rows is removed here.
 *
 * @param keepClaim keep the decision about the batch, because a publication that has begun may still commit
 * its files
 */
export async function forgetStaged(
  context: TableContext,
  id: string,
  { keepClaim = false }: { readonly keepClaim?: boolean | undefined } = {},
): Promise<void> {
  const prefix = `${stagedFolder}/${id}.`;
  for await (const { path } of context.store.list(prefix)) {
    if (/^[0-9a-f-]{36}\.misfits\.parquet$/.test(path.slice(prefix.length))) await context.store.delete(path);
  }
  await context.store.delete(auditPath(id));
  await context.store.delete(recordPath(id));
  if (!keepClaim) await context.store.delete(endPath(id));
}

/** A new file name for the rows of a batch that do not fit the table. */
export function misfitsPath(context: TableContext, id: string): string {
  return `${stagedFolder}/${id}.${context.world.uuid()}.misfits.parquet`;
}

function headOf(about: JsonObject, id: string): Omit<StagedBatch, "protocol" | "metadata" | "files"> {
  const { tableId, baseVersion, stagedAt, rows, bytes, layout, suite, userMetadata } = about;
  const misfits = misfitsOf(about["misfits"]);
  if (typeof tableId !== "string" || typeof layout !== "string")
    throw new TypeError("tableId and layout must be text");
  const [version, time, count, size] = [baseVersion, stagedAt, rows, bytes].map((value) => {
    if (typeof value !== "number")
      throw new TypeError("baseVersion, stagedAt, rows and bytes must be numbers");
    return value;
  });
  return {
    id,
    tableId,
    baseVersion: version ?? 0,
    stagedAt: time ?? 0,
    rows: count ?? 0,
    bytes: size ?? 0,
    layout,
    mergeSchema: about["mergeSchema"] === true,
    upgradeProtocol: about["upgradeProtocol"] === true,
    suite: isJsonObject(suite) ? suiteOf(suite) : undefined,
    misfits,
    userMetadata: typeof userMetadata === "string" ? userMetadata : undefined,
  };
}

/** A suite stored as JSON; it is validated when it is run. */
function suiteOf(json: JsonObject): SuiteJson {
  const { checks, ...rest } = json;
  return { ...rest, checks: Array.isArray(checks) ? checks : [] };
}

function plain(suite: SuiteJson): JsonObject {
  const json = toJsonValue(suite);
  return isJsonObject(json) ? json : {};
}

async function readObject(context: TableContext, path: string): Promise<Uint8Array | undefined> {
  try {
    return await context.store.get(path);
  } catch (error) {
    if (isVarveError(error, "OBJECT_NOT_FOUND")) return undefined;
    throw error;
  }
}

const recordPath = (id: string): string => `${stagedFolder}/${id}.json`;
const auditPath = (id: string): string => `${stagedFolder}/${id}.audit.json`;
const endPath = (id: string): string => `${stagedFolder}/${id}.end.json`;
