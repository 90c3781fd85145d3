import type { Model } from "./model.ts";
import {
  type ModelCommit,
  type ModelFile,
  type ModelState,
  modelFile,
  rowsOf,
  Violation,
} from "./model-state.ts";
import { vectorPath } from "./vectors.ts";

/** What must hold for one commit on its own. @throws {@link Violation} */
export function checkCommit(model: Model, commit: ModelCommit, before: ModelState, after: ModelState): void {
  const { version, note } = commit;
  const rows = rowsOf(after);
  if (new Set(rows).size !== rows.length) throw new Violation(`version ${version} holds a row twice`);
  const own = new Set(
    commit.actions.flatMap((action) => (action.kind === "add" ? modelFile(action).rows : [])),
  );
  const level = String(commit.info["isolationLevel"]);
  const tolerated = level === "Serializable" ? new Set<string>() : rowsOfBlindAppends(model, commit);
  const gone = rowsOf(before).filter((row) => !rows.includes(row));
  const survivors = (test: (file: ModelFile) => boolean) =>
    [...after.files.values()]
      .filter(test)
      .flatMap((file) => file.rows.filter((row) => !own.has(row) && !tolerated.has(row)));
  const demand = (holds: boolean, what: string) => {
    if (!holds)
      throw new Violation(
        `version ${version} (${note.op}, read ${String(commit.info["readVersion"])}, ${level}): ${what}`,
      );
  };
  demand(
    note.columns === undefined || note.columns === before.columns,
    `its files are for columns ${note.columns}, the table had ${before.columns}`,
  );
  const suite = before.configuration["varve.suite"];
  demand(
    note.columns === undefined || note.suite === suite,
    `its rows were tested with suite ${note.suite}, the table had ${suite}`,
  );
  switch (note.op) {
    case "overwrite":
      demand(survivors(() => true).length === 0, "rows survived an overwrite");
      break;
    case "overwritePart":
      demand(
        survivors(({ part }) => part === note.part).length === 0,
        "rows survived the overwrite of their partition",
      );
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
      demand(
        note.value === rowsOf(before).filter((row) => !tolerated.has(row)).length,
        `it counted ${note.value} rows`,
      );
      demand(gone.length === 0, "rows went");
      break;
    case "mark":
    case "merge":
      demand(
        namesVacuumed(model, commit) || [...gone].sort().join() === [...(note.marked ?? [])].sort().join(),
        `it meant to delete ${note.marked?.join()}, and ${gone.join()} went`,
      );
      demand(
        note.kept === undefined || rowsOf(before).includes(note.kept),
        `row ${note.kept}, which it read, was gone`,
      );
      break;
    case "restore":
      demand(
        isRestored(model, note.version, after),
        `its rows or columns are not those of version ${note.version}`,
      );
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
  checkRowIds(model, commit, { before, after }, demand);
}

/**
 * Under WriteSerializable, blind appends between what a transaction read and where it landed may count as
 * after it.
 */
function rowsOfBlindAppends(model: Model, commit: ModelCommit): Set<string> {
  const read = Number(commit.info["readVersion"]);
  const between = model.commits.filter(
    ({ version, info }) => version > read && version < commit.version && info["isBlindAppend"] === true,
  );
  const appended = new Set(
    between.flatMap(({ actions }) =>
      actions.flatMap((action) => (action.kind === "add" ? modelFile(action).rows : [])),
    ),
  );
  return appended;
}

function ownerOf(state: ModelState, row: string): ModelFile | undefined {
  for (const file of state.files.values()) if (file.rows.includes(row)) return file;
  return undefined;
}

/** Whether a write took longer than the retention of a vacuum, which deleted its vector. */
function namesVacuumed({ vacuumed }: Model, { actions }: ModelCommit): boolean {
  return actions.some((action) => action.kind === "add" && vacuumed.has(vectorPath(action) ?? ""));
}

/** Whether a state is that of an earlier version, of which no vacuum deleted anything. */
function isRestored(model: Model, version: number | undefined, after: ModelState): boolean {
  const earlier = model.stateOf(version ?? -1);
  if (earlier === undefined) return false;
  const isWhole = [...after.files].every(([path, { vectorPath = path }]) => !model.vacuumed.has(vectorPath));
  return (
    earlier.schemaString === after.schemaString &&
    (!isWhole || [...rowsOf(earlier)].sort().join() === [...rowsOf(after)].sort().join())
  );
}

type Demand = (holds: boolean, what: string) => void;

/** Metadata and protocol are replaced whole, so what they replace must have been read. */
function checkRaces(
  model: Model,
  commit: ModelCommit,
  replaced: "metaData" | "protocol",
  demand: Demand,
): void {
  if (!commit.actions.some(({ kind }) => kind === replaced)) return;
  const read = Number(commit.info["readVersion"]);
  const rival = model.commits.find(
    ({ version, actions }) =>
      version > read && version < commit.version && actions.some(({ kind }) => kind === replaced),
  );
  demand(
    rival === undefined,
    `it replaced the ${replaced} of version ${rival?.version} without having read it`,
  );
}

function checkStamps(commit: ModelCommit, before: ModelState, after: ModelState, demand: Demand): void {
  if (after.configuration["delta.enableInCommitTimestamps"] !== "true") return;
  demand(
    typeof commit.info["inCommitTimestamp"] === "number" && after.stamp > before.stamp,
    "its in-commit timestamp does not grow",
  );
}

function checkRowIds(
  model: Model,
  commit: ModelCommit,
  { before, after }: { readonly before: ModelState; readonly after: ModelState },
  demand: Demand,
): void {
  if (!after.features.includes("rowTracking")) return;
  // Files that are listed again keep their ids.
  const source = commit.note.op === "restore" ? model.stateOf(commit.note.version ?? -1) : before;
  const mark = /\d+/.exec(after.domains.get("delta.rowTracking") ?? "")?.[0];
  const markBefore = BigInt(/-?\d+/.exec(before.domains.get("delta.rowTracking") ?? "")?.[0] ?? "-1");
  for (const action of commit.actions) {
    if (action.kind !== "add") continue;
    const known = source?.files.get(action.path);
    if (known?.baseRowId !== undefined) {
      demand(action.baseRowId === known.baseRowId, `${action.path} has other row ids than before`);
      continue;
    }
    demand(
      action.baseRowId !== undefined && action.baseRowId > markBefore,
      `row ids of ${action.path} were given out before`,
    );
    demand(
      action.defaultRowCommitVersion === BigInt(commit.version),
      `${action.path} carries another commit version`,
    );
    const last = (action.baseRowId ?? 0n) + BigInt(modelFile(action).rows.length) - 1n;
    demand(mark !== undefined && BigInt(mark) >= last, "the high-water mark of row ids is too low");
  }
}
