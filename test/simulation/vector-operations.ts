import type { LogSnapshot } from "../../src/log/contract.ts";
import type { AddAction } from "../../src/protocol/actions.ts";
import { removeAction } from "../../src/protocol/remove-action.ts";
import type { CommitRequest } from "../../src/table/commit/commit-request.ts";
import { type MarkedFile, publishVectors } from "../../src/table/data-files/deletion-vector-files.ts";
import { rowsOfVector } from "../../src/table/scan/row-selection.ts";
import { modelFile, type OperationNote } from "./model-state.ts";
import { idIs, liveFiles, newFile, type Planner } from "./operations.ts";
import { hasFeature } from "./sim-table.ts";

/** Makes the request of an operation. */
type RequestMaker = (
  note: OperationNote,
  actions: CommitRequest["actions"],
  reads?: CommitRequest["reads"],
) => CommitRequest;

/** A row of a live file. */
interface LiveRow {
  readonly file: AddAction;
  readonly name: string;
  readonly position: number;
}

/**
 * A deletion of rows by vectors, or a merge: it deletes a row and adds a file with what became of it, and depends on
 * another row that it leaves. `undefined` where the table has no vectors, or too few rows.
 */
export async function planMarks(
  op: "mark" | "merge",
  snapshot: LogSnapshot,
  planner: Planner,
  made: Pick<OperationNote, "columns" | "suite">,
  request: RequestMaker,
): Promise<CommitRequest | undefined> {
  if (!hasFeature(snapshot.protocol, "deletionVectors")) return undefined;
  const rows = await liveRows(snapshot);
  if (rows.length < 2) return undefined;
  const row = planner.random.pick(rows);
  const kept = op === "merge" ? planner.random.pick(rows.filter((other) => other !== row)) : undefined;
  const inFile = rows.filter(({ file }) => file === row.file);
  const { file } = row;
  const physical = modelFile(file).physicalRows.length;
  const marked: MarkedFile = {
    add: file,
    rows: bit(row.position, physical),
    before: await vectorOf(snapshot, file),
    liveRows: inFile.length,
  };
  // A file without rows is removed.
  const isWhole = inFile.length === 1;
  const { adds } = await publishVectors(snapshot.context, isWhole ? [] : [marked]);
  const target = modelFile(file).id;
  const part = file.partitionValues["part"] ?? "";
  const fresh = op === "merge" ? [newFile(part, planner, undefined, true)] : [];
  const note: OperationNote = {
    op,
    target,
    marked: [row.name],
    ...(kept === undefined ? {} : { kept: kept.name }),
    ...(fresh.length === 0 ? {} : made),
  };
  const reads = {
    predicates: [idIs(target)],
    rows:
      kept === undefined
        ? []
        : [{ path: kept.file.path, rows: bit(kept.position, modelFile(kept.file).physicalRows.length) }],
  };
  const actions = [removeAction(file, planner.now), ...adds, ...fresh];
  return { ...request(note, actions, reads), ...(isWhole ? {} : { marked: [marked] }) };
}

/** The rows that no vector deletes. */
export async function liveRows(snapshot: LogSnapshot, files?: readonly AddAction[]): Promise<LiveRow[]> {
  const rows: LiveRow[] = [];
  for (const file of files ?? (await liveFiles(snapshot))) {
    const deleted = await vectorOf(snapshot, file);
    for (const [position, name] of modelFile(file).physicalRows.entries())
      if (deleted === undefined || !isSet(deleted, position)) rows.push({ file, name, position });
  }
  return rows;
}

async function vectorOf({ context }: LogSnapshot, file: AddAction): Promise<Uint8Array | undefined> {
  if (file.deletionVector === undefined) return undefined;
  return rowsOfVector(context, file.deletionVector, modelFile(file).physicalRows.length);
}

function bit(position: number, rows: number): Uint8Array {
  const bits = new Uint8Array(Math.ceil(rows / 8));
  bits[position >> 3] = 0x80 >> (position & 7);
  return bits;
}

function isSet(bits: Uint8Array, position: number): boolean {
  return ((bits[position >> 3] ?? 0) & (0x80 >> (position & 7))) !== 0;
}
