import { planConversion } from "../../dialects/conversion.ts";
import { engineTypeText, parseEngineType } from "../../dialects/engine-types.ts";
import type { Session } from "../../engine/core/contract.ts";
import { payloadSql } from "../../quality/gate/payload.ts";
import { type Places, placesOf, placesSql } from "../../quality/model/places.ts";
import { findField, holdsVariant } from "../../schema/fields.ts";
import type { StructField, StructType } from "../../schema/types.ts";
import { unchecked } from "../../sql/sql.ts";
import { fileList, quoteName, quoteText } from "../../sql/sql-text.ts";
import { quarantinedName } from "../../table/idempotence/application-ids.ts";
import { freePrefix } from "../../util/free-prefix.ts";
import { timeOrderedUuid } from "../../util/world.ts";
import { requireSamePlaces } from "../../write/stages/accounted-rows.ts";
import type { WrittenBatch } from "../../write/stages/batch-stages.ts";
import { quarantineColumns } from "./quarantine-table.ts";

/**
 * Holds files that are to go into a quarantine to the rows that the gate set aside. @throws
 * `ROWS_UNACCOUNTED`
 */
export async function requireAside(session: Session, aside: Places, files: readonly string[]): Promise<void> {
  const [found] = await session.rows(
    unchecked(
      `SELECT ${placesSql(quoteName(quarantineColumns.file), quoteName(quarantineColumns.row))} AS places FROM read_parquet(${fileList(files)})`,
    ),
  );
  requireSamePlaces(aside, placesOf(found?.["places"]));
}

/**
 * The rows of a quarantine, from the gate's query: its first columns are `file`, `row` and `errors`, then
 * come the table's.
 */
export function quarantineSql(batch: WrittenBatch, gateSql: string, quarantine: StructType): string {
  const { verdict, target, source, fitted, room } = batch;
  const given = fitted.columns;
  const values = findField(quarantine, quarantineColumns.values);
  if (target.schema.fields.some((field) => holdsVariant(field.type))) room.session.enableVariants();
  const batchId = batchIdOf(batch);
  const prefix = freePrefix([...given, ...source.columns].map(({ name }) => name));
  const place = { file: `${prefix}gate_file`, row: `${prefix}gate_row`, errors: `${prefix}gate_errors` };
  const text = (value: string | null) => (value === null ? "CAST(NULL AS VARCHAR)" : quoteText(value));
  const aliases = [place.file, place.row, place.errors, ...given.map((column) => quoteName(column.name))];
  const now = new Date(target.context.world.now()).toISOString();
  const id = `sha256(concat_ws('|', ${text(target.metadata.id)}, ${text(batchId)}, coalesce(${place.file}, ''), CAST(${place.row} AS VARCHAR)))`;
  const items: readonly (readonly [string, string])[] = [
    [quarantineColumns.id, id],
    [quarantineColumns.table, text(target.metadata.id)],
    [
      quarantineColumns.baseVersion,
      target.snapshot === undefined ? "CAST(NULL AS BIGINT)" : `CAST(${target.snapshot.version} AS BIGINT)`,
    ],
    [quarantineColumns.batch, text(batchId)],
    [quarantineColumns.file, place.file],
    [quarantineColumns.row, `CAST(${place.row} AS BIGINT)`],
    [quarantineColumns.at, `TIMESTAMPTZ ${quoteText(now)}`],
    [quarantineColumns.suite, text(verdict?.suite.name ?? null)],
    [quarantineColumns.suiteFingerprint, text(verdict?.suite.fingerprint ?? null)],
    [quarantineColumns.errors, place.errors],
    [
      quarantineColumns.payload,
      payloadSql(source.columns, "s", source.positionColumns.badCells, target.schema),
    ],
    [quarantineColumns.values, values === undefined ? "NULL" : valuesSql(values, given)],
    [quarantineColumns.attempt, "CAST(1 AS INTEGER)"],
    [quarantineColumns.status, text("open")],
    [quarantineColumns.resubmission, text(null)],
    [quarantineColumns.resolvedVersion, "CAST(NULL AS BIGINT)"],
    [quarantineColumns.resolvedAt, "CAST(NULL AS TIMESTAMPTZ)"],
    [quarantineColumns.note, text(null)],
  ];
  const from = `(${gateSql}) AS q(${aliases.join(", ")}) JOIN (${source.positionedSql}) AS s`;
  const on = `s.${quoteName(source.positionColumns.row)} = q.${place.row} AND s.${quoteName(source.positionColumns.file)} IS NOT DISTINCT FROM q.${place.file}`;
  return `SELECT ${items.map(([name, sql]) => `${sql} AS ${quoteName(name)}`).join(", ")} FROM ${from} ON ${on}`;
}

/** What the quarantine calls a batch; one that the caller did not name gets a fresh name each time. */
export function batchIdOf({ target, plan }: WrittenBatch): string {
  return quarantinedName(plan.batch) ?? timeOrderedUuid(target.context.world);
}

/**
 * The row in the quarantine's types; members whose type has changed since and does not fit stay null, the
 * payload has them.
 */
function valuesSql(
  values: StructField,
  given: readonly { readonly name: string; readonly type: string }[],
): string {
  if (typeof values.type === "string" || values.type.type !== "struct") return "NULL";
  const members = values.type.fields.map((field) => {
    const column = given.find((one) => one.name.toLowerCase() === field.name.toLowerCase());
    return `${quoteName(field.name)} := ${column === undefined ? nullOf(field) : memberSql(field, column)}`;
  });
  return `struct_pack(${members.join(", ")})`;
}

function memberSql(field: StructField, column: { readonly name: string; readonly type: string }): string {
  const given = `q.${quoteName(column.name)}`;
  const mismatches: Parameters<typeof planConversion>[3] = [];
  const conversion = planConversion(parseEngineType(column.type), field.type, [field.name], mismatches);
  if (mismatches.length > 0) return nullOf(field);
  const lossy = conversion.checks
    .filter((check) => check.kind === "lossy")
    .map((check) => check.violated(given));
  const value = conversion.convert(given);
  return lossy.length === 0
    ? value
    : `CASE WHEN ${lossy.join(" OR ")} THEN ${nullOf(field)} ELSE ${value} END`;
}

function nullOf(field: StructField): string {
  return `CAST(NULL AS ${engineTypeText(field.type)})`;
}
