import type { Session } from "../engine/core/contract.ts";
import { isStoreFailure, isVarveError, type VarveError } from "../errors.ts";
import type { LogSnapshot } from "../log/contract.ts";
import type { AddAction } from "../protocol/actions.ts";
import { recordsOf } from "../protocol/record-count.ts";
import { sql } from "../sql/sql.ts";
import { LogPaths, locateFiles } from "../table/scan/data-files.ts";
import { footerRows } from "../table/scan/file-groups.ts";
import { deletedRows } from "../table/scan/row-selection.ts";
import { mappingModeOf, scanColumns, scanFile } from "../table/scan/scan.ts";
import type { ScanColumn, ScanFile } from "../table/scan/scan-columns.ts";
import { scanFiles } from "../table/scan/scan-files.ts";
import { throwIfCancelled } from "../util/cancel.ts";
import { mapBounded } from "../util/concurrency.ts";
import { counted } from "../util/counted.ts";
import { type Finding, type FsckOptions, pathFinding } from "./fsck-finding.ts";
import { type CheckedFile, statisticsProblems } from "./fsck-statistics.ts";

type Report = (finding: Finding) => void;

/** Counts of what was checked. */
export interface FileTotals {
  readonly files: number;
  readonly bytes: number;
  /** Number of rows that are not deleted; 0 if data is not read. */
  readonly rows: number;
}

const looksUnderWay = 16;
const filesTogether = 500;

/**
 * Checks the live files of a version: that they exist and, by default, that their rows are what the log says.
 */
export async function checkFiles(
  snapshot: LogSnapshot,
  options: FsckOptions,
  report: Report,
): Promise<FileTotals> {
  const files = await snapshot.files();
  const { files: of, bytes } = await files.totals();
  await using session =
    options.data === false
      ? undefined
      : await (await snapshot.context.engine()).open({ signal: options.signal });
  let [done, rows] = [0, 0];
  for await (const chunk of files.all()) {
    for (let start = 0; start < chunk.length; start += filesTogether) {
      throwIfCancelled(options.signal, "checking the table");
      const part = chunk.slice(start, start + filesTogether);
      const there = await checkPresence(snapshot, part, report);
      if (session !== undefined) rows += await checkContent(session, snapshot, there, report);
      done += part.length;
      options.onProgress?.(done, of);
    }
  }
  return { files: done, bytes, rows };
}

/** The files that exist. */
async function checkPresence(
  snapshot: LogSnapshot,
  adds: readonly AddAction[],
  report: Report,
): Promise<AddAction[]> {
  const paths = new LogPaths(snapshot.context);
  const existing = await mapBounded(adds, looksUnderWay, async (add) => {
    try {
      const { store, path } = await paths.resolve(add.path);
      const info = await store.head(path);
      if (info === undefined) {
        report({
          code: "DATA_FILE_MISSING",
          severity: "error",
          message: `${add.path} does not exist, though the log lists it.`,
          path: add.path,
        });
        return undefined;
      }
      if (info.size !== add.size) {
        const message = `${add.path} has ${info.size} bytes, but the log says ${add.size}.`;
        report({ code: "FILE_SIZE_WRONG", severity: "warning", message, path: add.path });
      }
      return add;
    } catch (error) {
      if (!isVarveError(error, "PATH_OUTSIDE_TABLE", "LOG_CORRUPT")) throw error;
      report({ ...pathFinding(error), path: add.path });
      return undefined;
    }
  });
  return existing.filter((add) => add !== undefined);
}

/**
 * Reads files together and, if that fails, in halves, until the broken ones are found. Returns the number of
 * rows that are not deleted.
 */
async function checkContent(
  session: Session,
  snapshot: LogSnapshot,
  adds: readonly AddAction[],
  report: Report,
): Promise<number> {
  if (adds.length === 0) return 0;
  try {
    return await readContent(session, snapshot, adds, report);
  } catch (error) {
    if (!isVarveError(error) || isVarveError(error, "CANCELLED") || isStoreFailure(error)) throw error;
    const [only] = adds;
    if (adds.length === 1 && only !== undefined) {
      report(broken(only, error));
      return 0;
    }
    const half = Math.ceil(adds.length / 2);
    return (
      (await checkContent(session, snapshot, adds.slice(0, half), report)) +
      (await checkContent(session, snapshot, adds.slice(half), report))
    );
  }
}

function broken(add: AddAction, error: VarveError): Finding {
  const base = { severity: "error", message: error.message, path: add.path } as const;
  if (isVarveError(error, "DELETION_VECTOR_CORRUPT")) return { code: "DELETION_VECTOR_CORRUPT", ...base };
  if (isVarveError(error, "DATA_FILE_MISSING")) return { code: "DATA_FILE_MISSING", ...base };
  // A link below the table, or the file of a deletion vector, may lead out of it.
  if (isVarveError(error, "PATH_OUTSIDE_TABLE")) return { code: "PATH_OUTSIDE_TABLE", ...base };
  if (isVarveError(error, "LOG_CORRUPT")) return { code: "PARTITION_VALUE_INVALID", ...base };
  return { code: "DATA_FILE_CORRUPT", ...base };
}

const fileColumn = "varve fsck file";

async function readContent(
  session: Session,
  snapshot: LogSnapshot,
  adds: readonly AddAction[],
  report: Report,
): Promise<number> {
  const { context } = snapshot;
  const mode = mappingModeOf(snapshot);
  const local = await locateFiles(
    context,
    adds.map((add) => add.path),
  );
  const deleted = await deletedRows(session, context, adds);
  const physical = await footerRows(session, local);
  const columns: ScanColumn[] = [
    ...scanColumns(snapshot, mode, {}),
    { kind: "constant", name: fileColumn, key: fileColumn, type: sql`BIGINT` },
  ];
  const files = adds.map((add, index): ScanFile => {
    const bits = deleted[index];
    const file = scanFile(snapshot, mode, add, local[index] ?? "");
    return {
      ...file,
      constants: { ...file.constants, [fileColumn]: String(index) },
      selection: bits === undefined ? undefined : { bits, keep: "clear" },
    };
  });
  const relation = await scanFiles(session, context, columns, files, mode);
  const checked = adds.map(
    (add, index): CheckedFile => ({ add, rows: physical.get(local[index] ?? "") ?? 0 }),
  );
  const rowCountFindings: Finding[] = checked.flatMap(rowCountProblem);
  const { rows, findings } = await statisticsProblems(session, snapshot, relation.sql, fileColumn, checked);
  for (const finding of [...rowCountFindings, ...findings]) report(finding);
  return rows;
}

function rowCountProblem({ add, rows }: CheckedFile): Finding[] {
  const records = recordsOf(add.stats);
  if (records === undefined && add.deletionVector !== undefined) {
    const message = `${add.path} has a deletion vector, but no numRecords in its statistics, which the protocol requires.`;
    return [{ code: "ROW_COUNT_WRONG", severity: "warning", message, path: add.path }];
  }
  if (records === undefined || records === rows) return [];
  const message = `${add.path} has ${counted(rows, "row")}, but the log says ${records}.`;
  return [{ code: "ROW_COUNT_WRONG", severity: "error", message, path: add.path }];
}
