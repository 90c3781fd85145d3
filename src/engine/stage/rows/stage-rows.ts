import type { DuckDBType } from "@duckdb/node-api";
import { type EngineType, parseEngineType } from "../../../dialects/engine-types.ts";
import { VarveError } from "../../../errors.ts";
import { type SqlExpression, sql } from "../../../sql/sql.ts";
import { columnType, quoteName } from "../../../sql/sql-text.ts";
import type { EngineSource, RowCells, StagedRelation, StageOptions } from "../../core/contract.ts";
import { assertNotAborted, type EngineCore } from "../../core/core.ts";
import { knownValueType, sqlType, stagedType, type ValueType } from "../../core/value-type.ts";
import type { BadCell } from "../shared/bad-cells.ts";
import { positionNames, storedName } from "../shared/position.ts";
import { readMeter } from "../shared/read-meter.ts";
import { type FileStart, fileAndRow } from "../shared/stage-files.ts";
import { readJsonLines } from "./ndjson-lines.ts";
import { inBatches } from "./row-batches.ts";
import type { RowPlace } from "./row-problem.ts";
import { RowStager } from "./row-stager.ts";

/** Stages row objects. @throws `SOURCE_UNREADABLE`, `SCHEMA_MISMATCH` naming row and column. */
export async function stageRows(
  core: EngineCore,
  source: Extract<EngineSource, { kind: "rows" }>,
  options: StageOptions,
): Promise<StagedRelation> {
  const declared = await givenTypes(core, options);
  const stager = new RowStager({
    core,
    given: declared,
    fromText: false,
    placeOf: (row) => ({ text: `row ${row}` }),
    keepsBad: options.badCells === "keep",
  });
  try {
    for await (const batch of inBatches(source.rows, () => stager.batchRows)) {
      assertNotAborted(options.signal);
      await stager.append(batch);
      options.onProgress?.({ rows: stager.rows });
    }
    return await finishStaged(stager, fileAndRow([]));
  } catch (error) {
    await dropStaged(core, stager);
    throw error;
  }
}

/**
 * Stages files of JSON lines. They are parsed here and not by the engine, because that silently rounds
 * numbers.
 */
export async function stageJsonLines(
  core: EngineCore,
  source: Extract<EngineSource, { kind: "ndjson" }>,
  options: StageOptions,
): Promise<StagedRelation> {
  const declared = await givenTypes(core, options);
  const starts: FileStart[] = [];
  let lines: number[] = [];
  let base = 0;
  const placeOf = (row: number): RowPlace => {
    const [file, line] = [starts.at(-1)?.file, lines[row - base]];
    return { text: `line ${line ?? "?"} of ${file ?? "the source"}`, file, line };
  };
  const stager = new RowStager({
    core,
    given: declared,
    fromText: true,
    placeOf,
    keepsBad: options.badCells === "keep",
  });
  const files = source.files;
  try {
    const meter = await readMeter(files, options.onProgress);
    for (const [index, file] of files.entries()) {
      starts.push({ file, from: stager.rows });
      let bytes = 0;
      const reading = {
        keepsBroken: options.badCells === "keep",
        onBytes: (more: number) => {
          bytes += more;
        },
      };
      for await (const parsed of readJsonLines(file, reading)) {
        for (let start = 0, size = 0; start < parsed.length; start += size) {
          assertNotAborted(options.signal);
          size = stager.batchRows;
          const batch = parsed.slice(start, start + size);
          base = stager.rows;
          lines = batch.map(({ line }) => line);
          const broken = batch.flatMap(({ broken: cell }, index): [number, BadCell[]][] =>
            cell === undefined ? [] : [[index, [cell]]],
          );
          await stager.append(
            batch.map(({ row }): RowCells => row),
            new Map(broken),
          );
          meter.report(index, bytes, stager.rows);
        }
      }
      meter.end(index, stager.rows);
    }
    return await finishStaged(stager, fileAndRow(starts));
  } catch (error) {
    await dropStaged(core, stager);
    throw error;
  }
}

/**
 * Types by their text, which the engine has parsed before: asking it takes as long as staging a hundred rows.
 */
const parsedTypes = new Map<string, DuckDBType>();
const mostParsedTypes = 1000;

/** Types that the caller gave, by column. @throws `INVALID_ARGUMENT` for a type that Delta does not have. */
export async function givenTypes(core: EngineCore, options: StageOptions): Promise<Map<string, ValueType>> {
  const columns = options.columns ?? [];
  const wanted = [...new Set(columns.map((column) => column.type))];
  if (parsedTypes.size + wanted.length > mostParsedTypes) parsedTypes.clear();
  const unknown = wanted.filter((type) => !parsedTypes.has(type));
  if (unknown.length > 0) {
    const typed = await core.typedColumns(
      sql`SELECT ${unknown.map((type, index) => sql`NULL::${columnType(type)} AS ${storedName(index)}`)}`,
    );
    for (const [index, type] of unknown.entries())
      parsedTypes.set(type, typed[index]?.type ?? core.driver.api.ANY);
  }
  const { ANY } = core.driver.api;
  return new Map(
    columns.map(({ name, type: text }) => {
      const type = knownValueType(core.driver, name, parsedTypes.get(text) ?? ANY, { variants: true });
      return [name, text.includes('"NULL"') ? withOpenParts(type, parseEngineType(text)) : type];
    }),
  );
}

/** The type with `null` for fields of which the text says no type; the engine takes them for INTEGER. */
function withOpenParts(type: ValueType, told: EngineType): ValueType {
  if (told.kind === "scalar" && told.name === "NULL") return { kind: "null" };
  if (type.kind !== "struct" || told.kind !== "struct") return type;
  const fields = type.fields.map(({ name, type: own }, index) => {
    const below = told.fields[index];
    return { name, type: below === undefined ? own : withOpenParts(own, below.type) };
  });
  return { kind: "struct", fields };
}

async function finishStaged(
  stager: RowStager,
  [file, row]: readonly [SqlExpression, SqlExpression],
): Promise<StagedRelation> {
  if (stager.rows === 0) await stager.addGiven();
  stager.finish();
  if (stager.fields.length === 0) {
    throw new VarveError(
      "SOURCE_UNREADABLE",
      "The source has no rows, so its columns are unknown. Pass a schema.",
      {},
    );
  }
  const columns = stager.fields.map((field) => ({ name: field.name, type: sqlType(stagedType(field.type)) }));
  const selected = stager.fields.map(
    ({ name, type, stored }) => sql`${type.kind === "null" ? sql`NULL` : stored} AS ${quoteName(name)}`,
  );
  const { badCells } = stager;
  const names = positionNames(columns.map(({ name }) => name));
  const bad = badCells === undefined ? sql`` : sql`, ${badCells} AS ${names.badCells}`;
  const place = sql`${file} AS ${names.file}, ${row} AS ${names.row}`;
  const positions = { file: names.file, row: names.row };
  return {
    sql: sql`SELECT ${selected} FROM ${stager.table}`,
    columns,
    rows: stager.rows,
    ownVariants: true,
    positionedSql: sql`SELECT ${selected}${bad}, ${place} FROM ${stager.table}`,
    positionColumns: badCells === undefined ? positions : { ...positions, badCells: names.badCells },
  };
}

async function dropStaged(core: EngineCore, stager: RowStager): Promise<void> {
  stager.abandon();
  if (!core.closed) await core.run(sql`DROP TABLE IF EXISTS ${stager.table}`);
}
