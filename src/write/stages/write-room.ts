import type { FencedSession, OpenSession } from "../../engine/core/contract.ts";
import { lazyFence } from "../../engine/fence/lazy-fence.ts";
import type { TableContext } from "../../log/contract.ts";
import type { MetricHistory } from "../../quality/gate/gate-context.ts";
import { throwIfCancelled } from "../../util/cancel.ts";
import { removeTemporaryFolder } from "../../util/temporary-folder.ts";
import type { WriteProgress } from "../plan/write-options.ts";

/** What the stages of a write are handed from above. */
export interface StageServices {
  readonly history?: MetricHistory | undefined;
  readonly onProgress?: ((progress: WriteProgress) => void) | undefined;
  /** Cancels the write; an uncommitted write leaves nothing behind. */
  readonly signal?: AbortSignal | undefined;
}

/** What a write works with: an engine of its own and a folder for its files. */
export interface WriteRoom {
  readonly session: OpenSession;
  /** Folder that the session may write in. */
  readonly staging: string;
  /** Files that the session may read once it is fenced; the stages before the fence add theirs. */
  readonly readable: string[];
  /** Fences the session when it is first asked for, before the engine sees any text of a caller's or a table's. */
  readonly fence: () => Promise<FencedSession>;
}

/** Runs work in a room, and clears the room away whatever happens: what was not committed leaves nothing behind. */
export async function inWriteRoom<T>(
  context: TableContext,
  signal: AbortSignal | undefined,
  work: (room: WriteRoom) => Promise<T>,
): Promise<T> {
  const staging = await context.store.stagingFolder();
  try {
    await using session = await (await context.engine()).open({ signal });
    const readable: string[] = [];
    const fence = lazyFence(session, () => ({ files: readable, writableFolders: [staging] }));
    return await work({ session, staging, readable, fence });
  } finally {
    await removeTemporaryFolder(staging);
  }
}

/** Tells that a phase begins. @throws `CANCELLED` */
export function beginPhase(
  { onProgress, signal }: StageServices,
  phase: "reading" | "checking" | "writing",
): void {
  throwIfCancelled(signal, `${phase} the batch`);
  onProgress?.({ phase });
}
