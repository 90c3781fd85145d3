import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import type { EngineRow, Session } from "../engine/contract.ts";
import { type JsonObject, stringifyJson } from "../util/json.ts";
import { quoteFile, quoteText } from "../util/sql-text.ts";
import { removeTemporaryFolder } from "../util/temporary-folder.ts";
import { actionToJson } from "./action-json.ts";
import type { Action } from "./actions.ts";
import { type CheckpointColumns, checkpointColumns, quoteLongFractions } from "./checkpoint-schema.ts";
import type { LogSnapshot } from "./contract.ts";
import type { UpkeepProperties } from "./upkeep-properties.ts";

/** What goes into one Parquet file of a checkpoint. */
export interface ParquetContent {
  /** Absent for a sidecar. */
  readonly head?: readonly Action[];
  readonly files: AsyncIterable<readonly Action[]>;
  readonly properties: UpkeepProperties;
}

/** One written Parquet file of a checkpoint. */
export interface ParquetPart {
  readonly actions: number;
  readonly adds: number;
  readonly bytes: number;
}

/** One JSON line may be this long: a schema of many thousand columns, statistics of as many. */
const longestLine = 256 * 1024 * 1024;

/**
 * Writes actions as a Parquet file of the log, one struct column a kind (PROTOCOL.md "Checkpoint Schema").
 *
 * Actions go to the engine as lines of a temporary file, chunk by chunk: memory does not grow with their number.
 */
export async function writeCheckpointParquet(snapshot: LogSnapshot, path: string, content: ParquetContent): Promise<ParquetPart> {
  const { store } = snapshot.context;
  const folder = await store.stagingFolder();
  try {
    const columns = checkpointColumns(snapshot, content.properties);
    const lines = join(folder, "actions.ndjson");
    const counts = await writeLines(lines, content, columns);
    const engine = await snapshot.context.engine();
    const session = await engine.open();
    try {
      const sql = selectSql(lines, columns, content.head !== undefined);
      const [file] = await session.writeParquet(sql, { folder, namePrefix: "checkpoint-", rowGroupRows: 50_000 });
      if (file === undefined) return await writeEmpty(session, snapshot, path, { folder, sql });
      await store.putFile(path, file.file);
      return { ...counts, bytes: file.bytes };
    } finally {
      await session.close();
    }
  } finally {
    await removeTemporaryFolder(folder);
  }
}

/** A sidecar without any action still has to exist, with its columns. */
async function writeEmpty(
  session: Session,
  snapshot: LogSnapshot,
  path: string,
  made: { folder: string; sql: string },
): Promise<ParquetPart> {
  const file = join(made.folder, "empty.parquet");
  await session.execute(`COPY (${made.sql}) TO ${quoteText(file)} (FORMAT parquet)`);
  const [row]: EngineRow[] = await session.rows(`SELECT octet_length(content) AS bytes FROM read_blob(${quoteFile(file)})`);
  await snapshot.context.store.putFile(path, file);
  return { actions: 0, adds: 0, bytes: Number(row?.["bytes"] ?? 0) };
}

function selectSql(lines: string, columns: CheckpointColumns, withHead: boolean): string {
  const types = { ...(withHead ? columns.head : {}), ...columns.files };
  const spec = Object.entries(types).map(([name, type]) => `"${name}": ${quoteText(type)}`);
  const from = `read_json(${quoteFile(lines)}, format = 'newline_delimited', maximum_object_size = ${longestLine}, columns = {${spec.join(", ")}})`;
  const items = Object.keys(types).map((name) => (name === "add" ? `${columns.addSql} AS "add"` : `"${name}"`));
  return `SELECT ${items.join(", ")} FROM ${from}`;
}

async function writeLines(path: string, content: ParquetContent, columns: CheckpointColumns): Promise<Omit<ParquetPart, "bytes">> {
  const file = await open(path, "w");
  try {
    const head = content.head ?? [];
    await writeChunk(file, head, columns);
    let actions = head.length;
    let adds = 0;
    for await (const chunk of content.files) {
      await writeChunk(file, chunk, columns);
      actions += chunk.length;
      for (const action of chunk) if (action.kind === "add") adds++;
    }
    return { actions, adds };
  } finally {
    await file.close();
  }
}

async function writeChunk(file: FileHandle, actions: readonly Action[], columns: CheckpointColumns): Promise<void> {
  let text = "";
  for (const action of actions) text += `${stringifyJson(lineOf(action, columns))}\n`;
  await file.write(text);
}

function lineOf(action: Action, { parsePartitionValues, exactStats }: CheckpointColumns): JsonObject {
  const json = actionToJson(action);
  if (action.kind !== "add" || (parsePartitionValues === undefined && !exactStats)) return json;
  const body = json["add"];
  const exact = exactStats && action.stats !== undefined ? quoteLongFractions(action.stats) : undefined;
  return {
    add: {
      ...(typeof body === "object" && body !== null ? body : {}),
      ...(parsePartitionValues === undefined ? {} : { partition_texts: parsePartitionValues(action.partitionValues) }),
      ...(exact === undefined ? {} : { exact_stats: exact }),
    },
  };
}
