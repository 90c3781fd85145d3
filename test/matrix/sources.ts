import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { tableToIPC } from "apache-arrow";
import type { Source } from "../../src/api/shared/table-options.ts";
import { createTable } from "../../src/index.ts";
import { freshFolder } from "../operations/table-folder.ts";
import { unchecked } from "../support/unchecked-sql.ts";
import { newSession } from "../table/hand-made-table.ts";
import { arrowTable, checkArrow, holdsEndless } from "./spell-arrow.ts";
import { type Column, csvCell, jsonText, rowValue, sqlValue, Unspelled } from "./spellings.ts";
import type { CarrierType, Value } from "./values.ts";

/** One way for rows to come in. */
export interface SourceKind {
  /** Whether the source says the types of its columns, so that they need not be inferred. */
  readonly typed: boolean;
  /** @throws {@link Unspelled} where the source cannot say the value */
  readonly spell: (type: CarrierType, value: Value) => unknown;
  readonly source: (columns: readonly Column[]) => Promise<Source>;
}

const file = (name: string, content: string | Uint8Array): string => {
  const path = join(freshFolder(), name);
  writeFileSync(path, content);
  return path;
};

function rowsOf<T>(columns: readonly Column[], row: (value: (column: Column) => Value) => T): T[] {
  return (columns[0]?.values ?? []).map((_, index) => row((column) => column.values[index] ?? null));
}

const jsonLines = (columns: readonly Column[]) =>
  rowsOf(
    columns,
    (value) =>
      `{${columns.map((column) => `${JSON.stringify(column.name)}:${jsonText(column.type, value(column))}`).join(",")}}\n`,
  ).join("");

const csvLines = (columns: readonly Column[]) =>
  [
    columns.map(({ name }) => csvCell("string", name)),
    ...rowsOf(columns, (value) => columns.map((column) => csvCell(column.type, value(column)))),
  ]
    .map((cells) => `${cells.join(",")}\n`)
    .join("");

/** One SELECT with all rows. */
const selectOf = (columns: readonly Column[]): string =>
  rowsOf(
    columns,
    (value) =>
      `SELECT ${columns.map((column) => `${sqlValue(column.type, value(column))} AS ${quoteName(column.name)}`).join(", ")}`,
  ).join(" UNION ALL ");

const quoteName = (name: string): string => `"${name.replaceAll('"', '""')}"`;

async function parquetFile(columns: readonly Column[]): Promise<string> {
  const path = join(freshFolder(), "source.parquet");
  await using session = await newSession();
  await session.execute(unchecked(`COPY (${selectOf(columns)}) TO '${path}' (FORMAT parquet)`));
  return path;
}

async function otherTable(columns: readonly Column[]): Promise<Source> {
  const source = { sql: selectOf(columns) };
  return await createTable(join(freshFolder(), "other"), { source });
}

/** The sources, by name. */
export const sources: Readonly<Record<string, SourceKind>> = {
  rows: {
    typed: false,
    spell: rowValue,
    source: async (columns) =>
      rowsOf(columns, (value) =>
        Object.fromEntries(columns.map((column) => [column.name, rowValue(column.type, value(column))])),
      ) as Source,
  },
  ndjson: {
    typed: false,
    spell: jsonText,
    source: async (columns) => ({ ndjson: file("source.ndjson", jsonLines(columns)) }),
  },
  csv: {
    typed: false,
    spell: csvCell,
    source: async (columns) => ({ csv: file("source.csv", csvLines(columns)) }),
  },
  "arrow table": { typed: true, spell: checkArrow, source: async (columns) => arrowTable(columns) },
  "arrow stream": {
    typed: true,
    spell: checkArrow,
    source: async (columns) => ({ arrow: tableToIPC(arrowTable(columns), "stream") }),
  },
  "arrow file": {
    typed: true,
    spell: checkArrow,
    source: async (columns) => ({ arrow: file("source.arrow", tableToIPC(arrowTable(columns), "file")) }),
  },
  parquet: {
    typed: true,
    spell: sqlValue,
    source: async (columns) => ({ parquet: await parquetFile(columns) }),
  },
  sql: { typed: true, spell: sqlValue, source: async (columns) => ({ sql: selectOf(columns) }) },
  table: {
    typed: true,
    spell: (type, value) => {
      if (holdsEndless(value)) throw new Unspelled("tables have no endless moments");
      if (JSON.stringify(type).includes('"nanoseconds"')) throw new Unspelled("tables have no nanoseconds");
      return sqlValue(type, value);
    },
    source: otherTable,
  },
};
