import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import type { EngineRow, Session } from "../../engine/core/contract.ts";
import { assertInternal } from "../../errors.ts";
import { actionToJson } from "../../protocol/action-json.ts";
import type { Action } from "../../protocol/actions.ts";
import type { MaintenanceProperties } from "../../protocol/maintenance-properties.ts";
import { type SqlSelect, sql } from "../../sql/sql.ts";
import { quoteFile, quoteName, quoteText } from "../../sql/sql-text.ts";
import { defined } from "../../util/defined.ts";
import { type JsonObject, stringifyJson } from "../../util/json.ts";
import { removeTemporaryFolder } from "../../util/temporary-folder.ts";
import type { LogSnapshot } from "../contract.ts";
import { type CheckpointColumns, checkpointColumns, quoteLongFractions } from "./checkpoint-schema.ts";

/** Content of one Parquet file of a checkpoint. */
export interface ParquetContent {
  /** Absent for a sidecar. */
  readonly head?: readonly Action[] | undefined;
  readonly files: AsyncIterable<readonly Action[]>;
  readonly properties: MaintenanceProperties;
}

/** One written Parquet file of a checkpoint. */
export interface ParquetPart {
  readonly actions: number;
  readonly adds: number;
  readonly bytes: number;
}

/** Minimum number of bytes of the engine's buffer for a line. */
const smallestBuffer = 4 * 1024 * 1024;

/**
 * Writes actions as a Parquet file of the log, one struct column a kind (PROTOCOL.md "Checkpoint Schema").
 *
 * Actions are passed to the engine as lines of a temporary file, chunk by chunk, so that memory does not grow
 * with their number.
 */
export async function writeCheckpointParquet(
  snapshot: LogSnapshot,
  path: string,
  content: ParquetContent,
): Promise<ParquetPart> {
  const { store } = snapshot.context;
  const folder = await store.stagingFolder();
  try {
    const columns = checkpointColumns(snapshot, content.properties);
    const lines = join(folder, "actions.ndjson");
    const { longestLine, ...counts } = await writeLines(lines, content, columns);
    const engine = await snapshot.context.engine();
    await using session = await engine.open();
    const select = selectSql({ path: lines, longestLine }, columns, content.head !== undefined);
    const [file] = await session.writeParquet(select, {
      folder,
      namePrefix: "checkpoint-",
      rowGroupRows: 50_000,
    });
    assertInternal(
      (file?.rows ?? 0) === counts.actions,
      `a checkpoint of ${counts.actions} actions came out with ${file?.rows ?? 0}`,
    );
    if (file === undefined) return await writeEmpty(session, snapshot, path, { folder, select });
    await store.putFile(path, file.file);
    return { ...counts, bytes: file.bytes };
  } finally {
    await removeTemporaryFolder(folder);
  }
}

/** A sidecar without any action must still exist, with its columns. */
async function writeEmpty(
  session: Session,
  snapshot: LogSnapshot,
  path: string,
  made: { folder: string; select: SqlSelect },
): Promise<ParquetPart> {
  const file = join(made.folder, "empty.parquet");
  await session.execute(sql`COPY (${made.select}) TO ${quoteText(file)} (FORMAT parquet)`);
  const [row]: EngineRow[] = await session.rows(
    sql`SELECT octet_length(content) AS bytes FROM read_blob(${quoteFile(file)})`,
  );
  await snapshot.context.store.putFile(path, file);
  return { actions: 0, adds: 0, bytes: Number(row?.["bytes"] ?? 0) };
}

/**
 * The lines of a temporary file; the reader's buffers grow with the longest line, in bytes, so it receives
 * that length.
 */
interface Lines {
  readonly path: string;
  readonly longestLine: number;
}

function selectSql({ path, longestLine }: Lines, columns: CheckpointColumns, withHead: boolean): SqlSelect {
  const types = { ...(withHead ? columns.head : {}), ...columns.files };
  const spec = Object.entries(types).map(([name, type]) => sql`${quoteName(name)}: ${quoteText(type)}`);
  const from = sql`read_json(${quoteFile(path)}, format = 'newline_delimited', hive_partitioning = false, maximum_object_size = ${Math.max(longestLine, smallestBuffer)}, columns = {${spec}})`;
  const items = Object.keys(types).map((name) =>
    name === "add" ? sql`${columns.addSql} AS "add"` : quoteName(name),
  );
  return sql`SELECT ${items} FROM ${from}`;
}

async function writeLines(
  path: string,
  content: ParquetContent,
  columns: CheckpointColumns,
): Promise<Omit<ParquetPart, "bytes"> & Pick<Lines, "longestLine">> {
  const file = await open(path, "w");
  try {
    const head = content.head ?? [];
    let longestLine = await writeChunk(file, head, columns);
    let actions = head.length;
    let adds = 0;
    for await (const chunk of content.files) {
      longestLine = Math.max(longestLine, await writeChunk(file, chunk, columns));
      actions += chunk.length;
      for (const action of chunk) if (action.kind === "add") adds++;
    }
    return { actions, adds, longestLine };
  } finally {
    await file.close();
  }
}

/** Returns the length of the longest line in bytes, including its end. */
async function writeChunk(
  file: FileHandle,
  actions: readonly Action[],
  columns: CheckpointColumns,
): Promise<number> {
  let text = "";
  let longest = 0;
  for (const action of actions) {
    const line = `${stringifyJson(lineOf(action, columns))}\n`;
    longest = Math.max(longest, Buffer.byteLength(line));
    text += line;
  }
  // Unlike `write`, which may write only a part, this writes the whole text or throws.
  await file.appendFile(text);
  return longest;
}

function lineOf(action: Action, { parsePartitionValues, exactStats }: CheckpointColumns): JsonObject {
  const json = actionToJson(action);
  if (action.kind !== "add" || (parsePartitionValues === undefined && !exactStats)) return json;
  const body = json["add"];
  const exact = exactStats && action.stats !== undefined ? quoteLongFractions(action.stats) : undefined;
  return {
    add: defined({
      ...(typeof body === "object" && body !== null ? body : {}),
      partition_texts:
        parsePartitionValues === undefined ? undefined : parsePartitionValues(action.partitionValues),
      exact_stats: exact,
    }),
  };
}
