import type { BatchName } from "../table/idempotence/application-ids.ts";
import type { QuarantinePlace } from "./plan/write-options.ts";
import type { WrittenBatch } from "./stages/batch-stages.ts";
import type { StageServices } from "./stages/write-room.ts";

/** What a write is handed from above, beside its plan. */
export interface WriteServices extends StageServices {
  /** Takes the rows that the tests set aside; absent where no test can. */
  readonly quarantine?: QuarantineSink | undefined;
}

/** Where rows go that a batch's tests set aside. */
export interface QuarantineSink {
  /**
   * Looks for what an earlier try of a batch left behind. Runs beside the stages of the batch: on remote stores it
   * takes as long as a commit.
   */
  open(batch: BatchName): Promise<OpenQuarantine>;
}

/** A sink that is ready for one batch. */
export interface OpenQuarantine {
  /**
   * Commits the rows that the batch sets aside, before the batch itself is committed: a crash between the two leaves
   * rows that the repeated batch does not add again.
   *
   * @returns where they went; `undefined` where the batch sets none aside
   */
  setAside(batch: WrittenBatch): Promise<QuarantinePlace | undefined>;
}
