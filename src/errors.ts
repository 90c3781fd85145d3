/** Every code that a {@link VarveError} can carry, by area; callers branch on these, never on messages. */
export type ErrorCode =
  // arguments and input
  | "INVALID_ARGUMENT"
  | "INVALID_URI"
  | "SOURCE_UNREADABLE"
  | "SOURCE_CHANGED"
  // storage
  | "OBJECT_NOT_FOUND"
  | "STORE_UNAVAILABLE"
  | "STORE_REFUSED"
  | "STORE_NO_CONDITIONAL_PUT"
  | "PATH_OUTSIDE_TABLE"
  // log
  | "NOT_A_TABLE"
  | "TABLE_EXISTS"
  | "VERSION_NOT_FOUND"
  | "TIMESTAMP_OUT_OF_RANGE"
  | "LOG_GAP"
  | "LOG_CORRUPT"
  | "CHECKPOINT_CORRUPT"
  | "CHECKSUM_MISMATCH"
  | "UNSUPPORTED_FEATURE"
  | "UNSUPPORTED_PROTOCOL"
  | "CATALOG_MANAGED"
  | "LIMIT_EXCEEDED"
  // data files
  | "DATA_FILE_MISSING"
  | "DATA_FILE_CORRUPT"
  | "DELETION_VECTOR_CORRUPT"
  // schema
  | "SCHEMA_INVALID"
  | "SCHEMA_MISMATCH"
  | "COLUMN_NOT_FOUND"
  | "CONSTRAINT_VIOLATED"
  | "TABLE_APPEND_ONLY"
  // commits
  | "CONFLICT_METADATA_CHANGED"
  | "CONFLICT_PROTOCOL_CHANGED"
  | "CONFLICT_CONCURRENT_APPEND"
  | "CONFLICT_CONCURRENT_DELETE_READ"
  | "CONFLICT_CONCURRENT_DELETE_DELETE"
  | "CONFLICT_CONCURRENT_TRANSACTION"
  | "CONFLICT_DOMAIN_METADATA"
  | "COMMIT_RETRIES_EXHAUSTED"
  | "COMMIT_OUTCOME_UNKNOWN"
  // change data feed
  | "CHANGES_UNAVAILABLE"
  | "CHANGES_RANGE_INVALID"
  // gates, suites, quarantine
  | "BATCH_REJECTED"
  | "SUITE_INVALID"
  | "QUARANTINE_INVALID"
  | "STAGED_INVALID"
  // queries
  | "SQL_FAILED"
  | "SQL_REFUSED"
  // engine
  | "ENGINE_FAILED"
  | "CANCELLED";

/** What a {@link VarveError} says about itself in machine-readable form; JSON-compatible values, never secrets. */
export type ErrorData = Readonly<Record<string, unknown>>;

/**
 * The one error class that varve throws for anything but its own bugs.
 *
 * The message says what happened, the value that caused it and what to do next; `code` is stable, `data` repeats the
 * values of the message for programs, `cause` keeps the error below.
 */
export class VarveError extends Error {
  readonly code: ErrorCode;
  readonly data: ErrorData;

  constructor(code: ErrorCode, message: string, data: ErrorData = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "VarveError";
    this.code = code;
    this.data = data;
  }
}

/** Whether `error` is a {@link VarveError}, and, if codes are given, one of those. */
export function isVarveError(error: unknown, ...codes: readonly ErrorCode[]): error is VarveError {
  return error instanceof VarveError && (codes.length === 0 || codes.includes(error.code));
}

/** Throws a plain `Error` for a state that only a bug in varve can produce. */
export function assertInternal(condition: unknown, what: string): asserts condition {
  if (!condition) throw new Error(`varve internal error: ${what}. Please report this.`);
}
