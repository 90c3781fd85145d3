import { planConversion } from "../dialects/conversion.ts";
import { engineColumns, engineTypeText, parseEngineType } from "../dialects/engine-types.ts";
import type { Session } from "../engine/core/contract.ts";
import { VarveError } from "../errors.ts";
import type { LogSnapshot, TableContext } from "../log/contract.ts";
import { refreshLog } from "../log/snapshot/open-log.ts";
import { payloadSql } from "../quality/gate/payload.ts";
import type { GateOutcome } from "../quality/gate/verdict.ts";
import { noPlaces, type Places, placesOf, placesSql } from "../quality/model/places.ts";
import { findField, holdsVariant } from "../schema/fields.ts";
import type { StructField, StructType } from "../schema/types.ts";
import { fileList, quoteName, quoteText } from "../sql/sql-text.ts";
import { commitChange, type TableChange } from "../table/commit/table-change.ts";
import { keepLog } from "../table/commit/upkeep.ts";
import {
  commitOrWithdraw,
  publishData,
  type StagedData,
  stageData,
  withdrawData,
} from "../table/data-files/write-data-files.ts";
import { quarantinedName, quarantineTransaction } from "../table/idempotence/application-ids.ts";
import { freePrefix } from "../util/free-prefix.ts";
import { timeOrderedUuid } from "../util/world.ts";
import { requireSamePlaces } from "./accounted-rows.ts";
import { type BatchTarget, dataTarget, existingTarget, mergedTarget } from "./batch-target.ts";
import { compareEarlier, replaceEarlier } from "./quarantine-again.ts";
import {
  ensureQuarantine,
  quarantineColumns,
  quarantineContext,
  quarantineSchema,
} from "./quarantine-table.ts";
import type { PreparedBatch } from "./write-batch.ts";
import type { WriteOptions, WriteResult } from "./write-options.ts";

/**
 * Commits the rows that the gate set aside to the table's quarantine, before the batch itself is committed: a
 * crash between the two leaves rows in quarantine that the repeated batch does not add again.
 *
 * Where an earlier try of the batch set other rows aside, and cannot land any more because the table's
 * metadata changed since, such as the suite that it carries, its rows make way for these in one commit.
 *
 * @param known `earlier`: the quarantine where it holds rows of an earlier try of the batch; `before`: rows
 * of the batch that went into quarantine already, because they do not fit the table; the verdict counts them
 * @returns where they went; `undefined` where the gate set none aside
 * @throws `QUARANTINE_INVALID` where the same batch was set aside before with another outcome, and may still
 * land; `ROWS_UNACCOUNTED`
 */
export async function quarantineRows(
  batch: PreparedBatch,
  options: WriteOptions,
  known: { readonly earlier: LogSnapshot | undefined; readonly before?: number | undefined },
): Promise<WriteResult["quarantine"]> {
  const { before = 0 } = known;
  const { verdict, target } = batch;
  const context = options.quarantine ?? quarantineContext(target.context);
  const txn = quarantineTransaction(options);
  const earlier = known.earlier === undefined ? undefined : await refreshLog(known.earlier);
  const held = txn === undefined ? undefined : (await earlier?.appTransactions())?.get(txn.appId)?.version;
  if (earlier !== undefined && txn !== undefined && held !== undefined) {
    const repeated = { quarantine: earlier, target, batchId: batchIdOf(batch, options), verdict, before };
    const outcome = await compareEarlier(repeated);
    const files = outcome === "same" ? [] : await stagedAside(batch, options, await existingTarget(earlier));
    const version =
      outcome === "same"
        ? earlier.version
        : await replaceEarlier(repeated, files, { ...txn, version: held + 1n });
    return placeOf(context, version, verdict, before);
  }
  if (verdict === undefined || verdict.quarantineSql === null) return undefined;
  const snapshot = await ensureQuarantine(context, target.schema);
  const merged = mergedTarget(
    await existingTarget(snapshot),
    engineColumns(quarantineSchema(target.schema)),
    true,
  );
  const staged = await stageAside(batch, options, merged, verdict.quarantineSql);
  const adds = await publishData(context, staged, options.signal);
  const change: TableChange = {
    operation: "WRITE",
    operationParameters: { mode: "Append", partitionBy: "[]" },
    definition: merged.changes,
    files: { adds, rows: { written: staged.rows } },
    txn,
    signal: options.signal,
  };
  const committed = await commitOrWithdraw(context, staged, () => commitChange(merged, change));
  if (committed.outcome === "alreadyApplied") {
    await withdrawData(context, staged);
    const quarantine = await refreshLog(snapshot);
    const outcome = await compareEarlier({
      quarantine,
      target,
      batchId: batchIdOf(batch, options),
      verdict,
      before,
    });
    if (outcome === "replace") throw setAsideMeanwhile(batchIdOf(batch, options));
  } else await keepLog(context, committed, { base: snapshot });
  return placeOf(context, committed.version, verdict, before);
}

function placeOf(
  { store }: TableContext,
  version: number,
  verdict: GateOutcome | undefined,
  before: number,
): NonNullable<WriteResult["quarantine"]> | undefined {
  const rows = verdict?.quarantined ?? 0;
  return rows === 0 || rows === before ? undefined : { uri: store.uri, version, rows };
}

function setAsideMeanwhile(batchId: string): VarveError {
  return new VarveError(
    "QUARANTINE_INVALID",
    `Another writer set rows of batch ${batchId} aside at the same time, by other tests. Nothing was written; repeat the batch.`,
    { batchId },
  );
}

/** Files with the rows that a batch sets aside; none where it sets none aside. */
async function stagedAside(
  batch: PreparedBatch,
  options: WriteOptions,
  quarantine: BatchTarget,
): Promise<string[]> {
  const sql = batch.verdict?.quarantineSql ?? null;
  if (sql === null) return [];
  const merged = mergedTarget(quarantine, engineColumns(quarantineSchema(batch.target.schema)), true);
  return (await stageAside(batch, options, merged, sql)).files.map(({ written }) => written.file);
}

async function stageAside(
  batch: PreparedBatch,
  options: WriteOptions,
  quarantine: BatchTarget,
  gateSql: string,
): Promise<StagedData> {
  const sql = quarantineSql(batch, gateSql, options, quarantine.schema);
  const staged = await stageData(batch.session, dataTarget(quarantine), sql, batch.staging);
  await requireAside(
    batch.session,
    batch.verdict?.aside ?? noPlaces,
    staged.files.map(({ written }) => written.file),
  );
  return staged;
}

/**
 * Holds files that are to go into a quarantine to the rows that the gate set aside. @throws
 * `ROWS_UNACCOUNTED`
 */
export async function requireAside(session: Session, aside: Places, files: readonly string[]): Promise<void> {
  const [found] = await session.rows(
    `SELECT ${placesSql(quarantineColumns.file, quarantineColumns.row)} AS places FROM read_parquet(${fileList(files)})`,
  );
  requireSamePlaces(aside, placesOf(found?.["places"]));
}

/**
 * The rows of a quarantine, from the gate's query: its first columns are `file`, `row` and `errors`, then
 * come the table's.
 */
export function quarantineSql(
  batch: PreparedBatch,
  gateSql: string,
  options: WriteOptions,
  quarantine: StructType,
): string {
  const { verdict, target, source, columns: given } = batch;
  const values = findField(quarantine, quarantineColumns.values);
  if (target.schema.fields.some((field) => holdsVariant(field.type))) batch.session.enableVariants();
  const batchId = batchIdOf(batch, options);
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

function batchIdOf({ target }: PreparedBatch, options: WriteOptions): string {
  return quarantinedName(options) ?? timeOrderedUuid(target.context.world);
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
