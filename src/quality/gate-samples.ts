import type { EngineValue, Session, StagedRelation } from "../engine/contract.ts";
import { duckdbDialect } from "./dialect-duckdb.ts";
import { toJson, toNumber } from "./expectation.ts";
import { anyFails, type Mask, maskedSource, positionOf } from "./masks.ts";
import type { CheckResult, SampleRow } from "./verdict.ts";

/** Failing rows that a verdict shows of each check. */
export const sampleLimit = 20;

/** How many rows go where, and the first failing rows of each check. */
export interface Split {
  readonly quarantined: number;
  readonly dropped: number;
  readonly tagged: number;
  readonly samples: ReadonlyMap<string, readonly SampleRow[]>;
}

interface Reacted {
  readonly mask: Mask;
  readonly result: CheckResult | undefined;
}

/** Looks again at the rows that failed, in one pass over the columns of the failing checks; no pass at all where nothing failed. */
export async function sampleRows(session: Session, staged: StagedRelation, reacted: readonly Reacted[], rows: number): Promise<Split> {
  if (reacted.length === 0 || rows === 0) return { quarantined: 0, dropped: 0, tagged: 0, samples: new Map() };
  const by = (reaction: string) => reacted.filter(({ result }) => result?.reaction === reaction).map(({ mask }) => mask);
  const [quarantine, drop, tag] = [anyFails(by("quarantine")), anyFails(by("drop")), anyFails(by("tag"))];
  const position = positionOf(staged);
  const samples = reacted.map(({ mask }, at) => {
    const shown = shownColumns(mask, staged).map(({ sql }, index) => `v${index}: ${sql}`);
    const row = `{file: ${position.file}, row: ${position.row}${shown.length === 0 ? "" : `, shown: {${shown.join(", ")}}`}}`;
    return `arg_min(${row}, {file: coalesce(${position.file}, ''), row: ${position.row}}, ${sampleLimit}) FILTER (WHERE ${mask.fail}) AS s${at}`;
  });
  const counts = [
    `count_if(${quarantine}) AS quarantined`,
    `count_if(${drop} AND NOT ${quarantine}) AS dropped`,
    `count_if(${tag} AND NOT ${drop} AND NOT ${quarantine}) AS tagged`,
  ];
  const source = maskedSource(
    staged,
    reacted.map(({ mask }) => mask),
  );
  const [row] = await session.rows(
    `SELECT ${[...counts, ...samples].join(", ")} FROM ${source} WHERE ${anyFails(reacted.map(({ mask }) => mask))}`,
  );
  return {
    quarantined: toNumber(row?.["quarantined"]) ?? 0,
    dropped: toNumber(row?.["dropped"]) ?? 0,
    tagged: toNumber(row?.["tagged"]) ?? 0,
    samples: new Map(
      reacted.map(({ mask }, at) => [
        mask.planned.check.id,
        readSample(
          row?.[`s${at}`],
          shownColumns(mask, staged).map(({ name }) => name),
        ),
      ]),
    ),
  };
}

/** The check's own columns; a check by SQL alone shows the first few of the row. */
function shownColumns(mask: Mask, staged: StagedRelation): readonly { readonly name: string; readonly sql: string }[] {
  if (mask.shows.length > 0) return mask.shows;
  return staged.columns.slice(0, 5).map((column) => ({ name: column.name, sql: duckdbDialect.identifier(column.name) }));
}

function readSample(value: EngineValue | undefined, names: readonly string[]): SampleRow[] {
  if (!Array.isArray(value)) return [];
  return (value as readonly EngineValue[]).flatMap((item) => {
    if (!isStruct(item)) return [];
    const shown = item["shown"];
    const values = names.map((name, at) => [name, toJson(isStruct(shown) ? shown[`v${at}`] : null)] as const);
    const file = item["file"];
    return [{ file: typeof file === "string" ? file : null, row: toNumber(item["row"]) ?? 0, values: Object.fromEntries(values) }];
  });
}

function isStruct(value: EngineValue | undefined): value is { readonly [name: string]: EngineValue } {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);
}
