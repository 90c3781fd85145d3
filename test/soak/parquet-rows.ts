import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import type { PlainFiles } from "./places.ts";

/** Reads Parquet files by the engine alone: nothing of varve decides which rows there are. */
export async function readParquet(
  files: PlainFiles,
  paths: readonly string[],
  folder: string,
): Promise<Map<string, readonly Record<string, unknown>[]>> {
  const copies = await mkdtemp(join(folder, "judge-"));
  const instance = await DuckDBInstance.create(":memory:", { threads: "1" });
  const connection = await instance.connect();
  const rows = new Map<string, readonly Record<string, unknown>[]>();
  try {
    for (const [index, path] of paths.entries()) {
      const copy = join(copies, `${index}.parquet`);
      await writeFile(copy, await files.read(path));
      const reader = await connection.runAndReadAll(
        `SELECT * FROM read_parquet('${copy}', hive_partitioning = false)`,
      );
      rows.set(path, reader.getRowObjectsJson());
      await rm(copy);
    }
  } finally {
    connection.closeSync();
    instance.closeSync();
    await rm(copies, { recursive: true, force: true });
  }
  return rows;
}
