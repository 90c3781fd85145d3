import { VarveError } from "../../errors.ts";

/**
 * Where a reader of a table's versions stands, as plain data that survives JSON: everything before it was
 * delivered.
 */
export interface TailPosition {
  /** The table's id, which tells it from another one at the same place. */
  readonly tableId: string;
  /** The version that is read next, or of which `files` were delivered. */
  readonly version: number;
  /** Number of its files that were delivered. */
  readonly files: number;
  /** Whether the version is read whole, as the start, and not only what it added. */
  readonly whole: boolean;
}

/** Checks a position that a caller kept. @throws `INVALID_ARGUMENT` */
export function requirePosition(value: unknown): TailPosition {
  const { tableId, version, files, whole } =
    typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
  const isCount = (number: unknown): number is number =>
    typeof number === "number" && Number.isSafeInteger(number) && number >= 0;
  if (typeof tableId === "string" && isCount(version) && isCount(files) && typeof whole === "boolean")
    return { tableId, version, files, whole };
  throw new VarveError(
    "INVALID_ARGUMENT",
    "A position of tail must be one that an earlier batch had: { tableId, version, files, whole }. Pass it as it was, or name a version.",
    { option: "from" },
  );
}

/** @throws `INVALID_ARGUMENT` for a position in another table */
export function requireSameTable({ tableId, version }: TailPosition, id: string): void {
  if (tableId === id) return;
  throw new VarveError(
    "INVALID_ARGUMENT",
    `The position of tail belongs to the table with the id ${tableId}, and this one has the id ${id}: it was recreated, or it is another table. Start from a version of this table.`,
    { tableId, version, found: id },
  );
}
