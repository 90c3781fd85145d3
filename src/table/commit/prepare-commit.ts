import { VarveError } from "../../errors.ts";
import type { Action, CommitInfoAction, MetadataAction } from "../../protocol/actions.ts";
import { rowIdMark, rowIdsPreservedTag, rowTrackingDomain } from "../../protocol/domains.ts";
import { isFeatureActive } from "../../protocol/features.ts";
import { requireWritable } from "../../protocol/obstacles.ts";
import { propertyKey } from "../../protocol/properties.ts";
import { defined } from "../../util/defined.ts";
import { type JsonValue, stringifyJson } from "../../util/json.ts";
import { type CommitRequest, type CommitState, domainActions, singleAction } from "./commit-request.ts";
import { isBlindAppend } from "./read-write-set.ts";
import { assignRowIds, assignsRowIds } from "./row-ids.ts";
import { stampTypeChanges } from "./type-change-versions.ts";

/** A commit ready to be written as version `version`. */
export interface PreparedCommit {
  readonly version: number;
  readonly actions: readonly Action[];
  /** Milliseconds since 1970-01-01 UTC. */
  readonly timestamp: number;
  /** The table after this commit. */
  readonly state: CommitState;
}

/** What stays the same for all tries of one transaction. */
export interface CommitIdentity {
  readonly txnId: string;
  readonly isolation: string;
  /** The version of the snapshot that the transaction started from, -1 for a new table. */
  readonly readVersion: number;
}

/** The fields of `commitInfo` that a request's further fields cannot replace. */
const reserved: ReadonlySet<string> = new Set([
  "timestamp",
  "inCommitTimestamp",
  "operation",
  "isBlindAppend",
  "txnId",
  "readVersion",
  "isolationLevel",
]);

/**
 * Builds version `state.version + 1` from a request: assigns row ids and the in-commit timestamp, which
 * depend on the version and on earlier commits, and puts `commitInfo` first. Called again for each try.
 * PROTOCOL.md "In-Commit Timestamps", "Writer Requirements for In-Commit Timestamps" and "Row Tracking".
 *
 * @throws `UNSUPPORTED_FEATURE` and similar errors if varve cannot write the table that the request would
 * leave; `INVALID_ARGUMENT`
 */
export function prepareCommit(
  request: CommitRequest,
  state: CommitState,
  identity: CommitIdentity,
  now: number,
): PreparedCommit {
  const version = state.version + 1;
  const protocol = singleAction(request.actions, "protocol") ?? state.protocol;
  const newMetadata = singleAction(request.actions, "metaData");
  const requested =
    newMetadata === undefined ? state.metadata : stampTypeChanges(newMetadata, protocol, version);
  requireWritable(protocol, requested);
  const stamped = isFeatureActive("inCommitTimestamp", protocol, requested);
  const timestamp = stamped && version > 0 ? Math.max(now, state.timestamp + 1) : now;
  const enables =
    stamped && !(version > 0 && isFeatureActive("inCommitTimestamp", state.protocol, state.metadata));
  const metadata = enables && version > 0 ? withEnablement(requested, version, timestamp) : requested;
  const tracks = assignsRowIds({ protocol, metadata });
  const mark = state.rowIdHighWaterMark ?? -1n;
  const known = tracks || state.rowIdHighWaterMark !== undefined;
  // If the property is set already, listing the feature alone enables it; this is recorded too.
  const others = request.actions.filter((action) => action.kind !== "metaData");
  const content = newMetadata === undefined && metadata === state.metadata ? others : [metadata, ...others];
  const rows = tracks ? assignRowIds(content, mark, version) : content;
  const txn: Action[] = request.txn === undefined ? [] : [{ kind: "txn", ...request.txn, lastUpdated: now }];
  const info = commitInfo(request, identity, {
    now,
    inCommitTimestamp: stamped ? timestamp : undefined,
    tracks,
  });
  return {
    version,
    actions: [info, ...inOrder([...rows, ...txn])],
    timestamp,
    state: {
      version,
      timestamp,
      protocol,
      metadata,
      rowIdHighWaterMark: known ? markAfter(rows, mark) : undefined,
    },
  };
}

/**
 * Checks what is wrong in every state: two actions of a kind and key, a `commitInfo` of the caller's.
 * PROTOCOL.md "Actions": one action of a kind and key in a commit.
 *
 * @throws `INVALID_ARGUMENT`
 */
export function checkRequest(request: CommitRequest): void {
  const seen = new Set<string>();
  for (const action of request.actions) {
    const key = actionKey(action);
    if (key === undefined)
      throw invalid(
        `A commit cannot be asked to write a ${action.kind} action: the commit writes it itself, or checkpoints do.`,
      );
    if (seen.has(key))
      throw invalid(`The commit contains the action ${key} twice; a version may contain it once.`);
    seen.add(key);
  }
  for (const key of Object.keys(request.commitInfo ?? {})) {
    if (reserved.has(key))
      throw invalid(`The field ${key} of commitInfo is written by the commit itself; choose another name.`);
  }
  if (request.txn !== undefined && seen.has(`txn ${request.txn.appId}`))
    throw invalid(`The application ${request.txn.appId} is given twice.`);
}

function actionKey(action: Action): string | undefined {
  switch (action.kind) {
    case "add":
    case "remove":
    case "cdc":
      return `${action.kind} ${action.path}`;
    case "txn":
      return `txn ${action.appId}`;
    case "domainMetadata":
      return `domainMetadata ${action.domain}`;
    case "metaData":
    case "protocol":
      return action.kind;
    default:
      return undefined;
  }
}

function invalid(message: string): VarveError {
  return new VarveError("INVALID_ARGUMENT", message);
}

/** PROTOCOL.md "Writer Requirements for In-Commit Timestamps": in-commit timestamps on an existing table. */
function withEnablement(metadata: MetadataAction, version: number, timestamp: number): MetadataAction {
  return {
    ...metadata,
    configuration: {
      ...metadata.configuration,
      [propertyKey("inCommitTimestampEnablementVersion")]: String(version),
      [propertyKey("inCommitTimestampEnablementTimestamp")]: String(timestamp),
    },
  };
}

function markAfter(actions: readonly Action[], before: bigint): bigint {
  return rowIdMark(domainActions(actions).findLast(({ domain }) => domain === rowTrackingDomain)) ?? before;
}

/** PROTOCOL.md "Commit Provenance Information". */
function commitInfo(
  request: CommitRequest,
  identity: CommitIdentity,
  stamp: { now: number; inCommitTimestamp?: number | undefined; tracks: boolean },
): CommitInfoAction {
  const removes = request.actions.some((action) => action.kind === "remove");
  const { operationMetrics: given } = request;
  const metrics = typeof given === "function" ? given(request.actions) : given;
  return {
    kind: "commitInfo",
    info: defined({
      inCommitTimestamp: stamp.inCommitTimestamp,
      timestamp: stamp.inCommitTimestamp ?? stamp.now,
      operation: request.operation,
      operationParameters: asTexts(request.operationParameters ?? {}),
      readVersion: identity.readVersion < 0 ? undefined : identity.readVersion,
      isolationLevel: identity.isolation,
      isBlindAppend: isBlindAppend(request),
      operationMetrics: metrics === undefined ? undefined : asTexts(metrics),
      userMetadata: request.userMetadata,
      tags: stamp.tracks ? { [rowIdsPreservedTag]: String(request.rowIdsPreserved ?? !removes) } : undefined,
      ...request.commitInfo,
      engineInfo: request.engineInfo ?? "varve",
      txnId: identity.txnId,
    }),
  };
}

function asTexts(values: Readonly<Record<string, JsonValue>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values).map(([key, value]) => [
      key,
      typeof value === "string" ? value : stringifyJson(value),
    ]),
  );
}

const order: Readonly<Record<Action["kind"], number>> = {
  commitInfo: 0,
  protocol: 1,
  metaData: 2,
  txn: 3,
  domainMetadata: 4,
  cdc: 5,
  remove: 6,
  add: 7,
  checkpointMetadata: 8,
  sidecar: 9,
};

function inOrder(actions: readonly Action[]): Action[] {
  return [...actions].sort((a, b) => order[a.kind] - order[b.kind]);
}
