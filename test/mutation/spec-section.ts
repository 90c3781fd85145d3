import { readFileSync, writeFileSync } from "node:fs";

/**
 * Puts `row` into the table between `<!-- name -->` and `<!-- end of name -->` of a file, in place of the row
 * that begins with `key`.
 *
 * @throws Error where the file has no such section
 */
export function writeSection(
  file: string,
  name: string,
  head: readonly string[],
  key: string,
  row: string,
): void {
  const text = readFileSync(file, "utf8");
  const [open, close] = [`<!-- ${name} -->\n`, `<!-- end of ${name} -->`];
  const [start, end] = [text.indexOf(open), text.indexOf(close)];
  if (start < 0 || end < start) throw new Error(`${file} has no section "${name}".`);
  const rows = text
    .slice(start + open.length, end)
    .split("\n")
    .filter((line) => line.startsWith("| ") && !head.includes(line));
  const index = rows.findIndex((line) => line.startsWith(`| ${key} |`));
  if (index < 0) rows.push(row);
  else rows[index] = row;
  const table = [...head, ...rows].join("\n");
  writeFileSync(file, `${text.slice(0, start + open.length)}\n${table}\n\n${text.slice(end)}`);
}
