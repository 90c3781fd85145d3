import type { Session } from "../../../src/engine/core/contract.ts";
import type { DeltaType } from "../../../src/schema/types.ts";
import { unchecked } from "../unchecked-sql.ts";
import { engineValue, gridTypes, typeOfColumn } from "./grid.ts";
import type { Proof } from "./proofs.ts";

/** A value of one cell as text: `null`, or `!` where the expression fails. */
export type Cell = string | null;

/** Fills tables with the grid's values. */
export async function makeGrid(session: Session): Promise<void> {
  for (const type of gridTypes) {
    const rows = type.values.map((value, index) => `SELECT ${index} AS n, ${engineValue(type, value)} AS v`);
    await session.rows(unchecked(`CREATE TEMP TABLE grid_${type.name} AS ${rows.join(" UNION ALL ")}`));
  }
}

/** Values of each proof's translation over the product of its columns, as the engine computes them. */
export async function* engineCells(
  session: Session,
  proofs: readonly Proof[],
): AsyncGenerator<readonly [Proof, readonly Cell[]]> {
  const byColumns = new Map<string, Proof[]>();
  for (const proof of proofs) {
    const key = proof.columns.join(" ");
    byColumns.set(key, [...(byColumns.get(key) ?? []), proof]);
  }
  for (const group of byColumns.values()) {
    for (let start = 0; start < group.length; start += 20) {
      const part = group.slice(start, start + 20);
      const rows = await session.rows(unchecked(gridQuery(part)));
      for (const [index, proof] of part.entries()) yield [proof, rows.map((row) => toCell(row[`e${index}`]))];
    }
  }
}

function toCell(value: unknown): Cell {
  return value === null || value === undefined ? null : String(value);
}

function gridQuery(proofs: readonly Proof[]): string {
  const columns = proofs[0]?.columns ?? [];
  const cells = proofs.map(({ term }, index) => {
    const value = cellSql(term.type, term.sql);
    return `${term.fails === undefined ? value : `CASE WHEN ${term.fails} THEN '!' ELSE ${value} END`} AS e${index}`;
  });
  const tables = columns.map((column, index) => `grid_${typeOfColumn(column).name} AS t${index}`);
  if (tables.length === 0) return `SELECT ${cells.join(", ")}`;
  const source = `SELECT ${columns.map((column, index) => `t${index}.v AS "${column}", t${index}.n AS n${index}`).join(", ")} FROM ${tables.join(", ")}`;
  return `SELECT ${cells.join(", ")} FROM (${source}) ORDER BY ${columns.map((_, index) => `n${index}`).join(", ")}`;
}

/** The text of a value as both engines write it: bytes as hexadecimal digits, moments as their number. */
function cellSql(type: DeltaType, sql: string): string {
  switch (type) {
    case "string":
      return `hex(encode(${sql}))`;
    case "binary":
      return `hex(${sql})`;
    case "date":
      return `CAST(${sql} - DATE '1970-01-01' AS VARCHAR)`;
    case "timestamp":
    case "timestamp_ntz":
      return `CAST(epoch_us(${sql}) AS VARCHAR)`;
    case "float":
    case "double":
      return `CAST(CAST(${sql} AS DOUBLE) AS VARCHAR)`;
    default:
      return `CAST(${sql} AS VARCHAR)`;
  }
}

/** A cell by its value, so that `1E10` is `10000000000` and NaN is NaN. */
export function canonicalCell(cell: Cell, type: DeltaType): Cell {
  if (cell === null || cell === "!" || (type !== "float" && type !== "double")) return cell;
  const value = Number(cell.replace(/^(-?)inf(?:inity)?$/i, "$1Infinity").replace(/^-?nan$/i, "NaN"));
  return Object.is(value, -0) ? "-0" : String(value);
}
