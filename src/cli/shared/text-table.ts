import Table from "cli-table3";
import { visible } from "../../report/visible-text.ts";

/** A cell to print; null and undefined are printed as the table's null text. */
export type Cell = string | number | bigint | boolean | null | undefined;

export interface TextTableOptions {
  /** Width of the terminal in characters; long cells end in an ellipsis, so that the table is not wider. */
  readonly width: number;
  /** Columns (by index) whose cells are aligned to the right. */
  readonly rightAligned?: ReadonlySet<number> | undefined;
  /** Columns (by index) that are never shortened, even if the table then is wider than the terminal. */
  readonly kept?: ReadonlySet<number> | undefined;
  readonly nullText?: string | undefined;
}

/** Maximum width of a table; in a file, as wide as its cells, so that nothing is truncated. */
export function tableWidth(output: string | undefined): number {
  if (output !== undefined) return Number.POSITIVE_INFINITY;
  // a terminal of unknown width says 0
  return process.stdout.columns || 160;
}

const gap = 2;
const smallest = 6;

/**
 * Draws rows as a plain table that fits the terminal: a heading line, then one line per row, without a frame.
 */
export function textTable(
  names: readonly string[],
  rows: readonly (readonly Cell[])[],
  options: TextTableOptions,
): string {
  const nullText = options.nullText ?? "";
  const heads = names.map((name) => visible(name));
  const cells = rows.map((row) => heads.map((_, index) => cellText(row[index], nullText)));
  const naturalWidths = heads.map((head, index) =>
    cells.reduce((most, row) => Math.max(most, row[index]?.length ?? 0), head.length),
  );
  const widths = fitWidths(naturalWidths, options.width, options.kept ?? new Set());
  const parts = [drawn(heads, cells.slice(0, rowsAtATime), widths, options)];
  for (let from = rowsAtATime; from < cells.length; from += rowsAtATime)
    parts.push(drawn([], cells.slice(from, from + rowsAtATime), widths, options));
  return parts.join("\n");
}

/** The table printer puts its rows on the stack, and its time per row grows with their number. */
const rowsAtATime = 100;

function drawn(
  heads: readonly string[],
  cells: readonly (readonly string[])[],
  widths: readonly number[],
  { rightAligned }: TextTableOptions,
): string {
  const table = new Table({
    head: [...heads],
    colWidths: widths.map((width) => width + gap),
    colAligns: widths.map((_, index) => (rightAligned?.has(index) === true ? "right" : "left")),
    wordWrap: false,
    style: { head: [], border: [], "padding-left": 0, "padding-right": gap },
    chars: Object.fromEntries(frameParts.map((part) => [part, ""])),
  });
  for (const row of cells) table.push([...row]);
  return table
    .toString()
    .split("\n")
    .map((line) => line.trimEnd())
    .join("\n");
}

const frameParts = [
  ...["top", "top-mid", "top-left", "top-right", "bottom", "bottom-mid", "bottom-left", "bottom-right"],
  ...["left", "left-mid", "mid", "mid-mid", "right", "right-mid", "middle"],
];

/**
 * One line of text for a value: line breaks and control characters become visible escapes, so that data
 * cannot control the terminal.
 */
export function cellText(cell: Cell, nullText = ""): string {
  if (cell === null || cell === undefined) return nullText;
  return visible(String(cell));
}

function fitWidths(
  naturalWidths: readonly number[],
  width: number,
  kept: ReadonlySet<number>,
): readonly number[] {
  const room = Math.max(width - gap * naturalWidths.length, smallest * naturalWidths.length);
  const excess = naturalWidths.reduce((sum, value) => sum + value, 0) - room;
  return shorten(naturalWidths, excess, kept);
}

/** Shortens the widest columns, except those kept, until nothing is too much, or all are as small as can be. */
function shorten(natural: readonly number[], tooMuch: number, kept: ReadonlySet<number>): readonly number[] {
  const widths = [...natural];
  let excess = tooMuch;
  while (excess > 0) {
    const candidates = widths.filter((_, index) => !kept.has(index));
    const current = greatest(candidates);
    if (current <= smallest) break;
    const widest = widths.findIndex((value, index) => value === current && !kept.has(index));
    const next = Math.max(smallest, greatest(candidates.filter((value) => value < current)));
    const cut = Math.min(excess, Math.max(1, current - next));
    widths[widest] = current - cut;
    excess -= cut;
  }
  return widths;
}

function greatest(values: readonly number[]): number {
  return values.reduce((most, value) => Math.max(most, value), 0);
}
