import type { FencedSession, FenceLimits, OpenSession } from "../core/contract.ts";

/**
 * Fences a session when its fence is first asked for, with the limits of that moment; later calls answer with
 * the same session.
 */
export function lazyFence(session: OpenSession, limits: () => FenceLimits): () => Promise<FencedSession> {
  let fenced: Promise<FencedSession> | undefined;
  return () => {
    fenced ??= session.fence(limits());
    return fenced;
  };
}
