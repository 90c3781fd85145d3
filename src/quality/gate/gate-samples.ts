import type { EngineValue, Session, StagedRelation } from "../../engine/core/contract.ts";
import { joinSql, type SqlExpression, sql } from "../../sql/sql.ts";
import { duckdbDialect } from "../model/dialect-duckdb.ts";
import { toJson, toNumber } from "../model/expectation.ts";
import { noPlaces, type Places, placesOf, placesSql } from "../model/places.ts";
import { anyFails, type Mask, maskedSource, positionOf } from "./masks.ts";
import type { CheckResult, SampleRow } from "./verdict.ts";

/** Number of failing rows that a verdict shows for each check. */
const sampleLimit = 20;
/** A check fails often if at least one row in this many fails. */
const oftenOneIn = 20;

/** Numbers of rows by outcome, and the first failing rows of each check. */
export interface Split {
  readonly quarantined: number;
  /** The places of the quarantined rows. */
  readonly aside: Places;
  readonly dropped: number;
  readonly tagged: number;
  readonly samples: ReadonlyMap<string, readonly SampleRow[]>;
}

/** A check that names failing rows, with its result. */
export interface Reacted {
  readonly mask: Mask;
  readonly result: CheckResult;
}

/**
 * Reads the failing rows again, in one pass over the columns of the failing checks, or no pass at all if
 * nothing failed. Checks that fail often have a pass of their own, because the first few of many rows are
 * found near the beginning.
 */
export async function sampleRows(
  session: Session,
  staged: StagedRelation,
  reacted: readonly Reacted[],
  rows: number,
): Promise<Split> {
  const samples = new Map<string, readonly SampleRow[]>();
  const together: Reacted[] = [];
  for (const check of reacted) {
    if ((check.result.unexpected ?? 0) * oftenOneIn < rows) together.push(check);
    else samples.set(check.mask.planned.check.id, await firstFailing(session, staged, check.mask));
  }
  const moved = reacted.filter(({ result }) => ["quarantine", "drop", "tag"].includes(result.reaction));
  const looked = reacted.filter((check) => moved.includes(check) || together.includes(check));
  if (looked.length === 0) return { quarantined: 0, aside: noPlaces, dropped: 0, tagged: 0, samples };
  const by = (reaction: string) =>
    moved.filter(({ result }) => result.reaction === reaction).map(({ mask }) => mask);
  const [quarantine, drop, tag] = [anyFails(by("quarantine")), anyFails(by("drop")), anyFails(by("tag"))];
  const position = positionOf(staged);
  const collected = together.map(
    ({ mask }, index) =>
      sql`arg_min(${shownRow(mask, staged)}, {file: coalesce(${position.file}, ''), row: ${position.row}}, ${sampleLimit}) FILTER (WHERE ${mask.fail}) AS s${index}`,
  );
  const counts = [
    sql`${placesSql(position.file, position.row, quarantine)} AS aside`,
    sql`count_if(${drop} AND NOT ${quarantine}) AS dropped`,
    sql`count_if(${tag} AND NOT ${drop} AND NOT ${quarantine}) AS tagged`,
  ];
  const masks = looked.map(({ mask }) => mask);
  const [row = {}] = await session.rows(
    sql`SELECT ${joinSql([...counts, ...collected])} FROM ${maskedSource(staged, masks)} WHERE ${anyFails(masks)}`,
  );
  const aside = placesOf(row["aside"]);
  for (const [index, { mask }] of together.entries())
    samples.set(mask.planned.check.id, readSample(row[`s${index}`], mask, staged));
  return {
    quarantined: aside.rows,
    aside,
    dropped: toNumber(row["dropped"]) ?? 0,
    tagged: toNumber(row["tagged"]) ?? 0,
    samples,
  };
}

/** The first failing rows of a check that fails often. */
async function firstFailing(session: Session, staged: StagedRelation, mask: Mask): Promise<SampleRow[]> {
  const position = positionOf(staged);
  // A scan keeps the source's order, so that it can stop at the last row needed; a join does not.
  const order =
    mask.joins.length === 0 ? sql`` : sql`ORDER BY coalesce(${position.file}, ''), ${position.row} `;
  const rows = await session.rows(
    sql`SELECT ${shownRow(mask, staged)} AS sample FROM ${maskedSource(staged, [mask])} WHERE ${mask.fail} ${order}LIMIT ${sampleLimit}`,
  );
  return readSample(
    rows.map((row) => row["sample"] ?? null),
    mask,
    staged,
  );
}

/** A failing row as a struct: its position and the values to show. */
function shownRow(mask: Mask, staged: StagedRelation): SqlExpression {
  const position = positionOf(staged);
  const shown = shownColumns(mask, staged).map(({ sql: value }, index) => sql`v${index}: ${value}`);
  return sql`{file: ${position.file}, row: ${position.row}${shown.length === 0 ? sql`` : sql`, shown: {${joinSql(shown)}}`}}`;
}

/** The check's own columns; an SQL check shows the first few columns of the row. */
function shownColumns(
  mask: Mask,
  staged: StagedRelation,
): readonly { readonly name: string; readonly sql: SqlExpression }[] {
  if (mask.shows.length > 0) return mask.shows;
  return staged.columns
    .slice(0, 5)
    .map((column) => ({ name: column.name, sql: duckdbDialect.identifier(column.name) }));
}

function readSample(value: EngineValue | undefined, mask: Mask, staged: StagedRelation): SampleRow[] {
  if (!Array.isArray(value)) return [];
  const names = shownColumns(mask, staged).map(({ name }) => name);
  return (value as readonly EngineValue[]).flatMap((item) => {
    if (!isStruct(item)) return [];
    const shown = item["shown"];
    const values = names.map(
      (name, index) => [name, toJson(isStruct(shown) ? shown[`v${index}`] : null)] as const,
    );
    const file = item["file"];
    return [
      {
        file: typeof file === "string" ? file : null,
        row: toNumber(item["row"]),
        values: Object.fromEntries(values),
      },
    ];
  });
}

function isStruct(value: EngineValue | undefined): value is { readonly [name: string]: EngineValue } {
  return (
    typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)
  );
}
