import { VarveError } from "../../../errors.ts";
import { type SqlName, type SqlText, sql } from "../../../sql/sql.ts";
import { quoteName } from "../../../sql/sql-text.ts";
import type { StagedRelation, StageOptions } from "../../core/contract.ts";
import { assertNotAborted, type EngineCore } from "../../core/core.ts";
import type { Driver } from "../../core/driver.ts";
import { columnSqlType, driverType, sqlType, type ValueField } from "../../core/value-type.ts";
import { columnBuilder } from "../columns/column-builder.ts";
import { shownValueType } from "../columns/shown-value-type.ts";
import { ArrowDamage } from "../ipc/damage.ts";
import { badCellsSql } from "../shared/bad-cells.ts";
import { ChunkWriter } from "../shared/chunk-writer.ts";
import { besideStored, positionNames, storedName } from "../shared/position.ts";
import { readMeter } from "../shared/read-meter.ts";
import { fileAndRow } from "../shared/stage-files.ts";
import { appendBatch, type KeptCells } from "./append-batch.ts";
import { type ArrowPlace, type ArrowSource, batchesOf, unreadableArrow } from "./arrow-batches.ts";
import { valueFieldsOfArrow } from "./arrow-source.ts";

/**
 * Stages Arrow tables, batches, IPC streams and files, copying whole columns.
 *
 * @throws `SOURCE_UNREADABLE` naming file and batch, `SCHEMA_MISMATCH` naming column, row and value
 */
export async function stageArrow(
  core: EngineCore,
  source: ArrowSource,
  options: StageOptions,
): Promise<StagedRelation> {
  const { signal } = options;
  const table = core.freshName("staged");
  const writer = new ChunkWriter(core, table);
  const file = source.kind === "arrow-file" ? source.file : undefined;
  const place: ArrowPlace = { batch: undefined, bytes: 0 };
  const kept = options.badCells === "keep" ? keptCells(core.driver) : undefined;
  let fields: readonly ValueField[] | undefined;
  let rows = 0;
  try {
    const meter = await readMeter(file === undefined ? [] : [file], options.onProgress);
    for await (const batch of batchesOf(source, place)) {
      assertNotAborted(signal);
      if (fields === undefined) {
        if (batch.fields.length === 0) throw new ArrowDamage("it has no columns");
        fields = valueFieldsOfArrow(batch.fields);
        const bad = kept === undefined ? [] : [sql`${besideStored.badCells} VARCHAR`];
        await core.run(sql`CREATE TABLE ${table} (${[...fields.map(columnDefinition), ...bad]})`);
        const types = fields.map((field) => driverType(core.driver, field.type));
        writer.begin(kept === undefined ? types : [...types, core.driver.api.VARCHAR]);
      } else assertSameFields(fields, valueFieldsOfArrow(batch.fields), rows);
      await appendBatch({ driver: core.driver, writer, fields, file, signal, kept }, batch, rows);
      rows += batch.rows;
      meter.report(0, place.bytes, rows);
    }
    meter.end(0, rows);
    if (fields === undefined)
      throw new VarveError(
        "SOURCE_UNREADABLE",
        "The Arrow source has no batches, so its columns are unknown. Pass at least one batch, even without rows.",
        {},
      );
    writer.finish();
    return relationOf(table, fields, { file, hasBad: kept !== undefined && kept.rows > 0 });
  } catch (error) {
    writer.abandon();
    if (!core.closed) await core.run(sql`DROP TABLE IF EXISTS ${table}`);
    throw unreadableArrow(source, place, error);
  }
}

function assertSameFields(expected: readonly ValueField[], actual: readonly ValueField[], row: number): void {
  const text = (fields: readonly ValueField[]) =>
    fields.map((field) => `${field.name} ${shownValueType(field.type)}`).join(", ");
  if (text(expected) === text(actual)) return;
  const message = `The Arrow batch that starts at row ${row} has the columns (${text(actual)}), but earlier batches have (${text(expected)}).`;
  throw new VarveError("SCHEMA_MISMATCH", `${message} Use one schema for all batches.`, {
    row,
    expected: text(expected),
    found: text(actual),
  });
}

function relationOf(
  table: SqlName,
  fields: readonly ValueField[],
  options: { readonly file: string | undefined; readonly hasBad: boolean },
): StagedRelation {
  const selected = fields.map(
    ({ name, type }, index) =>
      sql`${type.kind === "null" ? sql`NULL` : storedName(index)} AS ${quoteName(name)}`,
  );
  const names = positionNames(fields.map(({ name }) => name));
  const [file, row] = fileAndRow(options.file === undefined ? [] : [{ file: options.file, from: 0 }]);
  const place = sql`${file} AS ${names.file}, ${row} AS ${names.row}`;
  const bad = options.hasBad ? sql`, ${badCellsSql(besideStored.badCells)} AS ${names.badCells}` : sql``;
  const positions = { file: names.file, row: names.row };
  return {
    sql: sql`SELECT ${selected} FROM ${table}`,
    columns: fields.map(({ name, type }) => ({ name, type: sqlType(type) })),
    positionedSql: sql`SELECT ${selected}${bad}, ${place} FROM ${table}`,
    positionColumns: options.hasBad ? { ...positions, badCells: names.badCells } : positions,
  };
}

function keptCells(driver: Driver): KeptCells {
  return { builder: columnBuilder({ driver, fromText: false }, { kind: "text" }), rows: 0 };
}

function columnDefinition({ type }: ValueField, index: number): SqlText {
  return sql`${storedName(index)} ${columnSqlType(type)}`;
}
