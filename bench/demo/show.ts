import { textTable } from "../../src/cli/shared/text-table.ts";
import type { query } from "../../src/index.ts";

/** Columns of the terminal. */
export const width = process.stdout.columns ?? 120;

export async function printResult(result: Awaited<ReturnType<typeof query>>): Promise<void> {
  const heads = result.columns.map((column) => column.name);
  const rows: string[][] = [];
  for await (const row of result.rows()) rows.push(heads.map((head) => String(row[head] ?? "")));
  print(textTable(heads, rows, { width, rightAligned: new Set(heads.map((_, index) => index).slice(1)) }));
}

export function say(text: string): void {
  print(`\n== ${text}`);
}

export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

export function count(rows: number): string {
  return rows.toLocaleString("en");
}
