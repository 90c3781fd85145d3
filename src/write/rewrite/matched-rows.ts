import { engineColumns } from "../../dialects/engine-types.ts";
import { booleanOver, rowCondition } from "../../dialects/row-condition.ts";
import type { FencedSession, Session } from "../../engine/core/contract.ts";
import { assertInternal } from "../../errors.ts";
import type { LogSnapshot } from "../../log/contract.ts";
import type { AddAction } from "../../protocol/actions.ts";
import type { Predicate } from "../../protocol/predicate.ts";
import { recordsOf } from "../../protocol/record-count.ts";
import { columnMetadata } from "../../schema/column-metadata.ts";
import { foldName } from "../../schema/schema-json.ts";
import type { StructType } from "../../schema/types.ts";
import { type SqlExpression, type SqlSelect, sql } from "../../sql/sql.ts";
import { plainName, quoteText } from "../../sql/sql-text.ts";
import { locateFiles } from "../../table/scan/data-files.ts";
import { footerRows } from "../../table/scan/file-groups.ts";
import { namesOnly, predicateFromSql } from "../../table/scan/predicate-from-sql.ts";
import { planFiles } from "../../table/scan/scan.ts";
import { appendAll } from "../../util/append-all.ts";
import { freePrefix } from "../../util/free-prefix.ts";
import { filesOfPartitions } from "../stages/remove-condition.ts";
import type { WriteRoom } from "../stages/write-room.ts";
import { type ChosenRows, chosenRows, scanWithChosen } from "./chosen-rows.ts";
import type { MatchedFile, RewritePlan } from "./rewrite-plan.ts";

/** The rows that a plan changes. */
export interface MatchedRows {
  /** What the log can tell of them: files added by others are tested against it. */
  readonly predicate: Predicate;
  /** SQL over the table's columns that is TRUE for these rows, and FALSE for others. */
  readonly condition: SqlExpression;
  /** Only files that hold such rows. */
  readonly files: readonly MatchedFile[];
  /** The rows as they were chosen once, where subqueries are involved; `condition` is then a column of theirs. */
  readonly chosen?: ChosenRows | undefined;
  /** Whether the condition, or its absence, selects whole files by the log alone. */
  readonly wholeFiles: boolean;
}

/** Rows of a bitmap's part. */
const partRows = 65_536;

/**
 * Finds the files whose rows meet a plan's condition, and how many do; fences the session.
 *
 * Without a condition, or for one over partition columns alone, the log answers, and for a deletion no file is
 * read or fetched. Otherwise the columns of the condition are read, of the files that may match.
 *
 * @param marks whether the matched rows are to be marked by deletion vectors, for which their positions are
 * needed
 * @throws `SQL_FAILED`, `SQL_REFUSED`, errors of the files that are read
 */
export async function matchedRows(room: WriteRoom, plan: RewritePlan, marks: boolean): Promise<MatchedRows> {
  const { target, snapshot, where, set, subqueries } = plan;
  const always: Predicate = { op: "constant", value: true };
  const predicate =
    where === undefined
      ? always
      : await predicateFromSql(room.session, where, prunable(plan), subqueries?.rowName);
  const { files: adds } = await (await snapshot.files()).prune(predicate);
  if (subqueries !== undefined) {
    const translated = where === undefined ? undefined : translatedCondition(plan, where);
    const chosen = await chosenRows(room, plan, adds, translated);
    const place = placeName(snapshot);
    const scan = await scanWithChosen(room, plan, adds, chosen, { place });
    const { chosen: condition } = chosen;
    const files = await countedFiles(room.session, snapshot, adds, { scan, place, condition, marks });
    return { predicate, condition, files, chosen, wholeFiles: false };
  }
  const allowReading = async () => {
    const paths = set === undefined ? [] : adds.map(({ path }) => path);
    appendAll(room.readable, await locateFiles(snapshot.context, paths));
  };
  if (where === undefined || (predicate.op === "constant" && predicate.value)) {
    await allowReading();
    // Text such as `true LIMIT 1` is a constant with something behind it, and no condition.
    if (where !== undefined) await rowCondition(await room.fence(), where, snapshot.schema);
    return { predicate, condition: sql`TRUE`, files: await wholeFiles(snapshot, adds), wholeFiles: true };
  }
  const translated = translatedCondition(plan, where);
  const partitions = new Set(target.metadata.partitionColumns.map(foldName));
  if (partitions.size > 0 && (await namesOnly(room.session, translated ?? where, partitions))) {
    await allowReading();
    const fenced = await room.fence();
    const condition = translated ?? (await rowCondition(fenced, where, snapshot.schema));
    const chosen = await filesOfPartitions(fenced, target, adds, condition);
    return { predicate, condition, files: await wholeFiles(snapshot, chosen), wholeFiles: true };
  }
  const place = placeName(snapshot);
  const scan = await planFiles(room.session, snapshot, adds, { typedVariants: true, place });
  appendAll(room.readable, scan.files);
  const fenced = await room.fence();
  const filter = await pushedFilter(fenced, plan, where, translated);
  const condition = translated ?? sql`(${filter} IS TRUE)`;
  const counting = { scan: scan.sql, place, condition: filter, marks };
  const files = await countedFiles(room.session, snapshot, adds, counting);
  return { predicate, condition, files, wholeFiles: false };
}

/** The columns by which files may be left out: Spark pads CHAR columns, of which the log knows what is stored. */
function prunable({ condition, snapshot: { schema } }: RewritePlan): StructType {
  if (condition === undefined) return schema;
  return {
    ...schema,
    fields: schema.fields.filter((field) => columnMetadata(field).charLength?.kind !== "char"),
  };
}

/**
 * SQL that is TRUE for the rows that meet a condition, and FALSE or null for others: the engine skips row groups by it,
 * and looks up a list of keys, which it does not with `IS TRUE` behind.
 */
async function pushedFilter(
  fenced: FencedSession,
  { condition, snapshot }: RewritePlan,
  where: string,
  translated: SqlExpression | undefined,
): Promise<SqlExpression> {
  if (translated === undefined) return booleanOver(fenced, where, engineColumns(snapshot.schema));
  return condition !== undefined && condition.fails === undefined ? sql`(${condition.sql})` : translated;
}

/** The plan's translated condition, which fails for a row for which it cannot be evaluated. */
function translatedCondition({ condition }: RewritePlan, where: string): SqlExpression | undefined {
  if (condition === undefined) return undefined;
  const holds = sql`(${condition.sql} IS TRUE)`;
  if (condition.fails === undefined) return holds;
  const message = quoteText(
    `The condition ${where} cannot be evaluated for some row: a cast, an overflow or an index fails`,
  );
  return sql`(CASE WHEN ${condition.fails} THEN error(${message}) ELSE ${holds} END)`;
}

/** Files of which every row matches; the rows are counted where the log does not say how many they are. */
async function wholeFiles(snapshot: LogSnapshot, adds: readonly AddAction[]): Promise<MatchedFile[]> {
  const counts = adds.map(({ stats, deletionVector }) => {
    const records = recordsOf(stats);
    return records === undefined ? undefined : records - (deletionVector?.cardinality ?? 0);
  });
  const uncounted = adds.filter((_, index) => counts[index] === undefined);
  const found = uncounted.length === 0 ? [] : await fileCounts(snapshot, uncounted);
  const counted = new Map(uncounted.map((add, index) => [add, found[index]]));
  return adds.map((add, index) => {
    const rows = counts[index] ?? counted.get(add) ?? 0;
    return { add, rows, matched: rows };
  });
}

/** Numbers of live rows, in a session of its own: the one of a change is fenced off from these files. */
async function fileCounts(snapshot: LogSnapshot, adds: readonly AddAction[]): Promise<number[]> {
  await using session = await (await snapshot.context.engine()).open();
  return await liveRowCounts(session, snapshot, adds);
}

/** Numbers of live rows of files, in their order, by their footers and their deletion vectors' sizes. */
export async function liveRowCounts(
  session: Session,
  { context }: LogSnapshot,
  adds: readonly AddAction[],
): Promise<number[]> {
  const local = await locateFiles(
    context,
    adds.map(({ path }) => path),
  );
  const rows = await footerRows(session, local);
  return adds.map(({ deletionVector }, index) => {
    const physical = rows.get(local[index] ?? "");
    assertInternal(physical !== undefined, "the rows of a file that was not read");
    return physical - (deletionVector?.cardinality ?? 0);
  });
}

function placeName({ schema }: LogSnapshot): string {
  return `${freePrefix(schema.fields.map(({ name }) => name))}place`;
}

interface Counting {
  readonly scan: SqlSelect;
  readonly place: string;
  readonly condition: SqlExpression;
  readonly marks: boolean;
}

/** Reads the condition's columns once, and counts the rows that meet it. */
async function countedFiles(
  session: Session,
  snapshot: LogSnapshot,
  adds: readonly AddAction[],
  { scan, place, condition, marks }: Counting,
): Promise<MatchedFile[]> {
  // A filter, because of rows that go no further nothing else is computed: most, usually.
  const places = sql`SELECT ${plainName(place)} AS place FROM (${scan}) WHERE ${condition}`;
  const files = await filesAtPlaces(session, adds, { places, marks });
  if (files.length === 0) return files;
  const rows = await liveRowCounts(
    session,
    snapshot,
    files.map(({ add }) => add),
  );
  return files.map((file, index) => ({ ...file, rows: rows[index] ?? 0 }));
}

/**
 * The files that hold rows at some places (structs of `file`, an index of `adds`, and `row`, in a column `place`), with
 * these rows alone, and which they are if they are to be marked.
 */
export async function filesAtPlaces(
  session: Session,
  adds: readonly AddAction[],
  { places, marks }: { readonly places: SqlSelect; readonly marks: boolean },
): Promise<MatchedFile[]> {
  const bits = sql`CAST(bitstring_agg(CAST(place.row % ${partRows} AS INTEGER), 0, ${partRows - 1}) AS BLOB)`;
  const found = marks
    ? sql`SELECT place.file AS file, place.row // ${partRows} AS part, count(*) AS matched, ${bits} AS bits FROM (${places}) GROUP BY place.file, place.row // ${partRows}`
    : sql`SELECT place.file AS file, 0 AS part, count(*) AS matched, NULL AS bits FROM (${places}) GROUP BY place.file`;
  const parts = new Map<AddAction, FileParts>();
  for await (const row of session.rowStream(found)) {
    const add = fileOf(adds, row["file"]);
    const file = parts.get(add) ?? { matched: 0, bits: new Map<number, Uint8Array>() };
    parts.set(add, file);
    file.matched += Number(row["matched"]);
    const { bits: part } = row;
    if (part instanceof Uint8Array) file.bits.set(Number(row["part"]), part);
  }
  return [...parts].map(([add, { matched, bits: found }]) => ({
    add,
    rows: matched,
    matched,
    bits: marks ? joined(found) : undefined,
  }));
}

interface FileParts {
  matched: number;
  readonly bits: Map<number, Uint8Array>;
}

function joined(parts: ReadonlyMap<number, Uint8Array>): Uint8Array {
  const bytes = partRows / 8;
  const last = [...parts.keys()].reduce((greatest, part) => Math.max(greatest, part), -1);
  const bits = new Uint8Array((last + 1) * bytes);
  for (const [part, content] of parts) bits.set(content, part * bytes);
  return bits;
}

function fileOf(adds: readonly AddAction[], index: unknown): AddAction {
  const add = adds[Number(index)];
  assertInternal(add !== undefined, `rows of the file ${String(index)}, which was not read`);
  return add;
}
