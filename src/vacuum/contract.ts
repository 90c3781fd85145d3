import type { ObjectInfo } from "../storage/contract/object-store.ts";
import type { CloneRecord } from "../table/clones/clone-records.ts";
import type { MaintenanceOutcome } from "../table/commit/log-maintenance.ts";
import type { WriteSource } from "../write/plan/write-source.ts";
import type { VersionRange } from "./file-history.ts";

/** Which files a vacuum deletes, and how. */
export interface VacuumSettings {
  /**
   * How files are found. `full` (default): by listing the table's folder. `lite`: by the removals in the log since the
   * last vacuum, without a listing, so that files which no version ever named stay.
   */
  readonly mode?: "full" | "lite" | undefined;
  /** Keep files of which the table had need within this many hours; default: `delta.deletedFileRetentionDuration`. */
  readonly retainHours?: number | undefined;
  /**
   * Refuse a `retainHours` below the table's own retention; default true. With less than a write of another writer
   * takes, the vacuum may delete the files of that write.
   */
  readonly retentionCheck?: boolean | undefined;
  /**
   * URIs of shallow clones that are gone for good, as `unreachableClones` names them: their records are deleted, and
   * their files do not stay for them. What stayed for them before the last vacuum, only a `full` one finds.
   */
  readonly forgetClones?: readonly string[] | undefined;
  /** Only say what would be deleted. */
  readonly dryRun?: boolean | undefined;
  /** Called with what is about to be deleted or forgotten, if anything; nothing is deleted unless it returns true. */
  readonly confirm?: ((plan: VacuumPlan) => boolean | Promise<boolean>) | undefined;
  /**
   * Whether two commits, VACUUM START and VACUUM END, tell of the vacuum in the history; default: unless the table is
   * on S3, as in Spark.
   */
  readonly record?: boolean | undefined;
  /** Kept in the history, with the commits. */
  readonly userMetadata?: string | undefined;
  /** Called with the share of the files that is deleted, 0 to 1. */
  readonly onProgress?: ((share: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** {@link VacuumSettings}, with rows that list the files. */
export interface VacuumRequest extends VacuumSettings {
  /** Look only at these files, of rows with a `path`, instead of listing the table. */
  readonly inventory?: WriteSource | undefined;
}

/** A version that pins keep. */
export interface PinnedVersion {
  readonly version: number;
  /** Names of the pins, oldest first. */
  readonly pins: readonly string[];
}

/** What a vacuum deletes. */
export interface VacuumPlan {
  /** The newest version, which keeps all of its files. */
  readonly version: number;
  /** Paths relative to the table's root, in order. */
  readonly files: readonly string[];
  readonly bytes: number;
  /** Files that were modified, or belonged to the table, at this time or later stay. */
  readonly before: Date;
  /** Versions that can be read now, and cannot without the files. */
  readonly unreadableVersions: readonly VersionRange[];
  /** Those of them that pins keep: they stay readable as `path@name`. */
  readonly pinnedVersions: readonly PinnedVersion[];
  /** Versions whose changes can be read now from change files, and cannot without the files. */
  readonly unreadableChanges: readonly VersionRange[];
  /** Shallow clones that are not found where the table's records say, for which files stay. */
  readonly unreachableClones: readonly UnreachableClone[];
  /** URIs of the shallow clones whose records are deleted, as `forgetClones` says. */
  readonly forgottenClones: readonly string[];
}

/** A shallow clone that is not found: its disk is not mounted here, it is being made, or it is gone. */
export interface UnreachableClone {
  readonly uri: string;
  /** When the table recorded it, just before its first commit. */
  readonly recorded: Date;
  /** Files that would be deleted, and stay because the clone may need them. */
  readonly files: number;
  readonly bytes: number;
}

/** Result of a vacuum. */
export interface VacuumResult extends VacuumPlan {
  /** `unchanged`: there was nothing to delete. `declined`: `confirm` did not return true. */
  readonly outcome: "deleted" | "unchanged" | "declined" | "dryRun";
  /** Empty folders that were removed, on local disk. A folder that this vacuum emptied is left for a later one. */
  readonly foldersRemoved: number;
}

/** A {@link VacuumResult}, with the maintenance that follows. */
export interface VacuumOutcome extends VacuumResult {
  readonly maintenance?: Promise<MaintenanceOutcome> | undefined;
}

/** What a vacuum deletes, with what carrying it out needs to know. */
export interface VacuumWork {
  readonly request: VacuumRequest;
  readonly plan: VacuumPlan;
  /** Milliseconds since 1970-01-01 UTC. */
  readonly before: number;
  /** Milliseconds. */
  readonly retention: { readonly table: number; readonly requested?: number | undefined };
  readonly staged: ReadonlySet<string>;
  readonly files: readonly ObjectInfo[];
  /** Records of clones to forget, by their paths. */
  readonly forgotten: ReadonlyMap<string, CloneRecord>;
  /** Folders that were looked at. */
  readonly folders: number;
  /** The newest version that was committed before `before`; absent if there is none. */
  readonly lastExpired?: number | undefined;
}
