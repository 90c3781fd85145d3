import type { Session } from "../../engine/core/contract.ts";
import type { LogSnapshot } from "../../log/contract.ts";
import { type SqlSelect, sql } from "../../sql/sql.ts";
import { quoteName } from "../../sql/sql-text.ts";
import { type StagedDataFile, stageData } from "../../table/data-files/write-data-files.ts";
import { planFiles } from "../../table/scan/scan.ts";
import { throwIfCancelled } from "../../util/cancel.ts";
import { type BatchTarget, dataTarget } from "../plan/batch-target.ts";
import { requireAllRows } from "../stages/accounted-rows.ts";
import { keptRowIds } from "../stages/kept-row-ids.ts";
import type { WriteRoom } from "../stages/write-room.ts";
import { keyedRows, type Layout } from "./curve-key.ts";
import { type Bin, sizeOf } from "./file-bins.ts";

/** How the files of bins are written again. */
export interface BinWriting {
  readonly target: BatchTarget;
  readonly snapshot: LogSnapshot;
  /** Rows are sorted along a curve; without, they stay in the order of the files. */
  readonly layout?: Layout | undefined;
  /** Size of a new file in bytes, of a bin that makes several. */
  readonly targetFileBytes: number;
  /** Called with the bytes of the files that were written again. */
  readonly onBytes?: ((bytes: number) => void) | undefined;
  /** Bytes of memory that the engine may use to sort. */
  readonly memoryLimit: number;
  readonly signal?: AbortSignal | undefined;
}

/** The new files of one bin. */
export interface WrittenBin {
  readonly bin: Bin;
  readonly files: readonly StagedDataFile[];
  readonly rows: number;
}

/** Writes each bin to new files, one bin after the other. @throws `ROWS_UNACCOUNTED`, `CANCELLED` */
export async function writeBins(
  room: WriteRoom,
  bins: readonly Bin[],
  writing: BinWriting,
): Promise<WrittenBin[]> {
  const written: WrittenBin[] = [];
  for (const bin of bins) {
    throwIfCancelled(writing.signal, "optimizing the table");
    written.push(await writeBin(room, bin, writing));
    writing.onBytes?.(sizeOf(bin));
  }
  return written;
}

async function writeBin({ session, staging }: WriteRoom, bin: Bin, writing: BinWriting): Promise<WrittenBin> {
  const { target, snapshot, layout, signal } = writing;
  const ids = keptRowIds(target);
  const scan = await planFiles(session, snapshot, bin, {
    typedVariants: true,
    rowTracking: ids !== undefined,
    signal,
  });
  const [count] = await session.rows(sql`SELECT count(*) AS n FROM (${scan.sql})`);
  const rows = Number(count?.["n"] ?? 0);
  const files = layout === undefined ? 1 : Math.max(1, Math.ceil(sizeOf(bin) / writing.targetFileBytes));
  const names = scan.columns.map(({ name }) => name);
  const keyed =
    layout === undefined ? undefined : await keyedRows(session, { sql: scan.sql, names, files }, layout);
  const columns = snapshot.schema.fields.map(({ name }) => quoteName(name));
  const sortColumns = keyed === undefined ? [] : [keyed.sort.key, keyed.sort.file].map(quoteName);
  const data = await stageData(
    session,
    dataTarget(target),
    sql`SELECT ${[...columns, ...(ids?.items ?? []), ...sortColumns]} FROM (${keyed?.sql ?? scan.sql})`,
    staging,
    {
      rows,
      targetFileBytes: sizeOf(bin) * 2,
      sort: keyed?.sort,
      rowGroupRows:
        keyed === undefined
          ? undefined
          : rowGroupRows(await bytesOfRow(session, scan.sql), writing.memoryLimit),
      hiddenColumns: ids?.columns,
      signal,
    },
  );
  requireAllRows({ rows, clean: data.rows, quarantined: 0, dropped: 0 });
  return { bin, files: data.files, rows };
}

/** Rows of a row group that the engine writes by itself. */
const engineRowGroup = 122_880;
/** A row group holds a multiple of this many rows. */
const engineVector = 2048;
/** Rows that are looked at for the size of a row. */
const measuredRows = 2048;
/** Row groups that must fit the memory: those that threads sort, collect for their file, and write. */
const groupsInMemory = 16;

/** About how many bytes a row takes in memory, by the texts of the first rows. */
async function bytesOfRow(session: Session, rows: SqlSelect): Promise<number> {
  const [measured] = await session.rows(
    sql`SELECT avg(strlen(CAST(varve_row AS VARCHAR))) AS bytes FROM (
      SELECT varve_row FROM (${rows}) AS varve_row LIMIT ${measuredRows})`,
  );
  return Number(measured?.["bytes"] ?? 0);
}

/** Rows of a row group of sorted rows. */
function rowGroupRows(rowBytes: number, memoryLimit: number): number {
  const fitting = memoryLimit / groupsInMemory / Math.max(64, rowBytes);
  const vectors = Math.floor(Math.min(engineRowGroup, fitting) / engineVector);
  return Math.max(1, vectors) * engineVector;
}
