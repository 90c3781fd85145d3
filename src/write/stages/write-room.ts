import type { FencedSession, OpenSession } from "../../engine/core/contract.ts";
import { lazyFence } from "../../engine/fence/lazy-fence.ts";
import type { TableContext } from "../../log/contract.ts";
import type { Baselines, MetricHistory } from "../../quality/gate/gate-context.ts";
import { throwIfCancelled } from "../../util/cancel.ts";
import { removeTemporaryFolder } from "../../util/temporary-folder.ts";
import { withFetchedFiles } from "../plan/fetched-source.ts";
import type { WriteProgress } from "../plan/write-options.ts";
import type { RowsPlan } from "../plan/write-plan.ts";

/** Services and options of the stages of a write. */
export interface StageServices {
  readonly history?: MetricHistory | undefined;
  readonly baselines?: Baselines | undefined;
  readonly onProgress?: ((progress: WriteProgress) => void) | undefined;
  /** Cancels the write; an uncommitted write leaves nothing behind. */
  readonly signal?: AbortSignal | undefined;
}

/** Resources of a write: an engine session and a folder for its files. */
export interface WriteRoom {
  readonly session: OpenSession;
  /** Folder that the session may write to. */
  readonly staging: string;
  /** Files that the session may read once it is fenced; the stages before the fence add to them. */
  readonly readable: string[];
  /** Fences the session on first use, before the engine sees any SQL of a caller or a table. */
  readonly fence: () => Promise<FencedSession>;
}

/**
 * Runs work with these resources and with a plan whose source has only local files, and releases them
 * whatever happens: an uncommitted write leaves nothing behind.
 */
export async function inWriteRoom<T>(
  plan: RowsPlan,
  { signal, onProgress }: StageServices,
  work: (room: WriteRoom, plan: RowsPlan) => Promise<T>,
): Promise<T> {
  const { context } = plan.target;
  const fetching = { access: context.sources, signal, onProgress };
  return withFetchedFiles(plan.source, fetching, (fetched) =>
    inRoom(context, signal, (room) => work(room, { ...plan, ...fetched })),
  );
}

/**
 * Runs work with the resources of a write to a table, and releases them whatever happens.
 *
 * @param memoryLimit default: the table's
 */
export async function inRoom<T>(
  context: TableContext,
  signal: AbortSignal | undefined,
  work: (room: WriteRoom) => Promise<T>,
  memoryLimit?: number,
): Promise<T> {
  const staging = await context.store.stagingFolder();
  try {
    await using session = await (await context.engine()).open({ signal, memoryLimit });
    const readable: string[] = [];
    const fence = lazyFence(session, () => ({ files: readable, writableFolders: [staging] }));
    return await work({ session, staging, readable, fence });
  } finally {
    await removeTemporaryFolder(staging);
  }
}

/** Reports that a phase begins. @throws `CANCELLED` */
export function beginPhase(
  { onProgress, signal }: StageServices,
  phase: "reading" | "checking" | "writing",
): void {
  throwIfCancelled(signal, `${phase} the batch`);
  onProgress?.({ phase });
}
