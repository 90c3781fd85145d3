import { VarveError } from "../errors.ts";
import type { AddAction, RemoveAction, SidecarAction } from "./actions.ts";
import type { HeadAction } from "./commit-lines.ts";
import type { TableContext } from "./contract.ts";
import type { CheckpointFiles } from "./listing.ts";

/** The actions of a checkpoint that are not about files, and the sidecars that hold those that are. */
export interface CheckpointHead {
  readonly actions: readonly HeadAction[];
  readonly sidecars: readonly SidecarAction[];
}

/** Reads what a snapshot is opened from. @throws `CHECKPOINT_CORRUPT` with `path` */
export async function readCheckpointHead(_context: TableContext, checkpoint: CheckpointFiles): Promise<CheckpointHead> {
  throw new VarveError("CHECKPOINT_CORRUPT", "Checkpoints are not read yet.", { path: checkpoint.files[0]?.path });
}

/** Reads the file actions of a checkpoint. @throws `CHECKPOINT_CORRUPT` with `path` */
export async function readCheckpointFiles(
  _context: TableContext,
  checkpoint: CheckpointFiles,
  _head: CheckpointHead,
): Promise<(AddAction | RemoveAction)[]> {
  throw new VarveError("CHECKPOINT_CORRUPT", "Checkpoints are not read yet.", { path: checkpoint.files[0]?.path });
}
