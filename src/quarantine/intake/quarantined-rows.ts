import { planConversion } from "../../dialects/conversion.ts";
import { engineTypeText, parseEngineType } from "../../dialects/engine-types.ts";
import type { Session, StagedRelation } from "../../engine/core/contract.ts";
import { payloadSql } from "../../quality/gate/payload.ts";
import { type Places, placesOf, placesSql } from "../../quality/model/places.ts";
import { findField, holdsVariant } from "../../schema/fields.ts";
import type { StructField, StructType } from "../../schema/types.ts";
import { joinSql, type SqlExpression, type SqlName, type SqlSelect, sql } from "../../sql/sql.ts";
import { fileList, plainName, quoteName, quoteText } from "../../sql/sql-text.ts";
import { quarantinedName } from "../../table/idempotence/application-ids.ts";
import { freePrefix } from "../../util/free-prefix.ts";
import { timeOrderedUuid } from "../../util/world.ts";
import { requireSamePlaces } from "../../write/stages/accounted-rows.ts";
import type { SetAsideBatch } from "../../write/stages/batch-stages.ts";
import { quarantineColumns, quarantineNames, rowIdSql } from "./quarantine-table.ts";

/** Compares the files for a quarantine with the rows that the gate set aside. @throws `ROWS_UNACCOUNTED` */
export async function requireAside(session: Session, aside: Places, files: readonly string[]): Promise<void> {
  const [row] = await session.rows(
    sql`SELECT ${placesSql(quarantineNames.file, quarantineNames.row)} AS places FROM read_parquet(${fileList(files)})`,
  );
  requireSamePlaces(aside, placesOf(row?.["places"]));
}

/**
 * The rows of a quarantine, from the gate's query, whose first columns are `file`, `row` and `errors`,
 * followed by the table's.
 */
export function quarantineSql(batch: SetAsideBatch, gateSql: SqlSelect, quarantine: StructType): SqlSelect {
  const { merged, source } = batch;
  if (merged === undefined) return rowsOfSource(batch, { source, gateSql, needsMerge: false }, quarantine);
  const { inserts } = merged;
  const part = (from: StagedRelation, isInsert: boolean) => {
    const own = sql`SELECT * FROM (${gateSql}) WHERE ${isInsert ? sql`` : sql`NOT `}coalesce(row IN (${inserts}), false)`;
    return rowsOfSource(batch, { source: from, gateSql: own, needsMerge: !isInsert }, quarantine);
  };
  return sql`${part(source, true)} UNION ALL ${part(merged.source, false)}`;
}

/** Rows that were set aside, and the source that has them as they came. */
interface AsideRows {
  readonly source: StagedRelation;
  readonly gateSql: SqlSelect;
  readonly needsMerge: boolean;
}

function rowsOfSource(
  batch: SetAsideBatch,
  { source, gateSql, needsMerge }: AsideRows,
  quarantine: StructType,
): SqlSelect {
  const { verdict, target, fitted, room, plan } = batch;
  const columns = fitted.columns;
  const values = findField(quarantine, quarantineColumns.values);
  if (target.schema.fields.some((field) => holdsVariant(field.type))) room.session.enableVariants();
  const batchId = batchIdOf(batch);
  const prefix = freePrefix([...columns, ...source.columns].map(({ name }) => name));
  const place = {
    file: plainName(`${prefix}gate_file`),
    row: plainName(`${prefix}gate_row`),
    errors: plainName(`${prefix}gate_errors`),
  };
  const text = (value: string | null) => (value === null ? sql`CAST(NULL AS VARCHAR)` : quoteText(value));
  const aliases = [place.file, place.row, place.errors, ...columns.map((column) => quoteName(column.name))];
  const now = new Date(target.context.world.now()).toISOString();
  const id = rowIdSql({
    table: text(target.metadata.id),
    batch: text(batchId),
    file: place.file,
    row: place.row,
  });
  const items: readonly (readonly [SqlName, SqlExpression])[] = [
    [quarantineNames.id, id],
    [quarantineNames.table, text(target.metadata.id)],
    [
      quarantineNames.baseVersion,
      target.snapshot === undefined
        ? sql`CAST(NULL AS BIGINT)`
        : sql`CAST(${target.snapshot.version} AS BIGINT)`,
    ],
    [quarantineNames.batch, text(batchId)],
    [quarantineNames.file, place.file],
    [quarantineNames.row, sql`CAST(${place.row} AS BIGINT)`],
    [quarantineNames.quarantinedAt, sql`TIMESTAMPTZ ${quoteText(now)}`],
    [quarantineNames.suite, text(verdict?.suite.name ?? null)],
    [quarantineNames.suiteFingerprint, text(verdict?.suite.fingerprint ?? null)],
    [quarantineNames.writerSuite, text(plan.tests?.writer?.fingerprint ?? "")],
    [quarantineNames.errors, place.errors],
    [
      quarantineNames.payload,
      payloadSql(source.columns, sql`s`, source.positionColumns.badCells, target.schema),
    ],
    [quarantineNames.values, values === undefined ? sql`NULL` : valuesSql(values, columns)],
    [quarantineNames.attempt, sql`CAST(1 AS INTEGER)`],
    [quarantineNames.status, text("open")],
    [quarantineNames.resubmission, text(null)],
    [quarantineNames.resolvedVersion, sql`CAST(NULL AS BIGINT)`],
    [quarantineNames.resolvedAt, sql`CAST(NULL AS TIMESTAMPTZ)`],
    [quarantineNames.repairedAt, sql`CAST(NULL AS TIMESTAMPTZ)`],
    [quarantineNames.note, text(null)],
    [quarantineNames.needsMerge, needsMerge ? sql`TRUE` : sql`CAST(NULL AS BOOLEAN)`],
  ];
  const from = sql`(${gateSql}) AS q(${aliases}) JOIN (${source.positionedSql}) AS s`;
  const on = sql`s.${quoteName(source.positionColumns.row)} = q.${place.row} AND s.${quoteName(source.positionColumns.file)} IS NOT DISTINCT FROM q.${place.file}`;
  return sql`SELECT ${items.map(([name, value]) => sql`${value} AS ${name}`)} FROM ${from} ON ${on}`;
}

/** The quarantine's id of a batch; a batch without an id from the caller gets a new one each time. */
export function batchIdOf({ target, plan }: SetAsideBatch): string {
  return quarantinedName(plan.batch) ?? timeOrderedUuid(target.context.world);
}

/**
 * The row in the quarantine's types. Members whose type has changed since, and that do not fit, are null; the
 * payload has them.
 */
function valuesSql(
  values: StructField,
  columns: readonly { readonly name: string; readonly type: string }[],
): SqlExpression {
  if (typeof values.type === "string" || values.type.type !== "struct") return sql`NULL`;
  const members = values.type.fields.map((field) => {
    const column = columns.find((candidate) => candidate.name.toLowerCase() === field.name.toLowerCase());
    return sql`${quoteName(field.name)} := ${column === undefined ? nullOf(field) : memberSql(field, column)}`;
  });
  return sql`struct_pack(${members})`;
}

function memberSql(
  field: StructField,
  column: { readonly name: string; readonly type: string },
): SqlExpression {
  const cell = sql`q.${quoteName(column.name)}`;
  const mismatches: Parameters<typeof planConversion>[3] = [];
  const conversion = planConversion(parseEngineType(column.type), field.type, [field.name], mismatches);
  if (mismatches.length > 0) return nullOf(field);
  const lossy = conversion.checks
    .filter((check) => check.kind === "lossy")
    .map((check) => check.violated(cell));
  const value = conversion.convert(cell);
  return lossy.length === 0
    ? value
    : sql`CASE WHEN ${joinSql(lossy, sql` OR `)} THEN ${nullOf(field)} ELSE ${value} END`;
}

function nullOf(field: StructField): SqlExpression {
  return sql`CAST(NULL AS ${engineTypeText(field.type)})`;
}
