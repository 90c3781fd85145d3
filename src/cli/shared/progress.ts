import type { GenericFormatter, Options } from "cli-progress";
import { counted } from "../../api/counted.ts";
import type { WriteProgress } from "../../index.ts";

/** State of long work. */
export interface ProgressState {
  readonly stage: string;
  /** Share that is done, 0 to 1; undefined where it is unknown, so that no bar is drawn. */
  readonly share?: number | undefined;
  /** Size of what is done, e.g. `12.5 of 80.0 MB`. */
  readonly detail?: string | undefined;
}

/** The most columns that the line takes. */
const widest = 60;
const barWidth = 16;
/** Steps of a full bar. */
const steps = 1000;

/**
 * Shows the progress of work on standard error, on one line whose bar ends full, and which is then removed; nothing if that is no terminal, or `quiet` is set.
 */
export async function withProgressLine<T>(
  first: ProgressState,
  quiet: boolean,
  work: (update: (state: ProgressState) => void) => Promise<T>,
): Promise<T> {
  if (quiet || process.stderr.isTTY !== true) return work(() => undefined);
  const { default: progress } = await import("cli-progress");
  let latest = first;
  const bar = new progress.SingleBar({
    format: lineFormat(progress.Format.Formatter),
    stream: process.stderr,
    barsize: barWidth,
    clearOnComplete: true,
    hideCursor: true,
  });
  const update = (state: ProgressState) => {
    latest = state;
    bar.update(Math.round((state.share ?? 0) * steps), { state });
  };
  bar.start(steps, 0, { state: latest });
  try {
    const result = await work(update);
    update(latest.share === undefined ? latest : { ...latest, share: 1 });
    return result;
  } finally {
    bar.stop();
  }
}

/** The line for a state; where the terminal has no room for it, its details are left out. */
function lineFormat(formatter: GenericFormatter): GenericFormatter {
  return (options, params, payload: { readonly state: ProgressState }) => {
    const { stage, share, detail = "" } = payload.state;
    // a terminal of unknown width says 0
    const room = Math.min(widest, process.stderr.columns || widest) - 1;
    const draw = (format: string) =>
      formatter({ ...options, format } as Options, params, { stage, detail }).replace(/ +/g, " ");
    const bar = share === undefined ? "" : "{bar} {percentage} % ";
    const line = draw(`{stage} ${bar}{detail} {duration_formatted}`);
    return line.length <= room ? line : draw(`{stage} ${bar}`).trimEnd().slice(0, room);
  };
}

/**
 * States of the line for the phases of a write or check: a bar that never goes back, in which the reading of text
 * and Arrow files takes one half. Other files are read while their rows are written.
 */
export function phaseStates(): (progress: WriteProgress) => ProgressState {
  let reached = 0;
  let written = 0;
  return (progress) => {
    const { phase, share } = progress;
    if (phase === "reading" && share !== undefined) {
      written = readingShare;
      reached = Math.max(reached, share * readingShare);
    }
    if (phase === "writing") reached = Math.max(reached, written + (share ?? 0) * (1 - written));
    if (phase === "committing") reached = 1;
    return { stage: phase, share: phase === "fetching" ? undefined : reached, detail: sizeOf(progress) };
  };
}

const readingShare = 0.5;

function sizeOf({ rows, bytes, totalBytes }: WriteProgress): string | undefined {
  if (bytes !== undefined && totalBytes !== undefined)
    return `${megabytes(bytes)} of ${megabytes(totalBytes)} MB`;
  if (bytes !== undefined) return `${megabytes(bytes)} MB`;
  return rows === undefined ? undefined : counted(rows, "row");
}

/** A size for people, such as `715 bytes`, `3.6 kB` or `1.2 GB`. */
export function sizeText(bytes: number): string {
  if (bytes < 1000) return counted(bytes, "byte");
  const power = Math.min(Math.floor(Math.log10(bytes) / 3), 4);
  return `${(bytes / 1000 ** power).toFixed(1)} ${["", "kB", "MB", "GB", "TB"][power]}`;
}

/** Bytes as megabytes, with one decimal. */
export function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}
