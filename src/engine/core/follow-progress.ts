import type { DuckDBConnection } from "@duckdb/node-api";

/**
 * Reports the share, 0 to 1, that a measured connection has done of its present statement, until the returned
 * function is called.
 */
export function followProgress(
  connection: DuckDBConnection,
  onShare: ((share: number) => void) | undefined,
): () => void {
  if (onShare === undefined) return () => undefined;
  const timer = setInterval(() => {
    const { percentage } = connection.progress;
    if (percentage >= 0) onShare(Math.min(1, percentage / 100));
  }, intervalMilliseconds);
  return () => clearInterval(timer);
}

const intervalMilliseconds = 200;
