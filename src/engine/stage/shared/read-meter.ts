import type { StageOptions } from "../../core/contract.ts";
import { fileSize } from "./source-file.ts";

/** Reports how much of a source's files has been read. */
export interface ReadMeter {
  /** `bytes` of the file at `index` have been read, and all of the files before it; `rows` of all files. */
  report(index: number, bytes: number, rows?: number): void;
  /** Takes the share, 0 to 1, that has been read of the file at `index`; undefined if nobody follows. */
  shares(index: number): ((share: number) => void) | undefined;
  /** The file at `index` has been read. */
  end(index: number, rows: number): void;
}

const silent: ReadMeter = { report: () => undefined, shares: () => undefined, end: () => undefined };

/** Measures the files if anybody follows their reading. @throws `SOURCE_UNREADABLE` for an absent file */
export async function readMeter(
  files: readonly string[],
  onProgress: StageOptions["onProgress"],
): Promise<ReadMeter> {
  if (onProgress === undefined) return silent;
  const ends: number[] = [];
  for (const file of files) ends.push((ends.at(-1) ?? 0) + (await fileSize(file)));
  const totalBytes = ends.at(-1) ?? 0;
  let latest = { rows: 0, bytes: 0 };
  const advance = (bytes: number, rows: number) => {
    latest = { rows, bytes: Math.max(latest.bytes, bytes) };
    // no files, or a pipe, which has no size
    onProgress(totalBytes === 0 ? { rows } : { ...latest, totalBytes });
  };
  const report: ReadMeter["report"] = (index, bytes, rows = latest.rows) =>
    advance(Math.min((ends[index - 1] ?? 0) + bytes, ends[index] ?? totalBytes), rows);
  const size = (index: number) => (ends[index] ?? totalBytes) - (ends[index - 1] ?? 0);
  return {
    report,
    shares: (index) => (share) => report(index, Math.round(share * size(index))),
    end: (index, rows) => advance(ends[index] ?? totalBytes, rows),
  };
}
