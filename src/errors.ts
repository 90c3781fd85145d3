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
  | "STORE_FORBIDDEN"
  | "STORE_FULL"
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
  | "HISTORY_RETAINED"
  | "LIMIT_EXCEEDED"
  // data files
  | "DATA_FILE_MISSING"
  | "DATA_FILE_CORRUPT"
  | "DELETION_VECTOR_CORRUPT"
  | "VACUUM_LITE_UNAVAILABLE"
  // schema
  | "SCHEMA_INVALID"
  | "PROPERTY_INVALID"
  | "SCHEMA_MISMATCH"
  | "COLUMN_NOT_FOUND"
  | "CONSTRAINT_VIOLATED"
  | "TABLE_APPEND_ONLY"
  | "MERGE_AMBIGUOUS"
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
  | "ROWS_UNACCOUNTED"
  | "SUITE_INVALID"
  | "QUARANTINE_INVALID"
  | "STAGED_INVALID"
  // pins
  | "PIN_EXISTS"
  | "PIN_NOT_FOUND"
  // runs
  | "RUN_EXISTS"
  | "RUN_NOT_FOUND"
  // predictions
  | "PREDICTION_INVALID"
  | "PREDICTION_EXISTS"
  | "PREDICTION_NOT_FOUND"
  | "PREDICTION_NOT_REPRODUCIBLE"
  | "MODEL_FAILED"
  // training sets
  | "TRAINING_SET_INVALID"
  | "TRAINING_SET_LEAKS"
  | "TRAINING_SET_NOT_REPRODUCIBLE"
  // models
  | "SCORE_INVALID"
  | "OUTCOMES_LEAKED"
  | "ESTIMATE_UNSUPPORTED"
  | "KEYS_DIFFER"
  | "ROWS_IN_TRAINING"
  // drift
  | "BASELINE_UNREADABLE"
  | "BASELINE_IS_CURRENT"
  // monitors
  | "MONITOR_INVALID"
  | "MONITOR_EXISTS"
  | "MONITOR_NOT_FOUND"
  | "BINS_CHANGED"
  | "ROWS_NEEDED"
  | "MONITOR_STORE_DAMAGED"
  // queries
  | "SQL_FAILED"
  | "SQL_REFUSED"
  // engine
  | "ENGINE_FAILED"
  | "MEMORY_LIMIT_TOO_SMALL"
  | "CANCELLED";

/**
 * Details of a {@link VarveError} for programs: JSON-compatible values, never secrets. `column` is the path of a column
 * or of a field in it, as a list of names; of `SQL_FAILED`, the position in a line of the text.
 */
export type ErrorData = Readonly<Record<string, unknown>> & {
  readonly column?: readonly string[] | number | undefined;
};

/**
 * The error class that varve throws for everything except its own bugs.
 *
 * The message says what happened, the value that caused it and what to do next. `code` is stable, `data`
 * repeats the values of the message for programs, and `cause` keeps the underlying error. Message and data
 * are bounded, because they repeat names from files of any origin: a word of the message to 500 characters,
 * the message to 4,000, and a text in `data` to 10,000.
 */
export class VarveError extends Error {
  readonly code: ErrorCode;
  readonly data: ErrorData;

  constructor(code: ErrorCode, message: string, data: ErrorData = {}, cause?: unknown) {
    super(boundedMessage(message), cause === undefined ? undefined : { cause });
    this.name = "VarveError";
    this.code = code;
    this.data = boundedData(data);
  }
}

/** Whether `error` is a {@link VarveError} and, if codes are given, has one of them. */
export function isVarveError(error: unknown, ...codes: readonly ErrorCode[]): error is VarveError {
  return error instanceof VarveError && (codes.length === 0 || codes.includes(error.code));
}

/** Codes of a store that refuses for good: trying the same again cannot help. */
const refusalCodes = [
  "STORE_REFUSED",
  "STORE_FORBIDDEN",
  "STORE_FULL",
] as const satisfies readonly ErrorCode[];

/** Whether a store refused for good, whatever the reason. */
export function isStoreRefusal(
  error: unknown,
): error is VarveError & { readonly code: (typeof refusalCodes)[number] } {
  return isVarveError(error) && refusalCodes.some((code) => code === error.code);
}

/** Whether `error` is about the store, and so says nothing about what lies in it. */
export function isStoreFailure(
  error: unknown,
): error is VarveError & { readonly code: "STORE_UNAVAILABLE" | (typeof refusalCodes)[number] } {
  return isVarveError(error, "STORE_UNAVAILABLE") || isStoreRefusal(error);
}

/** Whether `error` says that a version cannot be read from the log, because of what the log holds or lacks. */
export function isLogDamage(error: unknown): error is VarveError {
  return isVarveError(
    error,
    "LOG_CORRUPT",
    "CHECKPOINT_CORRUPT",
    "VERSION_NOT_FOUND",
    "LOG_GAP",
    "CATALOG_MANAGED",
  );
}

/** Throws a plain `Error` for a state that only a bug in varve can produce. */
export function assertInternal(condition: unknown, what: string): asserts condition {
  if (!condition) throw new Error(`varve internal error: ${what}. Please report this.`);
}

/** Maximum number of characters of one name (a path, a column, a value without a space) in a message. */
const mostOfName = 500;
const longNames = new RegExp(`\\S{${mostOfName + 1},}`, "g");
/** Maximum number of characters of a whole message. */
const mostOfMessage = 4_000;
/**
 * Maximum number of characters of a text in an error's data: more than any path or key that a store can hold.
 */
const mostOfData = 10_000;
/** Depth to which texts in an error's data are searched. */
const dataDepth = 4;

/**
 * Bounds the length of a message: each word is cut at 500 characters, and a message of more than 4,000 loses
 * its middle, because its end says what to do next.
 */
export function boundedMessage(message: string): string {
  if (message.length <= mostOfName) return message;
  const named = message.replace(longNames, (name) => `${cut(name, mostOfName)}…`);
  return withoutMiddle(named, mostOfMessage);
}

/**
 * Bounds every text in an error's data to 10,000 characters by leaving out its middle; returns the same
 * object if all are shorter.
 */
export function boundedData<T>(data: T): T {
  return bounded(data, 0) as T;
}

function bounded(value: unknown, depth: number): unknown {
  if (typeof value === "string") return withoutMiddle(value, mostOfData);
  if (depth === dataDepth) return value;
  if (Array.isArray(value)) {
    const items = value.map((item) => bounded(item, depth + 1));
    return items.every((item, index) => item === value[index]) ? value : items;
  }
  if (typeof value !== "object" || value === null || Object.getPrototypeOf(value) !== Object.prototype)
    return value;
  const entries = Object.entries(value).map(
    ([name, item]) => [name, item, bounded(item, depth + 1)] as const,
  );
  return entries.every(([, item, short]) => item === short)
    ? value
    : Object.fromEntries(entries.map(([name, , short]) => [name, short]));
}

function withoutMiddle(text: string, most: number): string {
  if (text.length <= most) return text;
  const head = cut(text, Math.floor(most * 0.75));
  const tail = text.slice(-Math.floor(most * 0.2));
  return `${head}… (${text.length - head.length - tail.length} characters left out) …${tail}`;
}

/** The first characters, without half a surrogate pair at the end. */
function cut(text: string, length: number): string {
  const last = text.charCodeAt(length - 1);
  return text.slice(0, last >= 0xd800 && last <= 0xdbff ? length - 1 : length);
}
