import type { EngineColumn } from "../../engine/core/contract.ts";
import type { SqlExpression } from "../../sql/sql.ts";
import { duckdbDialect } from "../model/dialect-duckdb.ts";
import { rowResult } from "./gate-counts.ts";
import type { ExtremesAnswer, WrittenStatistics } from "./gate-extremes.ts";
import { type Mask, rowMask } from "./masks.ts";
import type { CheckResult } from "./verdict.ts";

/**
 * Whether a row check ({@link rowMask}) is left to the scan that writes the rows: any failing row rejects the
 * batch, the check tests each row by varve's own SQL, and it considers all rows, or those with a value in one
 * column.
 *
 * This applies only to checks of texts and of nulls: it avoids reading text again, and a column that no other
 * check reads need not be read for its nulls. Numbers are counted faster than they are guarded.
 */
export function isGuardable(mask: Mask, columns: readonly EngineColumn[]): boolean {
  const { check } = mask.planned;
  if (
    check.params["expression"] !== undefined ||
    check.mostly < 1 ||
    check.onFail !== "reject" ||
    check.escalate !== undefined
  )
    return false;
  if (mask.presentColumn === undefined && !mask.shows.some((column) => column.class === "string"))
    return false;
  return mask.considered === undefined || columnOf(mask.consideredColumn, columns) !== undefined;
}

function columnOf(sql: string | undefined, columns: readonly EngineColumn[]): string | undefined {
  return columns.find(({ name }) => duckdbDialect.identifier(name) === sql)?.name;
}

/**
 * The conditions that fail guarded checks. If one check of a column passes only ASCII text, the others may
 * assume ASCII, because otherwise that one fails.
 */
export function guardConditions(masks: readonly Mask[]): SqlExpression[] {
  const ascii = new Set(
    masks.flatMap(({ planned: { plan }, shows }) =>
      plan.kind === "row" && plan.passesAsciiOnly === true ? [shows[0]?.sql] : [],
    ),
  );
  return masks.map((mask) => {
    const { planned } = mask;
    const { plan } = planned;
    if (plan.kind !== "row" || plan.passOfAscii === undefined || !ascii.has(mask.shows[0]?.sql))
      return mask.countedFail;
    return (
      rowMask({ ...planned, plan: { ...plan, pass: plan.passOfAscii } })?.countedFail ?? mask.countedFail
    );
  });
}

/**
 * Results of guarded checks for a batch in which no row failed them, and which of these are refuted by nulls
 * that were written all the same, because the statistics of the rows' source file denied them.
 */
export async function passedResults(
  masks: readonly Mask[],
  columns: readonly EngineColumn[],
  statistics: WrittenStatistics,
): Promise<ExtremesAnswer> {
  const present = async (column: string) => (await statistics.column(column)).present();
  const results = new Map<string, CheckResult>();
  const refuted = new Set<string>();
  for (const mask of masks) {
    const whole = columnOf(mask.presentColumn, columns);
    if (whole !== undefined && (await present(whole)) !== statistics.rows) refuted.add(mask.planned.check.id);
    const column = columnOf(mask.consideredColumn, columns);
    const considered = column === undefined ? statistics.rows : await present(column);
    results.set(
      mask.planned.check.id,
      rowResult(mask, { elements: statistics.rows, considered, unexpected: 0, repaired: 0 }),
    );
  }
  return { results, refuted };
}
