import { mixedColumns, type SampledColumn } from "./columns.ts";

/** A change of a column, with the column before it. */
export interface Change {
  readonly name: string;
  readonly before: SampledColumn;
  readonly after: SampledColumn;
}

/** What the current side of a column may do: its mean moves, its spread grows, one of its four values gains. */
export const changes: readonly Change[] = [
  ...[0.1, 0.2, 0.3, 0.4, 0.5].map((shift) =>
    changed(`mean + ${shift} sd`, columnNamed("normal"), (value) => value + shift),
  ),
  changed("spread × 1.2", columnNamed("normal"), (value) => value * 1.2),
  ...[5, 10, 20].map((points) => gaining(points / 100)),
];

/** Columns that do not change: nine, so that a run has ten. */
export const unchangedColumns: readonly SampledColumn[] = [
  "normal",
  "lognormal",
  "uniform",
  "pareto",
  "rounded",
  "60 % zero",
  "geometric",
  "twelve skewed",
  "five, 15 % null",
].map(columnNamed);

function columnNamed(name: string): SampledColumn {
  const column = mixedColumns.find((other) => other.name === name);
  if (column === undefined) throw new Error(`there is no column ${name}`);
  return column;
}

function changed(name: string, before: SampledColumn, change: (value: number) => number): Change {
  return { name, before, after: { ...before, draw: (random) => change(before.draw(random)) } };
}

/** One of four equally frequent values takes a share from the others. */
function gaining(share: number): Change {
  const before = columnNamed("four even");
  const moving = share / 0.75;
  const draw = (random: () => number) => (random() < moving ? 0 : before.draw(random));
  return { name: `a value + ${share * 100} points`, before, after: { ...before, draw } };
}
