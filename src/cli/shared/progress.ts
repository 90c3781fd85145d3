import type { SingleBar } from "cli-progress";
import type { WriteProgress } from "../../index.ts";
import { visible } from "../../report/visible-text.ts";

/** Progress of long work, shown on stderr, only on a terminal. */
export interface ProgressLine {
  /** `done` of `total` (0 if unknown), in the unit given at the start. */
  update(done: number, total?: number, stage?: string): void;
  stop(): void;
}

const silent: ProgressLine = { update: () => undefined, stop: () => undefined };

/** Starts a progress line, or a silent one if stderr is not a terminal or `quiet` is set. */
export async function startProgress(label: string, unit: string, quiet: boolean): Promise<ProgressLine> {
  if (quiet || process.stderr.isTTY !== true) return silent;
  const { default: progress } = await import("cli-progress");
  const bar: SingleBar = new progress.SingleBar({
    format: `${visible(label)} {stage} {bar} {value} ${unit} in {duration_formatted}`,
    stream: process.stderr,
    clearOnComplete: true,
    hideCursor: true,
    barsize: 24,
  });
  bar.start(0, 0, { stage: "" });
  return {
    update: (done, total, stage) => {
      if (total !== undefined) bar.setTotal(total);
      bar.update(done, stage === undefined ? undefined : { stage: visible(stage) });
    },
    stop: () => bar.stop(),
  };
}

/** Shows the progress of fetching, reading, testing and writing rows on a line. */
export function showPhase(line: ProgressLine): (progress: WriteProgress) => void {
  return ({ phase, rows, bytes, share }) => {
    const done = rows !== undefined ? ` ${rows} rows` : bytes !== undefined ? ` ${megabytes(bytes)} MB` : "";
    line.update(Math.round((share ?? 0) * 100), 100, phase + done);
  };
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}
