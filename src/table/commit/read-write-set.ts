import type { Action, AddAction } from "../../protocol/actions.ts";
import { rowTrackingDomain } from "../../protocol/domains.ts";
import type { Predicate } from "../../protocol/predicate.ts";
import type { BitSet } from "../../util/bit-sets.ts";
import type { MarkedFile } from "../data-files/deletion-vector-files.ts";
import {
  type CommitRequest,
  type CommitState,
  domainActions,
  type EffectiveIsolation,
  type IsolationLevel,
  singleAction,
  txnActions,
} from "./commit-request.ts";

/**
 * Whether a file of a table may hold a matching row; true unless partition values or statistics exclude it.
 */
export type FileTest = (
  predicate: Predicate,
  file: AddAction,
  table: Pick<CommitState, "protocol" | "metadata">,
) => boolean;

/** What a conflict check needs from the caller. */
export interface ConflictTools {
  readonly mayMatch: FileTest;
  /** Returns the same key for all spellings of a path in the log. */
  readonly pathKey: (path: string) => string;
}

/** The properties of a transaction that matter for conflicts: computed once, checked against each winner. */
export interface ReadWriteSet {
  readonly request: CommitRequest;
  readonly isolation: EffectiveIsolation;
  readonly tools: ConflictTools;
  /** Keys of paths, as in the fields below. */
  readonly readFiles: ReadonlySet<string>;
  /** Positions of the single rows that were read. */
  readonly readRows: ReadonlyMap<string, BitSet>;
  readonly removed: ReadonlySet<string>;
  readonly added: ReadonlySet<string>;
  /** The files whose rows the transaction deletes by vectors, by key of their paths. */
  readonly marked: ReadonlyMap<string, MarkedFile>;
  readonly domains: ReadonlySet<string>;
  readonly appIds: ReadonlySet<string>;
  readonly changesMetadata: boolean;
}

/** Extracts from a request what the rules of `spec/conflicts.md` need. */
export function readWriteSet(
  request: CommitRequest,
  tableLevel: IsolationLevel,
  tools: ConflictTools,
): ReadWriteSet {
  const paths = (kind: "add" | "remove") =>
    new Set(request.actions.flatMap((action) => (action.kind === kind ? [tools.pathKey(action.path)] : [])));
  const appIds = [...(request.reads?.appIds ?? []), ...txnActions(request.actions).map(({ appId }) => appId)];
  return {
    request,
    isolation: effectiveIsolation(request, tableLevel),
    tools,
    readFiles: new Set((request.reads?.files ?? []).map(tools.pathKey)),
    readRows: new Map((request.reads?.rows ?? []).map(({ path, rows }) => [tools.pathKey(path), rows])),
    removed: paths("remove"),
    added: paths("add"),
    marked: new Map((request.marked ?? []).map((file) => [tools.pathKey(file.add.path), file])),
    domains: new Set(domainActions(request.actions).map(({ domain }) => domain)),
    appIds: new Set(request.txn === undefined ? appIds : [...appIds, request.txn.appId]),
    changesMetadata: singleAction(request.actions, "metaData") !== undefined,
  };
}

/**
 * The level at which a transaction is checked. One that only moves rows between files, on a table whose level
 * allows it, does not conflict with rows that others add.
 */
export function effectiveIsolation(request: CommitRequest, tableLevel: IsolationLevel): EffectiveIsolation {
  const level = request.isolation ?? tableLevel;
  if (level === "Serializable") return level;
  const rearranges = request.actions.every((action) => {
    if (action.kind === "add" || action.kind === "remove") return !action.dataChange;
    return action.kind === "cdc" || (action.kind === "domainMetadata" && action.domain === rowTrackingDomain);
  });
  return rearranges && request.actions.length > 0 && request.txn === undefined ? "SnapshotIsolation" : level;
}

/**
 * Whether a commit of these actions is a blind append: it adds rows and depends on nothing that was read from
 * files.
 */
export function isBlindAppend(request: CommitRequest): boolean {
  const { wholeTable, predicates = [], files = [], rows = [] } = request.reads ?? {};
  const readRows = wholeTable === true || predicates.length + files.length + rows.length > 0;
  const addsOnly = request.actions.every((action: Action) => {
    if (action.kind === "add") return action.dataChange;
    return action.kind !== "remove" && action.kind !== "cdc";
  });
  return addsOnly && !readRows;
}
