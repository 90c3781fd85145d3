import { isVarveError } from "../errors.ts";
import type { LogSnapshot } from "../log/contract.ts";
import type { AddAction } from "../protocol/actions.ts";
import { logPathKey } from "../schema/paths.ts";
import { throwIfCancelled } from "../util/cancel.ts";
import { fileIdentities, valuesDigest } from "./file-identity.ts";
import { sumFiles } from "./file-sums.ts";
import {
  digestOfFile,
  type FileSum,
  type RecordedSums,
  readFileSums,
  type VersionFingerprint,
  writeFingerprints,
} from "./fingerprint-records.ts";
import { addSums, contentFingerprintOf, noRows } from "./row-sum.ts";
import { stateFingerprint } from "./state-fingerprint.ts";

/** The fingerprint of the rows of a version. */
export interface ContentFingerprint {
  readonly version: number;
  /** `varve-content-1:` and 64 hexadecimal digits. */
  readonly fingerprint: string;
  readonly rows: number;
  /** Number of data files that were read; the sums of the others were recorded. */
  readonly filesRead: number;
  readonly filesRecorded: number;
  /** Why the records could not be used, so that all files were read. */
  readonly recordsUnreadable?: string | undefined;
}

export interface FingerprintOptions {
  readonly signal?: AbortSignal | undefined;
}

/** Computes the fingerprint of a version's rows; reads only files whose sums are not recorded. */
export async function contentFingerprint(
  snapshot: LogSnapshot,
  options: FingerprintOptions = {},
): Promise<ContentFingerprint> {
  return (await measure(snapshot, options)).result;
}

/** Records both fingerprints of a version, and the sums of its files that are not recorded yet. */
export async function recordFingerprints(
  snapshot: LogSnapshot,
  options: FingerprintOptions = {},
): Promise<VersionFingerprint> {
  const { result, added } = await measure(snapshot, options);
  const state = await stateFingerprint(snapshot, options);
  const { version, fingerprint: content, rows } = result;
  const recordedAt = await writeFingerprints(snapshot, { version, state, content, rows }, added, options);
  return { version, recordedAt, state, content, rows };
}

async function measure(
  snapshot: LogSnapshot,
  options: FingerprintOptions,
): Promise<{ readonly result: ContentFingerprint; readonly added: readonly FileSum[] }> {
  const { signal } = options;
  const { known, problem } = await recordedSums(snapshot, options);
  const idOf = fileIds(snapshot);
  const added: FileSum[] = [];
  let total = noRows;
  let filesRecorded = 0;
  await using session = await (await snapshot.context.engine()).open({ signal });
  for await (const files of filesOf(snapshot)) {
    throwIfCancelled(signal, "fingerprinting rows");
    const unknown: AddAction[] = [];
    for (const file of files) {
      const [sum, ...others] = known.get(idOf(file)) ?? [];
      if (sum === undefined || others.length > 0) unknown.push(file);
      else total = addSums(total, sum);
    }
    filesRecorded += files.length - unknown.length;
    for (const [index, sum] of (await sumFiles(session, snapshot, unknown, signal)).entries()) {
      const file = unknown[index];
      if (file !== undefined) added.push({ ...sum, path: logPathKey(file.path), file: idOf(file) });
      total = addSums(total, sum);
    }
  }
  const fingerprint = contentFingerprintOf(snapshot.schema, total);
  const { version } = snapshot;
  const filesRead = added.length;
  const counts = { rows: total.rows, filesRead, filesRecorded };
  return { result: { version, fingerprint, ...counts, recordsUnreadable: problem }, added };
}

/** Records only save work: those that cannot be read are computed again, and the result says so. */
async function recordedSums(
  snapshot: LogSnapshot,
  options: FingerprintOptions,
): Promise<{ readonly known: RecordedSums; readonly problem?: string | undefined }> {
  try {
    return { known: await readFileSums(snapshot, options) };
  } catch (error) {
    if (!isVarveError(error) || error.code === "CANCELLED") throw error;
    return { known: new Map(), problem: error.message };
  }
}

/** The ids of a version's files in the records of a table, by default the version's own. */
export function fileIds(
  snapshot: LogSnapshot,
  context: LogSnapshot["context"] = snapshot.context,
): (file: AddAction) => string {
  const [identityOf, values] = [fileIdentities({ context }), valuesDigest(snapshot)];
  return (file) => digestOfFile(identityOf(file), values);
}

/** Files that are read by one query. */
const filesAQuery = 2_000;

/** The live files in groups, each for one query. */
export async function* filesOf(snapshot: LogSnapshot): AsyncGenerator<readonly AddAction[]> {
  let files: AddAction[] = [];
  for await (const chunk of (await snapshot.files()).all({ statistics: false }))
    for (const file of chunk)
      if (files.push(file) === filesAQuery) {
        yield files;
        files = [];
      }
  if (files.length > 0) yield files;
}
