import type { FencedSession, OpenSession } from "../../src/engine/core/contract.ts";
import { lazyFence } from "../../src/engine/fence/lazy-fence.ts";

const fences = new WeakMap<OpenSession, () => Promise<FencedSession>>();

/** Fences a session, to no files at all, when it is first asked for; the same for each session. */
export function fenceOf(session: OpenSession): () => Promise<FencedSession> {
  const fence = fences.get(session) ?? lazyFence(session, () => ({ files: [] }));
  fences.set(session, fence);
  return fence;
}
