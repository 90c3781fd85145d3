import type { OpenSession } from "../engine/core/contract.ts";
import { isVarveError, VarveError } from "../errors.ts";
import type { LogSnapshot } from "../log/contract.ts";
import type { AddAction } from "../protocol/actions.ts";
import { logPathKey } from "../schema/paths.ts";
import { throwIfCancelled } from "../util/cancel.ts";
import { fileIds, filesOf } from "./content-fingerprint.ts";
import { type DifferingRows, differingRows } from "./differing-rows.ts";
import { sumFiles } from "./file-sums.ts";
import { type RecordedSums, readFileSums, readVersionRecords } from "./fingerprint-records.ts";
import { addSums, contentFingerprintOf, contentScheme, isSameSum, noRows, type RowSum } from "./row-sum.ts";
import { stateFingerprint, stateScheme } from "./state-fingerprint.ts";

/** A data file of which something is wrong. */
export interface FileFault {
  /** Path of the file below the table, or its URI. */
  readonly path: string;
  /** `changed`: its rows are not those that were recorded. */
  readonly fault: "missing" | "unreadable" | "changed";
  /** One sentence. */
  readonly message: string;
}

/** What a version was compared with, and the result. */
export interface Verification {
  readonly version: number;
  /** `unrecorded`: nothing was recorded of the version, and nothing else given to compare it with. */
  readonly outcome: "same" | "different" | "unrecorded";
  /** The content fingerprint by the files as they are; absent if one cannot be read. */
  readonly fingerprint?: string | undefined;
  /** The fingerprint that it should have. */
  readonly expected?: string | undefined;
  /** The state fingerprint, if it was to be compared. */
  readonly state?: string | undefined;
  readonly rows?: number | undefined;
  readonly filesRead: number;
  /** How many of the files had a recorded sum. */
  readonly filesRecorded: number;
  readonly faults: readonly FileFault[];
  /** Present if the version was compared with another one that has other rows. */
  readonly differing?: DifferingRows | undefined;
}

export interface VerifyOptions {
  /** A fingerprint, or a version of a table that should have the same rows; default: what was recorded. */
  readonly against?: string | LogSnapshot | undefined;
  /** The version of the table whose records these are to be, of a pin; default: the one that is verified. */
  readonly recorded?: Pick<LogSnapshot, "context" | "metadata" | "version"> | undefined;
  /** Most rows to list. */
  readonly limit: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Reads all data files of a version and compares their rows with what was recorded of each file and of the
 * version, or with what the caller says. Recorded sums are compared, never used.
 *
 * @throws `INVALID_ARGUMENT` for text that is not a fingerprint; `SCHEMA_MISMATCH` for another version that has
 * other columns; errors of a damaged table of fingerprints
 */
export async function verify(snapshot: LogSnapshot, options: VerifyOptions): Promise<Verification> {
  const { against, signal, recorded: original = snapshot } = options;
  if (typeof against === "string") requireFingerprint(against);
  const sums = await readFileSums(original, { signal });
  await using session = await (await snapshot.context.engine()).open({ signal });
  const found = await readFiles(session, snapshot, { sums, context: original.context }, signal);
  const { version } = snapshot;
  const fingerprint = found.faults.every(({ fault }) => fault === "changed")
    ? contentFingerprintOf(snapshot.schema, found.total)
    : undefined;
  const rows = fingerprint === undefined ? undefined : found.total.rows;
  const about = { version, fingerprint, rows, ...found.counts, faults: found.faults };
  const fine = found.faults.length === 0;
  const outcome = (same: boolean) => (same && fine ? "same" : "different");
  if (typeof against === "string" && against.startsWith(stateScheme)) {
    const state = await stateFingerprint(snapshot, { signal });
    return { ...about, state, expected: against, outcome: outcome(state === against) };
  }
  if (typeof against === "object") {
    const other = await readFiles(session, against, { sums: new Map(), context: against.context }, signal);
    if (other.faults[0] !== undefined) throw unreadable(against, other.faults[0]);
    const expected = contentFingerprintOf(against.schema, other.total);
    const differing =
      fingerprint === undefined || fingerprint === expected
        ? undefined
        : await differingRows(session, snapshot, against, options.limit);
    return { ...about, expected, differing, outcome: outcome(fingerprint === expected) };
  }
  const expected = against ?? (await recordedContent(original, fingerprint, signal));
  if (expected === undefined) return { ...about, outcome: fine ? "unrecorded" : "different" };
  return { ...about, expected, outcome: outcome(fingerprint === expected) };
}

/** What was recorded of a version; of records that disagree, one that is not what was found. */
async function recordedContent(
  snapshot: Pick<LogSnapshot, "context" | "metadata" | "version">,
  found: string | undefined,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  const records = await readVersionRecords(snapshot, { signal });
  const contents = records
    .filter(({ version }) => version === snapshot.version)
    .map(({ content }) => content);
  return contents.find((content) => content !== found) ?? contents[0];
}

interface FoundRows {
  readonly total: RowSum;
  readonly counts: { readonly filesRead: number; readonly filesRecorded: number };
  readonly faults: readonly FileFault[];
}

async function readFiles(
  session: OpenSession,
  snapshot: LogSnapshot,
  { sums, context }: { readonly sums: RecordedSums; readonly context: LogSnapshot["context"] },
  signal: AbortSignal | undefined,
): Promise<FoundRows> {
  const idOf = fileIds(snapshot, context);
  const faults: FileFault[] = [];
  let total = noRows;
  let [filesRead, filesRecorded] = [0, 0];
  for await (const files of filesOf(snapshot)) {
    throwIfCancelled(signal, "verifying files");
    for (const { file, sum } of await sumsOrFaults(session, snapshot, files, signal)) {
      const before = sums.get(idOf(file)) ?? [];
      if (before.length > 0) filesRecorded++;
      if ("fault" in sum) {
        faults.push(sum);
        continue;
      }
      filesRead++;
      total = addSums(total, sum);
      const other = before.find((each) => !isSameSum(each, sum));
      if (other !== undefined) faults.push(changed(file, other, sum));
    }
  }
  return { total, counts: { filesRead, filesRecorded }, faults };
}

interface FileResult {
  readonly file: AddAction;
  readonly sum: RowSum | FileFault;
}

/** Reads files together; if that fails, in halves, until the files that cannot be read are found. */
async function sumsOrFaults(
  session: OpenSession,
  snapshot: LogSnapshot,
  files: readonly AddAction[],
  signal: AbortSignal | undefined,
): Promise<FileResult[]> {
  try {
    const sums = await sumFiles(session, snapshot, files, signal);
    return files.map((file, index) => ({ file, sum: sums[index] ?? noRows }));
  } catch (error) {
    if (!isVarveError(error, "DATA_FILE_MISSING", "DATA_FILE_CORRUPT", "DELETION_VECTOR_CORRUPT"))
      throw error;
    const [file] = files;
    if (files.length === 1 && file !== undefined) return [{ file, sum: faultOf(file, error) }];
    const half = Math.ceil(files.length / 2);
    return [
      ...(await sumsOrFaults(session, snapshot, files.slice(0, half), signal)),
      ...(await sumsOrFaults(session, snapshot, files.slice(half), signal)),
    ];
  }
}

function faultOf({ path }: AddAction, error: VarveError): FileFault {
  const fault = error.code === "DATA_FILE_MISSING" ? "missing" : "unreadable";
  return { path: logPathKey(path), fault, message: error.message };
}

function changed({ path }: AddAction, before: RowSum, now: RowSum): FileFault {
  const message =
    before.rows === now.rows
      ? `Its ${now.rows} rows do not have the values that were recorded.`
      : `It has ${now.rows} rows, and ${before.rows} were recorded.`;
  return { path: logPathKey(path), fault: "changed", message };
}

function requireFingerprint(text: string): void {
  if (new RegExp(`^(?:${contentScheme}|${stateScheme}):[0-9a-f]{64}$`).test(text)) return;
  throw new VarveError(
    "INVALID_ARGUMENT",
    `Cannot compare with ${JSON.stringify(text)}: a fingerprint is ${contentScheme}: or ${stateScheme}: and 64 hexadecimal digits. Pass it whole, as it was printed.`,
    { found: text },
  );
}

function unreadable({ context, version }: LogSnapshot, { fault, path, message }: FileFault): VarveError {
  const { uri } = context.store;
  const text = `Cannot compare with version ${version} of ${uri}: ${message}`;
  return fault === "missing"
    ? new VarveError("DATA_FILE_MISSING", text, { path, store: uri })
    : new VarveError("DATA_FILE_CORRUPT", text, { file: path });
}
