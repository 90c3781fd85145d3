import { existsSync, mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach } from "vitest";
import type { Table } from "../../src/api/table.ts";

const folders: string[] = [];

afterEach(async () => {
  // A table that a test leaves open may still write the checksum of its last commit.
  const retries = { maxRetries: 20, retryDelay: 10 };
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true, ...retries });
});

/** A fresh folder that is removed after the test. */
export function freshFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "varve-test-"));
  folders.push(folder);
  return folder;
}

/** Every file below a folder, relative and sorted, and every folder that is empty. */
export function filesBelow(folder: string): string[] {
  if (!existsSync(folder)) return [];
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter(
    (entry) => entry.isFile() || readdirSync(join(entry.parentPath, entry.name)).length === 0,
  );
  return files.map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1)).sort();
}

/** Data files of a table, relative to it, without those of its record of rejections. */
export function dataFiles(folder: string): string[] {
  return filesBelow(folder).filter(
    (file) => file.endsWith(".parquet") && !/^_(delta_log|rejections)\//.test(file),
  );
}

/** The actions of one kind in one commit. */
export function actionsOf(folder: string, version: number, kind: string): Record<string, unknown>[] {
  const text = readFileSync(join(folder, "_delta_log", `${String(version).padStart(20, "0")}.json`), "utf8");
  return text
    .split("\n")
    .filter((line) => line !== "")
    .flatMap((line) => {
      const found = (JSON.parse(line) as Record<string, Record<string, unknown>>)[kind];
      return found === undefined ? [] : [found];
    });
}

/** All rows of the newest version, ordered by their column `id` where they have one. */
export async function rowsOf(
  table: Table,
  columns?: readonly string[],
): Promise<Readonly<Record<string, unknown>>[]> {
  const rows: Readonly<Record<string, unknown>>[] = [];
  for await (const row of table.snapshot().rows(columns === undefined ? {} : { columns })) rows.push(row);
  return rows.sort((one, other) => Number(one["id"] ?? 0) - Number(other["id"] ?? 0));
}
