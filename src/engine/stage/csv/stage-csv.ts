import { VarveError } from "../../../errors.ts";
import { pathText } from "../../../schema/type-names.ts";
import { type SqlName, sql } from "../../../sql/sql.ts";
import { quoteName } from "../../../sql/sql-text.ts";
import { optionText } from "../../../util/option-text.ts";
import type { CsvOptions, EngineSource, StagedRelation, StageOptions } from "../../core/contract.ts";
import type { EngineCore } from "../../core/core.ts";
import { sqlType, stagedType, type ValueType } from "../../core/value-type.ts";
import { noSuchField } from "../columns/nested-builders.ts";
import { givenTypes } from "../rows/stage-rows.ts";
import { cellText } from "../shared/bad-cells.ts";
import { besideStored, positionNames, storedName } from "../shared/position.ts";
import { fileAndRow } from "../shared/stage-files.ts";
import { type CsvColumn, castCells, isNested } from "./cast-cells.ts";
import { lineOfRow } from "./csv-lines.ts";
import { type LoadedText, loadText } from "./load-text.ts";
import { nestedProblem, readNestedCells } from "./nested-cells.ts";
import { inferTextTypes } from "./text-cells.ts";

/**
 * Stages CSV files: all cells first as text, then as the given or inferred types; columns are united by name.
 *
 * @throws `SOURCE_UNREADABLE` naming file and line for anything except CSV; `SCHEMA_MISMATCH` naming row and column
 * for a cell that is not of its given type (unless `badCells` is `keep`, when neither cells nor single lines are
 * refused)
 */
export async function stageCsv(
  core: EngineCore,
  given: Extract<EngineSource, { kind: "csv" }>,
  options: StageOptions,
): Promise<StagedRelation> {
  const source =
    given.options?.names === undefined ? given : { ...given, options: { ...given.options, header: false } };
  if (source.files.length === 0)
    throw new VarveError("INVALID_ARGUMENT", "No CSV file was given. Pass at least one.", {});
  // What a variant holds is left to the cells: nobody says of text that it is JSON.
  const typed = [...(await givenTypes(core, options))].filter(
    ([, type]) => sqlType(type) === sqlType(stagedType(type)),
  );
  const declared = new Map(typed.map(([name, type]) => [name.toLowerCase(), nullAsText(type)]));
  const raw = core.freshName("text");
  const table = core.freshName("staged");
  let nestedTable: SqlName | undefined;
  try {
    const { names, starts, hasBroken } = await loadText(core, raw, source, options);
    const columns = names.map((name, index) => ({
      name,
      stored: storedName(index),
      type: declared.get(name.toLowerCase()),
    }));
    const inferred = await inferTextTypes(
      core,
      raw,
      columns.filter(({ type }) => type === undefined).map(({ stored }) => stored),
    );
    const cells = columns.map(({ name, stored, type }): CsvColumn => {
      return { name, stored, type: type ?? inferred.get(stored) ?? { kind: "text" } };
    });
    const nested = cells.filter(({ type }) => isNested(type));
    if (nested.length > 0) nestedTable = await readNestedCells(core, raw, nested, options.signal);
    await castCells(core, cells, { raw, nestedTable, table, hasBroken, signal: options.signal });
    const keepsBad = options.badCells === "keep";
    if (!keepsBad) await refuseBadCells(core, table, { starts, cells }, source.options ?? {});
    return relationOf(table, cells, starts, keepsBad);
  } catch (error) {
    if (!core.closed) await core.run(sql`DROP TABLE IF EXISTS ${table}`);
    throw error;
  } finally {
    for (const read of [raw, nestedTable])
      if (read !== undefined && !core.closed) await core.run(sql`DROP TABLE IF EXISTS ${read}`);
  }
}

/** A cell's JSON is read with one type: what a table leaves open is text. */
function nullAsText(type: ValueType): ValueType {
  if (type.kind === "null") return { kind: "text" };
  if (type.kind !== "struct") return type;
  return { kind: "struct", fields: type.fields.map((field) => ({ ...field, type: nullAsText(field.type) })) };
}

async function refuseBadCells(
  core: EngineCore,
  table: SqlName,
  { starts, cells }: { readonly starts: LoadedText["starts"]; readonly cells: readonly CsvColumn[] },
  options: CsvOptions,
): Promise<void> {
  const [file, row] = fileAndRow(starts);
  const [badCell] = await core.rows(
    sql`SELECT ${file} AS file, ${row} AS row, c."column" AS "column", c."text" AS "text", c.expected AS expected
     FROM (SELECT ${besideStored.badCells}[1] AS c, rowid FROM ${table} WHERE ${besideStored.badCells} IS NOT NULL LIMIT 1)`,
  );
  if (badCell === undefined) return;
  const name = String(badCell["column"]);
  const cell = String(badCell["text"]);
  const type = cells.find((candidate) => candidate.name === name)?.type;
  // a nested value is read once more, alone, for what is wrong within it
  const problem = type !== undefined && isNested(type) ? nestedProblem(core, type, cell) : undefined;
  const column = [name, ...(problem?.path ?? [])];
  const expected = problem?.expected ?? String(badCell["expected"]);
  const found = problem === undefined ? cell : cellText(problem.value);
  const row0 = Number(badCell["row"]);
  const start = starts.find((candidate) => candidate.file === badCell["file"]);
  const line = start === undefined ? undefined : await lineOfRow(start.file, start.dialect, options, row0);
  const data = { file: badCell["file"], line, row: row0, column, expected, found };
  const place = line === undefined ? "" : `line ${line}, `;
  const message = `Column ${pathText(column)} of ${place}row ${data.row} (counted from 0) of ${data.file} holds the text ${JSON.stringify(found)}, expected ${expected}.`;
  const add = expected === noSuchField ? `, write with ${optionText("mergeSchema")} to add the field` : "";
  throw new VarveError(
    "SCHEMA_MISMATCH",
    `${message} Correct the file${add}, or set such rows aside with a suite that has "onMisfit": "quarantine".`,
    data,
  );
}

function relationOf(
  table: SqlName,
  cells: readonly CsvColumn[],
  starts: LoadedText["starts"],
  keepsBad: boolean,
): StagedRelation {
  const selected = cells.map(
    ({ name, stored, type }) => sql`${type.kind === "null" ? sql`NULL` : stored} AS ${quoteName(name)}`,
  );
  const [file, row] = fileAndRow(starts);
  const names = positionNames(cells.map(({ name }) => name));
  const bad = keepsBad ? sql`, ${besideStored.badCells} AS ${names.badCells}` : sql``;
  const place = { file: names.file, row: names.row };
  return {
    sql: sql`SELECT ${selected} FROM ${table}`,
    columns: cells.map(({ name, type }) => ({ name, type: sqlType(type) })),
    positionedSql: sql`SELECT ${selected}, ${file} AS ${names.file}, ${row} AS ${names.row}${bad} FROM ${table}`,
    positionColumns: keepsBad ? { ...place, badCells: names.badCells } : place,
  };
}
