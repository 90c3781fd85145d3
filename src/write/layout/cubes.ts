import type { AddAction } from "../../protocol/actions.ts";
import { appendAll } from "../../util/append-all.ts";
import type { Curve } from "./curve-key.ts";
import { type Bin, filledBins, isSparse, sizeOf } from "./file-bins.ts";

/** Files that were laid out together, as tags of theirs say; the tags are those of Spark. */
export interface Cube {
  readonly id: string;
  /** Names of the columns, in their order. */
  readonly columns: readonly string[];
  readonly curve: Curve;
}

/** The `clusteringProvider` of files of a clustered table: Delta's own layout. */
export const liquidProvider = "liquid";

/** A cube of as many new files as this is complete: it is not written again to join new files to it. */
const completeFiles = 32;
/** A bin takes up to as many times the size of a complete cube. */
const binShare = 1.5;
/** A cube of more than a file joins new files only if it is at most this many times their size. */
const joinedShare = 4;

/** Tags of a new file of a cube. */
export function cubeTags({ id, columns, curve }: Cube): Record<string, string> {
  return { ZCUBE_ID: id, ZCUBE_ZORDER_BY: JSON.stringify(columns), ZCUBE_ZORDER_CURVE: curve };
}

/** The cube that a file belongs to by its tags; `undefined` for tags that do not say it. */
export function cubeOf({ tags = {} }: AddAction): Cube | undefined {
  const { ZCUBE_ID: id, ZCUBE_ZORDER_BY: by, ZCUBE_ZORDER_CURVE: curve } = tags;
  if (typeof id !== "string" || typeof by !== "string") return undefined;
  const columns = columnsOf(by);
  return columns === undefined
    ? undefined
    : { id, columns, curve: curve === "zorder" ? "zorder" : "hilbert" };
}

function columnsOf(text: string): readonly string[] | undefined {
  try {
    const names: unknown = JSON.parse(text);
    return Array.isArray(names) ? names.map(String) : undefined;
  } catch {
    // Tags are free text that other writers leave: a file with other ones belongs to no cube.
    return undefined;
  }
}

/** What a clustering takes. */
export interface ClusteringChoice {
  readonly columns: readonly string[];
  /** Size of a new file in bytes. */
  readonly target: number;
  /** Also files that are clustered by other columns, or by another provider. */
  readonly full: boolean;
}

/**
 * The files of a clustered table that are to be clustered, in bins that make a cube each: those that no clustering
 * wrote, and the cubes that they join. Cubes that are complete, or much larger than what would join them, stay, so
 * that the work follows the new rows and not the table. A cube alone stays, too.
 *
 * A file of which many rows are deleted counts as one that no clustering wrote.
 */
export function clusteringBins(files: readonly AddAction[], choice: ClusteringChoice): Bin[] {
  const { target, full } = choice;
  const loose: AddAction[] = [];
  const cubes = new Map<string, AddAction[]>();
  for (const file of files) {
    const place = placeOf(file, choice);
    if (place === "loose" || (place === "foreign" && full)) loose.push(file);
    else if (place !== "foreign") {
      const cube = cubes.get(place.id);
      if (cube === undefined) cubes.set(place.id, [file]);
      else cube.push(file);
    }
  }
  const partial = [...cubes.values()]
    .filter((cube) => sizeOf(cube) < completeFiles * target)
    .sort((a, b) => sizeOf(a) - sizeOf(b));
  const joined: AddAction[] = [...loose];
  let groups = loose.length === 0 ? 0 : 1;
  for (const cube of partial) {
    const size = sizeOf(cube);
    if (size >= target && size > joinedShare * sizeOf(joined) && joined.length > 0) break;
    appendAll(joined, cube);
    groups++;
  }
  if (loose.length === 0 && groups < 2) return [];
  return filledBins(joined, completeFiles * target * binShare);
}

/** Whether a file is to be clustered, belongs to a cube of the same columns, or is not ours to cluster. */
function placeOf(file: AddAction, { columns }: ClusteringChoice): "loose" | "foreign" | Cube {
  if (file.clusteringProvider !== undefined && file.clusteringProvider !== liquidProvider) return "foreign";
  if (isSparse(file)) return "loose";
  const cube = cubeOf(file);
  if (cube === undefined) return "loose";
  return cube.columns.join("\0") === columns.join("\0") ? cube : "foreign";
}

/** Whether the files of a partition are one Z-order by the same columns already, with few deleted rows. */
export function isOrdered(files: Bin, columns: readonly string[], curve: Curve): boolean {
  const cubes = files.map((file) => (isSparse(file) ? undefined : cubeOf(file)));
  const [first] = cubes;
  return (
    first !== undefined &&
    cubes.every((cube) => cube?.id === first.id) &&
    first.curve === curve &&
    first.columns.join("\0") === columns.join("\0")
  );
}
