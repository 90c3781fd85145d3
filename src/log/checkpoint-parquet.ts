import { VarveError } from "../errors.ts";
import type { Action } from "./actions.ts";
import type { LogSnapshot } from "./contract.ts";
import type { UpkeepProperties } from "./upkeep-properties.ts";

/** What goes into one Parquet file of a checkpoint. */
export interface ParquetContent {
  /** Absent for a sidecar. */
  readonly head?: readonly Action[];
  readonly files: AsyncIterable<readonly Action[]>;
  readonly properties: UpkeepProperties;
}

/** One written Parquet file of a checkpoint. */
export interface ParquetPart {
  readonly actions: number;
  readonly adds: number;
  readonly bytes: number;
}

/** Writes actions as a Parquet file of the log. */
export async function writeCheckpointParquet(_snapshot: LogSnapshot, path: string, _content: ParquetContent): Promise<ParquetPart> {
  throw new VarveError("ENGINE_FAILED", `Parquet checkpoints are not written yet (${path}).`);
}
