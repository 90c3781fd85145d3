import { isVarveError, type VarveError } from "../errors.ts";
import type { Suite } from "../quality/model/suite.ts";
import type { BatchName } from "../table/idempotence/application-ids.ts";
import type { QuarantinePlace } from "./plan/write-options.ts";
import type { SetAsideBatch } from "./stages/batch-stages.ts";
import type { StageServices } from "./stages/write-room.ts";

/** Services of a write, in addition to its plan. */
export interface WriteServices extends StageServices {
  /** Receives the rows that the tests set aside; absent if no test can set rows aside. */
  readonly quarantine?: QuarantineSink | undefined;
  /** Records the batch if it is refused; absent if that leaves no trace. */
  readonly rejections?: RejectionLog | undefined;
}

/** Record of the batches that a table refused. */
export interface RejectionLog {
  /**
   * Records one attempt of a batch that was refused. Never rejects, because that would hide why the batch was
   * refused.
   *
   * @returns the batch's own error; if it could not be recorded, with a sentence that says so and
   * `data.unrecorded`
   */
  record(batch: RefusedBatch): Promise<VarveError>;
}

/** Whether an error says that rows do not fit the table or do not pass its tests, which is worth a record. */
export function isRefusal(error: unknown): error is VarveError {
  return isVarveError(error, "BATCH_REJECTED", "CONSTRAINT_VIOLATED", "SCHEMA_MISMATCH");
}

/** A batch that was refused after its rows were looked at. */
export interface RefusedBatch {
  readonly batch: BatchName;
  /** E.g. `WRITE`. */
  readonly operation: string;
  /** Source files as they were named, without what may be secret. */
  readonly sources: readonly string[];
  readonly userMetadata?: string | undefined;
  readonly suite: Pick<Suite, "name" | "fingerprint"> | undefined;
  readonly error: VarveError;
}

/** Destination of the rows that a batch's tests set aside. */
export interface QuarantineSink {
  /**
   * Looks for rows that an earlier attempt of a batch left behind. Runs in parallel with the stages of the
   * batch, because it takes as long as a commit on remote stores.
   */
  open(batch: BatchName): Promise<OpenQuarantine>;
}

/** A sink that is ready for one batch. */
export interface OpenQuarantine {
  /**
   * Commits the rows that the batch sets aside, before the batch itself is committed. After a crash between
   * the two, the repeated batch does not add these rows again.
   *
   * @returns their location; `undefined` if the batch sets none aside
   */
  setAside(batch: SetAsideBatch): Promise<QuarantinePlace | undefined>;
}
