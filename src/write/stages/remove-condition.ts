import { type Mismatch, planConversion } from "../../dialects/conversion.ts";
import { engineTypeText, openTypeText, parseEngineType } from "../../dialects/engine-types.ts";
import { conditionOver, rowCondition } from "../../dialects/row-condition.ts";
import type { FencedSession, StagedRelation } from "../../engine/core/contract.ts";
import { assertInternal, isVarveError, VarveError } from "../../errors.ts";
import type { AddAction } from "../../protocol/actions.ts";
import { findField } from "../../schema/fields.ts";
import { partitionText, partitionValueSql } from "../../schema/partition-values.ts";
import { typeText } from "../../schema/type-names.ts";
import type { StructType } from "../../schema/types.ts";
import { untypedAsVoid } from "../../schema/untyped-columns.ts";
import { type SqlExpression, type SqlSelect, sql } from "../../sql/sql.ts";
import { plainName, quoteName } from "../../sql/sql-text.ts";
import { predicateFromSql } from "../../table/scan/predicate-from-sql.ts";
import { planScan } from "../../table/scan/scan.ts";
import { appendAll } from "../../util/append-all.ts";
import { counted } from "../../util/counted.ts";
import { freePrefix } from "../../util/free-prefix.ts";
import { optionText } from "../../util/option-text.ts";
import type { BatchTarget } from "../plan/batch-target.ts";
import type { WrittenRows } from "./batch-checks.ts";
import type { JudgedRows, MatchingRows, RemovedFiles } from "./batch-stages.ts";
import { keptRowIds } from "./kept-row-ids.ts";
import { partitionFields, rowsWhere } from "./remove-partitions.ts";
import type { WriteRoom } from "./write-room.ts";

/** The rows to write, and the files that they replace if the rows determine those. */
export interface ComposedRows {
  readonly rows: WrittenRows;
  readonly removed?: RemovedFiles | undefined;
  /**
   * The changed rows with their `_change_type`, for a table with a change feed whose readers cannot tell them from the
   * other files.
   */
  readonly changes?: SqlSelect | undefined;
}

/** Finds the files that may hold rows that meet a condition. */
export async function matchingRows(
  { session, readable }: WriteRoom,
  target: BatchTarget,
  where: string,
): Promise<MatchingRows> {
  const { snapshot } = target;
  assertInternal(snapshot !== undefined, "rows of a new table are to be replaced");
  const predicate = await predicateFromSql(session, where, snapshot.schema);
  const rowTracking = keptRowIds(target) !== undefined;
  const place = `${freePrefix([...snapshot.schema.fields.map(({ name }) => name), "_metadata"])}place`;
  const scan = await planScan(session, snapshot, { predicate, rowTracking, typedVariants: true, place });
  appendAll(readable, scan.files);
  const { files } = await (await snapshot.files()).prune(predicate);
  return { kind: "condition", where, predicate, files, place: plainName(place), scan: scan.sql };
}

/** The table's rows that do not meet the condition; unknown counts as not met. */
export async function rowsThatDoNotMatch(
  fenced: FencedSession,
  { schema }: BatchTarget,
  { where }: MatchingRows,
  table: StagedRelation,
): Promise<StagedRelation> {
  return rowsWhere(table, sql`NOT ${await rowCondition(fenced, where, schema)}`);
}

/**
 * Replaces the rows that meet the condition by a batch's rows. Rows of the same files that do not meet it are
 * rewritten next to the new ones. A condition over partition columns alone removes whole files.
 *
 * @throws `CONSTRAINT_VIOLATED` for new rows that do not meet the condition; `SQL_FAILED`, `SQL_REFUSED`
 */
export async function replacedMatches(judged: JudgedRows, matching: MatchingRows): Promise<ComposedRows> {
  const { plan, room, target, clean } = judged;
  const { where } = matching;
  const fenced = await room.fence();
  const condition = await rowCondition(fenced, where, target.schema);
  await refuseOutside(fenced, clean, condition, where);
  const whole = await matchingPartitions(fenced, plan.target, matching);
  const all = inTypesOf(target.schema, plan.target.schema, matching.scan);
  const touched = whole === undefined ? await touchedFiles(fenced, matching, all, condition) : [];
  const files = whole ?? matching.files.filter((_, index) => touched.includes(index));
  const reads = { predicates: [matching.predicate], files: files.map((file) => file.path) };
  const removed = { files, reads };
  if (files.length === 0 || whole !== undefined) return { rows: clean, removed };
  const ids = keptRowIds(plan.target);
  const items = ids === undefined ? sql`*` : sql`* EXCLUDE (_metadata), ${ids.items}`;
  const { place } = matching;
  const scanned = sql`SELECT * EXCLUDE (${place}) FROM (${all}) WHERE ${place}.file IN (${touched.map((index) => sql`${index}`)})`;
  const kept = sql`SELECT ${items} FROM (${scanned}) WHERE NOT ${condition}`;
  const [count] = await fenced.rows(sql`SELECT count(*) AS n FROM (${kept})`);
  const copied = Number(count?.["n"] ?? 0);
  if (copied === 0) return { rows: clean, removed };
  const rows = sql`${clean.sql} UNION ALL BY NAME (${kept})`;
  const columns = target.schema.fields.map(({ name }) => quoteName(name));
  const changes = sql`SELECT ${columns}, 'delete' AS _change_type FROM (${scanned}) WHERE ${condition}
    UNION ALL BY NAME SELECT ${columns}, 'insert' AS _change_type FROM (${clean.sql})`;
  return {
    rows: { sql: rows, copied, hidden: ids?.columns },
    removed,
    changes: plan.changeFeed ? changes : undefined,
  };
}

/** Indexes of the files that hold rows that meet the condition: the others stay as they are. */
async function touchedFiles(
  fenced: FencedSession,
  { place }: Pick<MatchingRows, "place">,
  rows: SqlSelect,
  condition: SqlExpression,
): Promise<number[]> {
  const found = await fenced.rows(
    sql`SELECT DISTINCT ${place}.file AS file FROM (${rows}) WHERE ${condition}`,
  );
  return found.map(({ file }) => Number(file));
}

/**
 * Rows of the table in the types that the batch leaves it with. A union alone would find a type for both, such
 * as text for an untyped column and the numbers of the batch, which is then no type of the table.
 */
function inTypesOf(schema: StructType, before: StructType, rows: SqlSelect): SqlSelect {
  const mismatches: Mismatch[] = [];
  const changed = untypedAsVoid(before).fields.flatMap(({ name, type }) => {
    const field = findField(schema, name);
    if (field === undefined || typeText(field.type) === typeText(type)) return [];
    const { convert } = planConversion(parseEngineType(openTypeText(type)), field.type, [name], mismatches);
    return [sql`${convert(quoteName(name))} AS ${quoteName(name)}`];
  });
  assertInternal(mismatches.length === 0, "kept rows do not have the types of the table any more");
  return changed.length === 0 ? rows : sql`SELECT * REPLACE (${changed}) FROM (${rows})`;
}

/**
 * The files whose partition values meet a condition; `undefined` if the condition also reads other columns.
 */
async function matchingPartitions(
  fenced: FencedSession,
  target: BatchTarget,
  { files, where }: Pick<MatchingRows, "files" | "where">,
): Promise<readonly AddAction[] | undefined> {
  const fields = partitionFields(target);
  if (fields.length === 0 || files.length === 0) return undefined;
  const columns = fields.map(({ field }) => ({ name: field.name, type: engineTypeText(field.type) }));
  const condition = await conditionOver(fenced, where, columns).catch((error: unknown) => {
    if (isVarveError(error, "SQL_FAILED")) return undefined;
    throw error;
  });
  return condition === undefined ? undefined : filesOfPartitions(fenced, target, files, condition);
}

/** The files whose partition values meet a condition over the partition columns alone. */
export async function filesOfPartitions(
  fenced: FencedSession,
  target: BatchTarget,
  files: readonly AddAction[],
  condition: SqlExpression,
): Promise<readonly AddAction[]> {
  if (files.length === 0) return [];
  const fields = partitionFields(target);
  const rows = files.map((file, index) => {
    const values = fields.map(({ field, physical }) =>
      partitionValueSql(
        field.type,
        partitionText(file.partitionValues, physical),
        engineTypeText(field.type),
        [field.name],
      ),
    );
    return sql`(${[index, ...values]})`;
  });
  const number = quoteName(`${freePrefix(fields.map(({ field }) => field.name))}file`);
  const names = [number, ...fields.map(({ field }) => quoteName(field.name))];
  const matching = await fenced.rows(
    sql`SELECT ${number} AS index FROM (VALUES ${rows}) AS t(${names}) WHERE ${condition}`,
  );
  const chosen = new Set(matching.map((row) => Number(row["index"])));
  return files.filter((_, index) => chosen.has(index));
}

async function refuseOutside(
  fenced: FencedSession,
  rows: WrittenRows,
  condition: SqlExpression,
  where: string,
): Promise<void> {
  const [outside] = await fenced.rows(sql`SELECT count(*) AS n FROM (${rows.sql}) WHERE NOT ${condition}`);
  if (outside?.["n"] === 0n) return;
  throw new VarveError(
    "CONSTRAINT_VIOLATED",
    `${counted(Number(outside?.["n"]), "new row")} ${Number(outside?.["n"]) === 1 ? "does" : "do"} not match ${optionText("replaceWhere")}: ${where}. Nothing was written. Filter the source, or widen the condition.`,
    { constraint: "replaceWhere", condition: where, rows: Number(outside?.["n"]) },
  );
}
