import { parseActions } from "../../src/log/action-json.ts";
import type { Action, AddAction } from "../../src/log/actions.ts";
import { parseLogPath } from "../../src/log/file-names.ts";
import type { JsonObject } from "../../src/util/json.ts";
import type { StoreWitness } from "./sim-store.ts";

/** An invariant that did not hold. */
export class Violation extends Error {}

/** What an operation says about itself in `commitInfo.sim`: enough to decide again, on the model, what it should have done. */
export interface OperationNote {
  readonly op:
    | "append"
    | "overwrite"
    | "overwritePart"
    | "deleteWhere"
    | "count"
    | "compact"
    | "property"
    | "column"
    | "domain"
    | "feature"
    | "drop"
    | "create";
  readonly part?: string;
  readonly target?: number;
  readonly value?: number;
  /** Generation of columns that the files were written for. */
  readonly columns?: number;
}

/** A live file as the model sees it: its rows are ids. */
export interface ModelFile {
  readonly part: string;
  readonly id: number;
  readonly rows: readonly string[];
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

/**
 * Sees every commit the moment it lands, keeps it for good, and checks what must hold for it on its own: versions grow by one, nothing is ever
 * replaced, and each commit is what its operation would have done alone.
 */
export class Model implements StoreWitness {
  readonly commits: ModelCommit[] = [];
  readonly states: ModelState[] = [];
  /** Commits written anew into versions that had been cleaned up: never part of the table, never to be acknowledged. */
  readonly ghosts: ModelCommit[] = [];
  violation: Violation | undefined;
  readonly #name: string;

  constructor(name: string) {
    this.#name = name;
  }

  created(path: string, bytes: Uint8Array, modified: number): void {
    const name = parseLogPath(path);
    if (name?.kind !== "commit") return;
    this.#guard(() => this.#land(name.version, bytes, modified));
  }

  replaced(path: string): void {
    if (parseLogPath(path)?.kind === "commit" || path.endsWith(".crc")) {
      this.#guard(() => {
        throw new Violation(`${path} was replaced`);
      });
    }
  }

  /** Keeps the first failure of work that nobody waits for. */
  fail(error: unknown): void {
    this.violation ??= error instanceof Violation ? error : new Violation(`unexpected: ${String(error)}`);
  }

  get latest(): number {
    return this.commits.length - 1;
  }

  #guard(check: () => void): void {
    try {
      check();
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      this.violation ??= new Violation(`${this.#name}: ${error.message}`);
    }
  }

  #land(version: number, bytes: Uint8Array, modified: number): void {
    const actions = parseActions(bytes, String(version));
    const info = actions[0]?.kind === "commitInfo" ? actions[0].info : undefined;
    if (info === undefined) throw new Violation(`version ${version} does not begin with commitInfo`);
    const note = info["sim"];
    const txnId = info["txnId"];
    if (!isNote(note) || typeof txnId !== "string") throw new Violation(`version ${version} has no note or txnId`);
    const commit: ModelCommit = { version, actions, info, note, txnId, modified };
    if (version < this.commits.length) {
      this.ghosts.push(commit);
      return;
    }
    if (version > this.commits.length) throw new Violation(`version ${version} landed before version ${this.commits.length}`);
    const twin = this.commits.find((other) => other.txnId === txnId);
    if (twin !== undefined) throw new Violation(`transaction ${txnId} landed as version ${twin.version} and again as ${version}`);
    const before = this.states.at(-1);
    const after = replay(before, commit);
    this.commits.push(commit);
    this.states.push(after);
    if (before !== undefined) checkCommit(this, commit, before, after);
  }
}

function isNote(value: unknown): value is OperationNote {
  return typeof value === "object" && value !== null && "op" in value;
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

function replay(before: ModelState = emptyState, { actions, info, version }: ModelCommit): ModelState {
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
    if (files.has(action.path)) throw new Violation(`version ${version} adds ${action.path}, which is there already`);
    files.set(action.path, modelFile(action));
  }
  const stamp = info["inCommitTimestamp"];
  return { files, configuration, schemaString, columns, features, txns, domains, stamp: typeof stamp === "number" ? stamp : before.stamp };
}

/** Reads back what {@link ModelFile} facts an add action of the simulation carries. */
export function modelFile(action: AddAction): ModelFile {
  const rows = action.tags?.["rows"] ?? "";
  return {
    part: action.partitionValues["part"] ?? "",
    id: Number(action.tags?.["id"] ?? "-1"),
    rows: rows === "" ? [] : rows.split(","),
    size: action.size,
    baseRowId: action.baseRowId,
    defaultRowCommitVersion: action.defaultRowCommitVersion,
  };
}

/** All row ids of a state, in its files' order. */
export function rowsOf(state: Pick<ModelState, "files">): string[] {
  return [...state.files.values()].flatMap(({ rows }) => rows);
}

function checkCommit(model: Model, commit: ModelCommit, before: ModelState, after: ModelState): void {
  const { version, note } = commit;
  const rows = rowsOf(after);
  if (new Set(rows).size !== rows.length) throw new Violation(`version ${version} holds a row twice`);
  const own = new Set(commit.actions.flatMap((action) => (action.kind === "add" ? modelFile(action).rows : [])));
  const level = String(commit.info["isolationLevel"]);
  const tolerated = level === "Serializable" ? new Set<string>() : rowsOfBlindAppends(model, commit);
  const gone = rowsOf(before).filter((row) => !rows.includes(row));
  const survivors = (test: (file: ModelFile) => boolean) =>
    [...after.files.values()].filter(test).flatMap((file) => file.rows.filter((row) => !own.has(row) && !tolerated.has(row)));
  const demand = (holds: boolean, what: string) => {
    if (!holds) throw new Violation(`version ${version} (${note.op}, read ${String(commit.info["readVersion"])}, ${level}): ${what}`);
  };
  demand(
    note.columns === undefined || note.columns === before.columns,
    `its files are for columns ${note.columns}, the table had ${before.columns}`,
  );
  switch (note.op) {
    case "overwrite":
      demand(survivors(() => true).length === 0, "rows survived an overwrite");
      break;
    case "overwritePart":
      demand(survivors(({ part }) => part === note.part).length === 0, "rows survived the overwrite of their partition");
      demand(
        gone.every((row) => ownerOf(before, row)?.part === note.part),
        "rows of another partition went",
      );
      break;
    case "deleteWhere":
      demand(survivors(({ id }) => id === note.target).length === 0, "rows survived their deletion");
      demand(
        gone.every((row) => ownerOf(before, row)?.id === note.target),
        "other rows went",
      );
      break;
    case "count":
      demand(note.value === rowsOf(before).filter((row) => !tolerated.has(row)).length, `it counted ${note.value} rows`);
      demand(gone.length === 0, "rows went");
      break;
    case "compact":
      demand([...rowsOf(before)].sort().join() === [...rows].sort().join(), "rows changed in a compaction");
      break;
    default:
      demand(gone.length === 0, "rows went");
  }
  checkRaces(model, commit, "metaData", demand);
  checkRaces(model, commit, "protocol", demand);
  demand(
    after.domains.size === 0 || after.features.includes("domainMetadata"),
    `there are domains (${[...after.domains.keys()].join()}) without their feature`,
  );
  checkStamps(commit, before, after, demand);
  checkRowIds(commit, before, after, demand);
}

/** Under WriteSerializable, blind appends between what a transaction read and where it landed may count as after it. */
function rowsOfBlindAppends(model: Model, commit: ModelCommit): Set<string> {
  const read = Number(commit.info["readVersion"]);
  const between = model.commits.filter(({ version, info }) => version > read && version < commit.version && info["isBlindAppend"] === true);
  const appended = new Set(
    between.flatMap(({ actions }) => actions.flatMap((action) => (action.kind === "add" ? modelFile(action).rows : []))),
  );
  return appended;
}

function ownerOf(state: ModelState, row: string): ModelFile | undefined {
  for (const file of state.files.values()) if (file.rows.includes(row)) return file;
  return undefined;
}

type Demand = (holds: boolean, what: string) => void;

/** Metadata and protocol are replaced whole, so what they replace must have been read. */
function checkRaces(model: Model, commit: ModelCommit, replaced: "metaData" | "protocol", demand: Demand): void {
  if (!commit.actions.some(({ kind }) => kind === replaced)) return;
  const read = Number(commit.info["readVersion"]);
  const rival = model.commits.find(
    ({ version, actions }) => version > read && version < commit.version && actions.some(({ kind }) => kind === replaced),
  );
  demand(rival === undefined, `it replaced the ${replaced} of version ${rival?.version} without having read it`);
}

function checkStamps(commit: ModelCommit, before: ModelState, after: ModelState, demand: Demand): void {
  if (after.configuration["delta.enableInCommitTimestamps"] !== "true") return;
  demand(typeof commit.info["inCommitTimestamp"] === "number" && after.stamp > before.stamp, "its in-commit timestamp does not grow");
}

function checkRowIds(commit: ModelCommit, before: ModelState, after: ModelState, demand: Demand): void {
  if (!after.features.includes("rowTracking")) return;
  const mark = /\d+/.exec(after.domains.get("delta.rowTracking") ?? "")?.[0];
  const markBefore = BigInt(/-?\d+/.exec(before.domains.get("delta.rowTracking") ?? "")?.[0] ?? "-1");
  for (const action of commit.actions) {
    if (action.kind !== "add") continue;
    demand(action.baseRowId !== undefined && action.baseRowId > markBefore, `row ids of ${action.path} were given out before`);
    demand(action.defaultRowCommitVersion === BigInt(commit.version), `${action.path} carries another commit version`);
    const last = (action.baseRowId ?? 0n) + BigInt(modelFile(action).rows.length) - 1n;
    demand(mark !== undefined && BigInt(mark) >= last, "the high-water mark of row ids is too low");
  }
}
