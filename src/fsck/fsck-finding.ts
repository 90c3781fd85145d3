import { isVarveError, type VarveError } from "../errors.ts";

/** Kinds of problems of a table; spec/fsck.md explains each. */
export type FindingCode =
  | "TABLE_UNREADABLE"
  | "LOG_GAP"
  | "LOG_FILE_STRAY"
  | "COMMIT_CORRUPT"
  | "COMMIT_INVALID"
  | "CHECKPOINT_CORRUPT"
  | "CHECKPOINT_INCOMPLETE"
  | "CHECKPOINT_DIFFERS"
  | "COMPACTION_INVALID"
  | "COMPACTION_DIFFERS"
  | "HINT_INVALID"
  | "CHECKSUM_WRONG"
  | "DATA_FILE_MISSING"
  | "DATA_FILE_CORRUPT"
  | "PATH_OUTSIDE_TABLE"
  | "PATH_INVALID"
  | "FILE_SIZE_WRONG"
  | "ROW_COUNT_WRONG"
  | "STATISTICS_WRONG"
  | "NULL_NOT_ALLOWED"
  | "PARTITION_VALUE_INVALID"
  | "DELETION_VECTOR_CORRUPT"
  | "CHANGE_FILE_MISSING"
  | "CHANGE_FILE_CORRUPT"
  | "HISTORY_VACUUMED"
  | "ORPHAN_FILE"
  | "ABANDONED_FILE";

/**
 * One problem. `error`: rows may be lost, wrong or unreadable; `warning`: readers can cope; `info`: nothing
 * is wrong with the rows.
 */
export interface Finding {
  readonly code: FindingCode;
  readonly severity: "error" | "warning" | "info";
  readonly message: string;
  /** The file concerned, relative to the table's root or as spelled in the log. */
  readonly path?: string | undefined;
  readonly version?: number | undefined;
}

/** What to check. */
export interface FsckOptions {
  /** Default: the newest version. */
  readonly version?: number | undefined;
  /**
   * Read every data file and compare its rows with the log; default true. If false, only the existence of
   * files is checked.
   */
  readonly data?: boolean | undefined;
  /** Look for files that no version names; default true. */
  readonly orphans?: boolean | undefined;
  /**
   * Also check the past: every checkpoint and compaction against the log, the files of every version, and
   * change files; default false.
   */
  readonly deep?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called with the number of files checked so far, and the total. */
  readonly onProgress?: ((files: number, of: number) => void) | undefined;
}

/** The finding for a path of the log that was refused, with `PATH_OUTSIDE_TABLE` or `LOG_CORRUPT`. */
export function pathFinding(error: VarveError): Pick<Finding, "code" | "severity" | "message"> {
  const code = isVarveError(error, "PATH_OUTSIDE_TABLE") ? "PATH_OUTSIDE_TABLE" : "PATH_INVALID";
  return { code, severity: "error", message: error.message };
}
