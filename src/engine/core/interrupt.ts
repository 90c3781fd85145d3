import type { DuckDBConnection } from "@duckdb/node-api";

/**
 * Milliseconds between interrupts: one that comes before a query has started in the engine's thread is lost.
 */
const interval = 10;

/** Interrupts a connection repeatedly from when the signal aborts until the returned function is called. */
export function interruptOnAbort(connection: DuckDBConnection, signal: AbortSignal | undefined): () => void {
  let timer: NodeJS.Timeout | undefined;
  const interrupt = () => {
    connection.interrupt();
    timer = setInterval(() => connection.interrupt(), interval);
  };
  signal?.addEventListener("abort", interrupt, { once: true });
  return () => {
    signal?.removeEventListener("abort", interrupt);
    clearInterval(timer);
  };
}
