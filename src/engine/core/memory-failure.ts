import { VarveError } from "../../errors.ts";
import { optionText } from "../../util/option-text.ts";
import type { SessionOptions } from "./contract.ts";
import { memoryLimitOf, threadsOf } from "./instance-pool.ts";

const mebibyte = 1024 ** 2;
/** Number of rows that the engine processes at a time. */
const vectorRows = 2048;

/** The widest rows that a session has staged; zeros if it has staged none. */
export interface RowShape {
  readonly columns: number;
  readonly bytesOfRow: number;
}

/**
 * The error with the present limit, and with the smallest sufficient one (`sufficientLimit`) if it can be
 * computed from the staged rows; otherwise with one to try next (`nextLimit`), which may be too small again.
 */
export function memoryTooSmall(failure: VarveError, options: SessionOptions, shape: RowShape): VarveError {
  const limit = memoryLimitOf(options);
  const estimate = sufficientLimit(options, shape);
  const isKnown = shape.columns > 0 && estimate > limit;
  const next = Math.max(estimate, 2 * limit);
  const threads = threadsOf({ ...options, memoryLimit: next });
  const rows = `${shape.columns} columns and ${Math.round(shape.bytesOfRow)} bytes a row, in ${threads} thread${threads === 1 ? "" : "s"}`;
  const advice = isKnown
    ? `Set ${optionText("memoryLimit")} to ${next} (${mebibytes(next)}, enough for ${rows}), or use fewer threads.`
    : `How much would be enough is not known here: try ${optionText("memoryLimit")} with ${next} (${mebibytes(next)}), raise it again if that fails, or use fewer threads.`;
  const text = `DuckDB ran out of memory at a memory limit of ${mebibytes(limit)} (${String(failure.data["engineMessage"]).split("\n")[0]}). ${advice}`;
  const data = {
    ...failure.data,
    memoryLimit: limit,
    ...(isKnown ? { sufficientLimit: next } : { nextLimit: next }),
    threads,
  };
  return new VarveError("MEMORY_LIMIT_TOO_SMALL", text, data, failure.cause);
}

/**
 * Bytes that suffice for rows of a shape: each thread holds several vectors of whole rows (read, changed,
 * encoded), each column several blocks of 256 KiB (stored and written), and the engine itself some more. A
 * larger limit may mean more threads.
 */
function sufficientLimit(options: SessionOptions, { columns, bytesOfRow }: RowShape): number {
  const vector = vectorRows * Math.max(bytesOfRow, 16 * columns);
  let limit = memoryLimitOf(options);
  for (;;) {
    const needed =
      Math.ceil(
        (64 * mebibyte +
          2 * columns * mebibyte +
          vector * (3 * threadsOf({ ...options, memoryLimit: limit }) + 3)) /
          mebibyte,
      ) * mebibyte;
    if (needed <= limit) return limit;
    limit = needed;
  }
}

function mebibytes(bytes: number): string {
  return `${Math.round(bytes / mebibyte)} MiB`;
}
