import { parse } from "lossless-json";
import { isVarveError } from "../../errors.ts";
import type { AddAction } from "../../protocol/actions.ts";
import { decodePartitionValue } from "../../schema/partition-values.ts";
import { isPrimitive } from "../../schema/type-names.ts";
import { trimEnd } from "../../util/trim-end.ts";
import { type Comparable, comparable } from "./comparable.ts";
import type { LogColumn } from "./file-test.ts";

/**
 * What is proved about one column in one file: how many of its rows are null, and the bounds of the others.
 */
export interface ColumnStatistics {
  readonly nulls: "none" | "all" | "unknown";
  readonly lower?: Comparable | undefined;
  /**
   * If text is not `exact`, the file may also hold longer text with this beginning, because statistics
   * truncate text.
   */
  readonly upper?: Comparable | undefined;
  readonly exact: boolean;
}

const nothing: ColumnStatistics = Object.freeze({ nulls: "unknown", exact: false });

/**
 * Reads what a file's partition values and statistics prove about columns; damaged ones prove nothing.
 * PROTOCOL.md "Per-file Statistics" and "Partition Value Serialization".
 */
export class FileStatistics {
  readonly #add: AddAction;
  #stats: unknown;
  #parsed = false;

  constructor(add: AddAction) {
    this.#add = add;
  }

  of(column: LogColumn): ColumnStatistics {
    return column.source === "partition" ? partitionStatistics(this.#add, column) : this.#statistics(column);
  }

  #statistics(column: LogColumn): ColumnStatistics {
    if (!this.#parsed) {
      this.#parsed = true;
      this.#stats = this.#add.stats === undefined ? undefined : parseStatistics(this.#add.stats);
    }
    return parsedStatistics(this.#stats, column);
  }
}

/**
 * Statistics with exact numbers: as text if a double cannot hold them, else as numbers; `undefined` for
 * anything except JSON.
 */
export function parseStatistics(text: string): unknown {
  try {
    return /[\d.]{16}/.test(text) ? parse(text, undefined, (digits) => digits) : JSON.parse(text);
  } catch {
    // Statistics are optional: a file with damaged ones is a file without.
    return undefined;
  }
}

function partitionStatistics(add: AddAction, column: LogColumn): ColumnStatistics {
  const [name = ""] = column.path;
  const text = Object.hasOwn(add.partitionValues, name) ? add.partitionValues[name] : undefined;
  if (text === undefined) return nothing;
  if (text === null || text === "") return { nulls: "all", exact: true };
  const value = partitionValue(column, text);
  return value === undefined
    ? { nulls: "none", exact: true }
    : { nulls: "none", lower: value, upper: value, exact: true };
}

function partitionValue(column: LogColumn, text: string): Comparable | undefined {
  try {
    const value = decodePartitionValue(column.type, text);
    return value === null || value instanceof Uint8Array ? undefined : comparable(column.type, value);
  } catch (error) {
    if (isVarveError(error)) return undefined;
    throw error;
  }
}

function parsedStatistics(stats: unknown, column: LogColumn): ColumnStatistics {
  if (stats === undefined) return nothing;
  const rows = countOf(memberAt(stats, ["numRecords"]));
  const nullCount = countOf(memberAt(stats, ["nullCount", ...column.path]));
  const nulls =
    nullCount === undefined ? "unknown" : nullCount === 0 ? "none" : nullCount === rows ? "all" : "unknown";
  const lower = bound(memberAt(stats, ["minValues", ...column.path]), column, "lower");
  const upper = bound(memberAt(stats, ["maxValues", ...column.path]), column, "upper");
  return { nulls, exact: false, lower, upper };
}

function memberAt(value: unknown, path: readonly string[]): unknown {
  let member = value;
  for (const name of path) {
    if (typeof member !== "object" || member === null || !Object.hasOwn(member, name)) return undefined;
    member = (member as Readonly<Record<string, unknown>>)[name];
  }
  return member;
}

function countOf(value: unknown): number | undefined {
  const count = typeof value === "string" && /^\d+$/.test(value) ? Number(value) : value;
  return typeof count === "number" && Number.isSafeInteger(count) && count >= 0 ? count : undefined;
}

/** A bound, moved outwards by what writers may have lost. */
function bound(value: unknown, column: LogColumn, side: "lower" | "upper"): Comparable | undefined {
  const text = typeof value === "number" ? String(value) : value;
  if (typeof text !== "string" && typeof text !== "boolean") return undefined;
  const extreme = comparable(column.type, text);
  if (extreme === undefined) return undefined;
  const sign = side === "lower" ? -1 : 1;
  switch (extreme.kind) {
    case "moment":
      // PROTOCOL.md "Per-file Statistics": timestamps are truncated down to milliseconds.
      return side === "upper" && column.type !== "date"
        ? { kind: "moment", micros: extreme.micros + 999n }
        : extreme;
    case "float":
      return column.wasFloat
        ? { kind: "float", value: sign * Math.max(sign * extreme.value, sign * Math.fround(extreme.value)) }
        : extreme;
    case "exact": {
      // Some writers convert decimals to a double, which keeps 15 digits.
      const digits = String(extreme.digits).replace("-", "").length;
      if (isPrimitive(column.type) || digits <= 15) return extreme;
      return { ...extreme, digits: extreme.digits + BigInt(sign) * 10n ** BigInt(digits - 15) };
    }
    case "text":
      return side === "upper" ? { kind: "text", value: withoutBrokenEnd(extreme.value) } : extreme;
    case "boolean":
      return extreme;
  }
}

/**
 * Truncation can split a character; the rest of it sorts below the whole, and must not be used as an upper
 * bound.
 */
function withoutBrokenEnd(text: string): string {
  return trimEnd(text, /[\ufffd\ud800-\udbff]/);
}
