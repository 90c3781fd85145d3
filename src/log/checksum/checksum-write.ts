import { isVarveError } from "../../errors.ts";
import { actionFromJson, actionToJson } from "../../protocol/action-json.ts";
import type {
  Action,
  DomainMetadataAction,
  MetadataAction,
  ProtocolAction,
  TxnAction,
} from "../../protocol/actions.ts";
import { propertyOf } from "../../protocol/properties.ts";
import { longestLine } from "../../protocol/text-lines.ts";
import type { ReadOptions } from "../../storage/contract/object-store.ts";
import { defined } from "../../util/defined.ts";
import { isJsonObject, type JsonObject, type JsonValue, parseJson, stringifyJson } from "../../util/json.ts";
import type { LogSnapshot, TableContext } from "../contract.ts";
import { checksumPath } from "../segment/file-names.ts";

/**
 * What a version's checksum file says (PROTOCOL.md "Version Checksum File Schema"), as far as varve writes
 * it.
 */
export interface VersionChecksum {
  readonly version: number;
  readonly txnId?: string | undefined;
  readonly tableSizeBytes: number;
  readonly numFiles: number;
  readonly inCommitTimestamp?: number | undefined;
  /** Absent if not all of them are known. */
  readonly setTransactions?: ReadonlyMap<string, TxnAction> | undefined;
  readonly domainMetadata?: ReadonlyMap<string, DomainMetadataAction> | undefined;
  readonly metadata: MetadataAction;
  readonly protocol: ProtocolAction;
}

/** Maximum length of a checksum file, that of a line of the log; a longer one is ignored. */
const mostChecksumBytes = longestLine;

/** Reads a checksum on which a later one can be based; `undefined` if there is none or it cannot be used. */
export async function readChecksumBase(
  context: TableContext,
  version: number,
  options: ReadOptions = {},
): Promise<VersionChecksum | undefined> {
  let bytes: Uint8Array;
  try {
    bytes = await context.store.getRange(checksumPath(version), 0, mostChecksumBytes + 1, options);
  } catch (error) {
    if (isVarveError(error, "OBJECT_NOT_FOUND")) return undefined;
    throw error;
  }
  return bytes.length > mostChecksumBytes ? undefined : parseChecksum(bytes, version);
}

/** Computes the checksum of a snapshot from its full list of files. */
export async function checksumOf(snapshot: LogSnapshot): Promise<VersionChecksum> {
  const { files, bytes } = await (await snapshot.files({ ignoreFeatures: true })).totals();
  return {
    version: snapshot.version,
    tableSizeBytes: bytes,
    numFiles: files,
    inCommitTimestamp: isStamped(snapshot.metadata) ? snapshot.timestamp : undefined,
    setTransactions: await snapshot.appTransactions(),
    domainMetadata: await snapshot.domainMetadata(),
    metadata: snapshot.metadata,
    protocol: snapshot.protocol,
  };
}

/**
 * The checksum after one more commit, from its actions alone; `undefined` if they do not suffice: a removed
 * file of unknown size, or files that are committed again and may be in the table already. PROTOCOL.md
 * "Version Checksum File": the checksum of the next version from the last one.
 */
export function foldChecksum(
  before: VersionChecksum | undefined,
  version: number,
  actions: readonly Action[],
): VersionChecksum | undefined {
  const start = before ?? emptyBefore(version, actions);
  if (start === undefined || start.version !== version - 1) return undefined;
  const change = fileChange(actions);
  if (change === undefined) return undefined;
  let { metadata, protocol } = start;
  for (const action of actions) {
    if (action.kind === "metaData") metadata = action;
    else if (action.kind === "protocol") protocol = action;
  }
  const info = commitInfoFields(actions);
  const txns = foldMap(start.setTransactions, actions, "txn", (action) => action.appId);
  const domains = foldMap(start.domainMetadata, actions, "domainMetadata", (action) => action.domain);
  return {
    version,
    ...info,
    tableSizeBytes: start.tableSizeBytes + change.bytes,
    numFiles: start.numFiles + change.files,
    setTransactions: txns,
    domainMetadata:
      domains === undefined ? undefined : new Map([...domains].filter(([, { removed }]) => !removed)),
    metadata,
    protocol,
  };
}

/**
 * Writes a version's checksum unless there is one, because writers must not replace it. Returns whether it
 * was written.
 */
export async function writeChecksum(context: TableContext, checksum: VersionChecksum): Promise<boolean> {
  const bytes = new TextEncoder().encode(stringifyJson(checksumJson(checksum)));
  return (await context.store.putIfAbsent(checksumPath(checksum.version), bytes)) === "created";
}

/** The one JSON object of a checksum file. */
function checksumJson(checksum: VersionChecksum): JsonObject {
  const body = (action: Action): JsonValue => actionToJson(action)[action.kind] ?? null;
  return defined({
    txnId: checksum.txnId,
    tableSizeBytes: checksum.tableSizeBytes,
    numFiles: checksum.numFiles,
    numMetadata: 1,
    numProtocol: 1,
    inCommitTimestampOpt: checksum.inCommitTimestamp,
    setTransactions:
      checksum.setTransactions === undefined ? undefined : [...checksum.setTransactions.values()].map(body),
    domainMetadata:
      checksum.domainMetadata === undefined ? undefined : [...checksum.domainMetadata.values()].map(body),
    metadata: body(checksum.metadata),
    protocol: body(checksum.protocol),
  });
}

function parseChecksum(bytes: Uint8Array, version: number): VersionChecksum | undefined {
  try {
    const value = parseJson(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    if (!isJsonObject(value)) return undefined;
    const { tableSizeBytes, numFiles, metadata, protocol } = value;
    if (!isCount(tableSizeBytes) || !isCount(numFiles) || !isJsonObject(metadata) || !isJsonObject(protocol))
      return undefined;
    const where = checksumPath(version);
    const list = <K extends "txn" | "domainMetadata">(field: string, kind: K) => {
      const items = value[field];
      return Array.isArray(items)
        ? items.filter(isJsonObject).map((item) => actionFromJson(kind, item, where))
        : undefined;
    };
    const txns = list("setTransactions", "txn");
    const domains = list("domainMetadata", "domainMetadata");
    return {
      version,
      tableSizeBytes,
      numFiles,
      setTransactions: txns === undefined ? undefined : new Map(txns.map((txn) => [txn.appId, txn])),
      domainMetadata:
        domains === undefined ? undefined : new Map(domains.map((domain) => [domain.domain, domain])),
      metadata: actionFromJson("metaData", metadata, where),
      protocol: actionFromJson("protocol", protocol, where),
    };
  } catch {
    // A damaged checksum counts as absent: the chain starts again at the next checkpoint.
    return undefined;
  }
}

function isCount(value: JsonValue | undefined): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function emptyBefore(version: number, actions: readonly Action[]): VersionChecksum | undefined {
  const metadata = actions.find((action) => action.kind === "metaData");
  const protocol = actions.find((action) => action.kind === "protocol");
  if (version !== 0 || metadata === undefined || protocol === undefined) return undefined;
  return {
    version: -1,
    tableSizeBytes: 0,
    numFiles: 0,
    setTransactions: new Map(),
    domainMetadata: new Map(),
    metadata,
    protocol,
  };
}

/** How a commit changes the number and size of files; `undefined` if its actions do not suffice. */
function fileChange(actions: readonly Action[]): { files: number; bytes: number } | undefined {
  let files = 0;
  let bytes = 0;
  const removes = actions.some((action) => action.kind === "remove");
  for (const action of actions) {
    if (action.kind === "add") {
      if (!action.dataChange && !removes) return undefined;
      files++;
      bytes += action.size;
    } else if (action.kind === "remove") {
      if (action.size === undefined) return undefined;
      files--;
      bytes -= action.size;
    }
  }
  return { files, bytes };
}

function commitInfoFields(actions: readonly Action[]): Pick<VersionChecksum, "txnId" | "inCommitTimestamp"> {
  const info = actions.find((action) => action.kind === "commitInfo")?.info;
  const txnId = info?.["txnId"];
  const stamp = info?.["inCommitTimestamp"];
  return {
    txnId: typeof txnId === "string" ? txnId : undefined,
    inCommitTimestamp: typeof stamp === "number" ? stamp : undefined,
  };
}

function foldMap<K extends "txn" | "domainMetadata">(
  before: ReadonlyMap<string, Extract<Action, { kind: K }>> | undefined,
  actions: readonly Action[],
  kind: K,
  key: (action: Extract<Action, { kind: K }>) => string,
): ReadonlyMap<string, Extract<Action, { kind: K }>> | undefined {
  if (before === undefined) return undefined;
  const isKind = (action: Action): action is Extract<Action, { kind: K }> => action.kind === kind;
  const matching = actions.filter(isKind);
  return matching.length === 0
    ? before
    : new Map([
        ...before,
        ...matching.map((action): [string, Extract<Action, { kind: K }>] => [key(action), action]),
      ]);
}

function isStamped(metadata: MetadataAction): boolean {
  return propertyOf(metadata.configuration, "enableInCommitTimestamps");
}
