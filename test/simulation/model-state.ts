import type { Action, AddAction } from "../../src/protocol/actions.ts";
import type { JsonObject } from "../../src/util/json.ts";
import type { Stored } from "./sim-store.ts";
import { deletedRows, vectorPath } from "./vectors.ts";

/** An invariant that did not hold. */
export class Violation extends Error {}

/**
 * What an operation says about itself in `commitInfo.sim`: enough to decide again, on the model, what it
 * should have done.
 */
export interface OperationNote {
  readonly op:
    | "append"
    | "overwrite"
    | "overwritePart"
    | "deleteWhere"
    | "count"
    | "compact"
    | "property"
    | "suite"
    | "column"
    | "domain"
    | "feature"
    | "drop"
    | "mark"
    | "merge"
    | "restore"
    | "vacuum"
    | "create";
  readonly part?: string;
  readonly target?: number;
  readonly value?: number;
  /** Rows that it deletes by vectors. */
  readonly marked?: readonly string[];
  /** A row that it read, and without which it would have done something else. */
  readonly kept?: string;
  /** The version that it goes back to. */
  readonly version?: number;
  /** Generation of columns that the files were written for. */
  readonly columns?: number;
  /** The table's suite that the rows were tested with. */
  readonly suite?: string;
}

/** A live file as the model sees it: its rows are ids. */
export interface ModelFile {
  readonly part: string;
  readonly id: number;
  /** Those that no vector deletes. */
  readonly rows: readonly string[];
  /** Deleted rows included. */
  readonly physicalRows: readonly string[];
  /** Names its deletion vector. */
  readonly vector: string;
  /** The vector's file. */
  readonly vectorPath: string | undefined;
  readonly size: number;
  readonly baseRowId: bigint | undefined;
  readonly defaultRowCommitVersion: bigint | undefined;
}

/** The table after one version, by plain replay. */
export interface ModelState {
  readonly files: ReadonlyMap<string, ModelFile>;
  readonly configuration: Readonly<Record<string, string>>;
  readonly schemaString: string;
  readonly columns: number;
  readonly features: readonly string[];
  readonly txns: ReadonlyMap<string, bigint>;
  readonly domains: ReadonlyMap<string, string>;
  readonly stamp: number;
}

export interface ModelCommit {
  readonly version: number;
  readonly actions: readonly Action[];
  readonly info: JsonObject;
  readonly note: OperationNote;
  readonly txnId: string;
  readonly modified: number;
}

const emptyState: ModelState = {
  files: new Map(),
  configuration: {},
  schemaString: "",
  columns: 0,
  features: [],
  txns: new Map(),
  domains: new Map(),
  stamp: 0,
};

/** The state that a commit makes of the one before it. @throws {@link Violation} */
export function replay(
  before: ModelState = emptyState,
  { actions, info, version }: ModelCommit,
  objects: ReadonlyMap<string, Stored>,
): ModelState {
  const files = new Map(before.files);
  const txns = new Map(before.txns);
  const domains = new Map(before.domains);
  let { configuration, schemaString, columns, features } = before;
  for (const action of actions) {
    if (action.kind === "remove" && !files.delete(action.path))
      throw new Violation(`version ${version} removes ${action.path}, which is not there`);
    if (action.kind === "txn") txns.set(action.appId, action.version);
    if (action.kind === "domainMetadata") domains.set(action.domain, action.configuration);
    if (action.kind === "protocol") features = action.writerFeatures ?? [];
    if (action.kind === "metaData") {
      configuration = action.configuration;
      schemaString = action.schemaString;
      columns = Number(action.configuration["sim.columns"] ?? "0");
    }
  }
  for (const action of actions) {
    if (action.kind !== "add") continue;
    if (files.has(action.path))
      throw new Violation(`version ${version} adds ${action.path}, which is there already`);
    files.set(action.path, modelFile(action, objects));
  }
  const stamp = info["inCommitTimestamp"];
  return {
    files,
    configuration,
    schemaString,
    columns,
    features,
    txns,
    domains,
    stamp: typeof stamp === "number" ? stamp : before.stamp,
  };
}

/**
 * Reads back what {@link ModelFile} facts an add action of the simulation carries, with its vector among
 * `objects`.
 */
export function modelFile(action: AddAction, objects: ReadonlyMap<string, Stored> = new Map()): ModelFile {
  const text = action.tags?.["rows"] ?? "";
  const physicalRows = text === "" ? [] : text.split(",");
  const deleted = deletedRows(action, objects);
  const { pathOrInlineDv = "", offset, cardinality } = action.deletionVector ?? {};
  return {
    part: action.partitionValues["part"] ?? "",
    id: Number(action.tags?.["id"] ?? "-1"),
    rows: physicalRows.filter((_, row) => deleted?.has(row) !== true),
    physicalRows,
    vector: `${pathOrInlineDv} ${offset} ${cardinality}`,
    vectorPath: vectorPath(action),
    size: action.size,
    baseRowId: action.baseRowId,
    defaultRowCommitVersion: action.defaultRowCommitVersion,
  };
}

/** All row ids of a state, in its files' order. */
export function rowsOf(state: Pick<ModelState, "files">): string[] {
  return [...state.files.values()].flatMap(({ rows }) => rows);
}
