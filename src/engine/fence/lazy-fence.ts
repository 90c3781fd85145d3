import type { FencedSession, FenceLimits, OpenSession } from "../core/contract.ts";

/** Fences a session on first use, with the limits at that time; later calls return the same session. */
export function lazyFence(session: OpenSession, limits: () => FenceLimits): () => Promise<FencedSession> {
  let fenced: Promise<FencedSession> | undefined;
  return () => {
    fenced ??= session.fence(limits());
    return fenced;
  };
}
