import type { AddAction, RemoveAction } from "../../src/protocol/actions.ts";
import { deletionVectorPlace } from "../../src/protocol/deletion-vector.ts";
import type { Stored } from "./sim-store.ts";

/** Where an action's deletion vector is, relative to the table; `undefined` without one. */
export function vectorPath({
  deletionVector,
}: Pick<AddAction | RemoveAction, "deletionVector">): string | undefined {
  const place = deletionVector === undefined ? undefined : deletionVectorPlace(deletionVector);
  return place?.kind === "file" ? place.path : undefined;
}

/**
 * The rows that an action's deletion vector deletes, by a reader of its own: PROTOCOL.md "Deletion Vector
 * Format", of what a file of a few rows needs. `undefined` where the vector is gone.
 */
export function deletedRows(
  action: AddAction,
  objects: ReadonlyMap<string, Stored>,
): Set<number> | undefined {
  const path = vectorPath(action);
  if (path === undefined) return new Set();
  const bytes = objects.get(path)?.bytes;
  if (bytes === undefined) return undefined;
  const { offset = 1, cardinality, sizeInBytes } = action.deletionVector ?? {};
  const view = new DataView(bytes.buffer, bytes.byteOffset + offset);
  if (view.getInt32(0) !== sizeInBytes) throw new Error(`${path} holds another vector at ${offset}`);
  const rows = new Set(bitmapRows(new DataView(bytes.buffer, bytes.byteOffset + offset + 4)));
  if (rows.size !== cardinality) throw new Error(`${path} deletes ${rows.size} rows, not ${cardinality}`);
  return rows;
}

function bitmapRows(view: DataView): number[] {
  if (view.getUint32(0, true) !== 1681511377) throw new Error("no bitmap");
  if (view.getBigUint64(4, true) === 0n) return [];
  // After the number of bitmaps and the first one's key.
  const [start, cookie] = [16, view.getUint32(16, true)];
  const hasRuns = (cookie & 0xffff) === 12347;
  const containers = hasRuns ? (cookie >> 16) + 1 : view.getUint32(start + 4, true);
  if (containers !== 1) throw new Error("more rows than the simulation writes");
  // A flag for runs or the number of containers, the header of one container, and its offset.
  const header = start + (hasRuns ? 5 : 8);
  const isRuns = hasRuns && view.getUint8(start + 4) === 1;
  const content = header + 4 + (hasRuns ? 0 : 4);
  if (isRuns) return runRows(view, content);
  const rows = view.getUint16(header + 2, true) + 1;
  return Array.from({ length: rows }, (_, index) => view.getUint16(content + 2 * index, true));
}

function runRows(view: DataView, content: number): number[] {
  return Array.from({ length: view.getUint16(content, true) }, (_, index) => {
    const [first, more] = [
      view.getUint16(content + 2 + 4 * index, true),
      view.getUint16(content + 4 + 4 * index, true),
    ];
    return Array.from({ length: more + 1 }, (_row, next) => first + next);
  }).flat();
}
