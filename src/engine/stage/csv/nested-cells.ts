import { type SqlName, sql } from "../../../sql/sql.ts";
import type { RowCells } from "../../core/contract.ts";
import { assertNotAborted, type EngineCore } from "../../core/core.ts";
import type { ValueType } from "../../core/value-type.ts";
import { columnBuilder } from "../columns/column-builder.ts";
import { repeatedName } from "../rows/repeated-name.ts";
import { RowStager } from "../rows/row-stager.ts";
import { CellProblem } from "../shared/builder-contract.ts";
import { exactJson } from "../shared/exact-json.ts";

/** A column of nested values, of which the cells are JSON. */
export interface NestedColumn {
  readonly stored: SqlName;
  readonly type: ValueType;
}

/**
 * Reads cells as the JSON of nested values, by the rules of JSON lines, because the engine's JSON rounds
 * numbers and makes null of what does not fit inside a value.
 *
 * @returns a table with these columns, under {@link storedName} by their order, and the rows in the order of
 * `raw`; null stands for a cell that is not of its type
 */
export async function readNestedCells(
  core: EngineCore,
  raw: SqlName,
  columns: readonly NestedColumn[],
  signal?: AbortSignal,
): Promise<SqlName> {
  const stager = new RowStager({
    core,
    given: new Map(columns.map(({ stored, type }) => [stored, type])),
    fromText: true,
    placeOf: (row) => ({ text: `row ${row}` }),
    keepsBad: true,
  });
  try {
    await stager.addGiven();
    for (let from = 0; ; from = stager.rows) {
      assertNotAborted(signal);
      const to = from + stager.batchRows;
      const rows = await core.rows(
        sql`SELECT ${columns.map(({ stored }) => stored)} FROM ${raw} WHERE rowid >= ${from} AND rowid < ${to} ORDER BY rowid`,
      );
      if (rows.length === 0) break;
      await stager.append(rows.map((cells) => nestedRow(cells, columns)));
    }
    stager.finish();
  } catch (error) {
    stager.abandon();
    throw error;
  }
  return stager.table;
}

/** What is wrong with the JSON of a nested value, by its path; undefined for a cell of the type. */
export function nestedProblem(core: EngineCore, type: ValueType, cell: string): CellProblem | undefined {
  try {
    columnBuilder({ driver: core.driver, fromText: true }, type).set(0, nestedValue(cell));
    return undefined;
  } catch (error) {
    if (error instanceof CellProblem) return error;
    throw error;
  }
}

function nestedRow(cells: Readonly<Record<string, unknown>>, columns: readonly NestedColumn[]): RowCells {
  return Object.fromEntries(columns.map(({ stored }) => [stored, nestedValue(cells[stored])]));
}

/** The value of a JSON text; the text itself, which is of no nested type, where it is not such a value. */
function nestedValue(cell: unknown): unknown {
  if (typeof cell !== "string") return null;
  try {
    const value = exactJson(cell);
    return repeatedName(cell, value) === undefined ? value : cell;
  } catch {
    // refused, or set aside, with the text of the cell
    return cell;
  }
}
