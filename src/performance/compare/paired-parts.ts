import type { Session } from "../../engine/core/contract.ts";
import { assertInternal, VarveError } from "../../errors.ts";
import { type SqlExpression, sql } from "../../sql/sql.ts";
import { columnType, plainName } from "../../sql/sql-text.ts";
import {
  mcnemarTest,
  type PairedCounts,
  pairedNewcombe,
} from "../../statistics/paired/paired-proportions.ts";
import { type Axis, type StagedRows, stageRows } from "../evaluation/staged-rows.ts";
import { streamColumns } from "../evaluation/streamed-columns.ts";
import { betterOf } from "../metrics/direction.ts";
import { z95 } from "../metrics/metric.ts";
import { pairedAucs } from "./paired-aucs.ts";
import {
  type BootstrapDifference,
  bootstrapDifferences,
  bootstrapDraws,
  bootstrapGroups,
  PairedSums,
  replicates,
} from "./paired-bootstrap.ts";
import { hash, type PairedColumns, pairedColumns } from "./paired-columns.ts";
import { calibrationLayout, type PairedMetric, sumLayouts } from "./paired-metrics.ts";
import { dropPairing, type PairedRows, type Side } from "./paired-rows.ts";
import type { ComparedProblem, ComparisonRequest } from "./request.ts";

/** How the difference of two models was tested. */
export type PairedTest =
  | {
      readonly name: "mcnemar";
      /** Under 25 rows in which one model alone is right: the binomial distribution, and no correction. */
      readonly exact: boolean;
      readonly statistic: number;
      readonly p: number;
      /** Rows that the champion alone, and the challenger alone, has right. */
      readonly champion: number;
      readonly challenger: number;
    }
  | { readonly name: "delong"; readonly z: number | null; readonly p: number | null }
  | { readonly name: "bootstrap"; readonly replicates: number; readonly p: number | null };

/** A metric of both models on the same rows. */
export interface MetricComparison {
  readonly metric: string;
  readonly better: "higher" | "lower";
  readonly champion: number | null;
  readonly challenger: number | null;
  /** How much better the challenger is; for losses, the champion's value less the challenger's. With 95 % bounds. */
  readonly gain: number | null;
  readonly low: number | null;
  readonly high: number | null;
  readonly test: PairedTest;
}

/** Both models on all rows, or on a slice. */
export interface ComparedPart {
  readonly kind: "whole" | "slice";
  readonly column: string;
  readonly name: string;
  /** Rows with an outcome and predictions of both. */
  readonly rows: number;
  readonly metrics: readonly MetricComparison[];
}

/** All parts, and the rows that they leave out. */
export interface ComparedParts {
  readonly labelled: number;
  /** Labelled rows that both models say nothing about. */
  readonly unscored: number;
  readonly parts: readonly ComparedPart[];
  /** Calibration errors of both models, where both have scores. */
  readonly calibration?: MetricComparison | undefined;
}

const asDouble = columnType("DOUBLE");

/**
 * Compares two models on paired rows by metrics, as a whole and by slice, and drops the rows.
 *
 * @throws `KEYS_DIFFER` for rows that one model alone says nothing about
 */
export async function comparedParts(
  session: Session,
  rows: PairedRows,
  request: ComparisonRequest,
  metrics: readonly string[],
): Promise<ComparedParts> {
  const columns = pairedColumns(rows, request);
  const staged = await stageRows(session, rows.relation, { by: rows.by }, columns.staged);
  await dropPairing(session, "pairs");
  const { labelled, unscored } = await countRows(session, staged, columns);
  const isJudged = sql`${columns.isLabelled} AND ${columns.isKnown.champion} AND ${columns.isKnown.challenger}`;
  const folds = await summedParts(session, staged, { columns, isJudged, problem: request.problem });
  const aucs =
    metrics.includes("roc_auc") && columns.scores !== undefined
      ? await pairedAucs(session, staged, { scores: columns.scores, isJudged })
      : new Map<string, never>();
  const { metrics: known } = sumLayouts[request.problem];
  const summed = metrics.filter((name) => known[name] !== undefined);
  const calibrated = columns.scores === undefined ? undefined : folds[0]?.calibration;
  const isDrawn = calibrated !== undefined || summed.some((name) => name !== "accuracy");
  const draws = isDrawn ? bootstrapDraws() : [];
  const drawn = Object.fromEntries(
    summed
      .filter((name) => name !== "accuracy")
      .flatMap((name) => {
        const metric = known[name];
        return metric === undefined ? [] : [[name, metric]];
      }),
  );
  const parts = folds.map(({ axis, code, name, rows: count, sums, agreement }): ComparedPart => {
    const total = sums.total();
    const differences = bootstrapDifferences(sums, drawn, draws);
    return {
      kind: axis.kind === "slice" ? "slice" : "whole",
      column: axis.name,
      name,
      rows: count,
      metrics: metrics.flatMap((metric): MetricComparison[] => {
        if (metric === "roc_auc") return [aucComparison(aucs.get(`${axis.code} ${code}`))];
        if (metric === "accuracy") return [accuracyComparison(agreement)];
        const paired = known[metric];
        if (paired === undefined) return [];
        return [bootstrapComparison(metric, paired, total, differences[metric] ?? null)];
      }),
    };
  });
  return { labelled, unscored, parts, calibration: calibrationOf(calibrated, draws) };
}

/** The calibration errors and how sure their difference is. */
function calibrationOf(
  sums: PairedSums | undefined,
  draws: readonly Uint8Array[],
): MetricComparison | undefined {
  const { ece } = calibrationLayout.metrics;
  if (sums === undefined || ece === undefined) return undefined;
  const { ece: difference = null } = bootstrapDifferences(sums, { ece }, draws);
  return bootstrapComparison("ece", ece, sums.total(), difference);
}

function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}

async function countRows(
  session: Session,
  { table }: StagedRows,
  { isLabelled, isKnown }: PairedColumns,
): Promise<{ readonly labelled: number; readonly unscored: number }> {
  const only = (one: Side, other: Side) =>
    sql`count(*) FILTER (WHERE ${isLabelled} AND ${isKnown[one]} AND NOT ${isKnown[other]})`;
  const [row] = await session.rows(
    sql`SELECT count(*) FILTER (WHERE ${isLabelled}) AS labelled, count(*) FILTER (WHERE ${isLabelled} AND NOT ${isKnown.champion} AND NOT ${isKnown.challenger}) AS unscored, ${only("champion", "challenger")} AS challenger, ${only("challenger", "champion")} AS champion FROM ${table}`,
  );
  const count = (name: string) => Number(row?.[name] ?? 0);
  for (const side of ["champion", "challenger"] as const)
    if (count(side) > 0)
      throw new VarveError(
        "KEYS_DIFFER",
        `${count(side).toLocaleString("en-US")} rows have no score or prediction of the ${side} (null) but one of the other model. A model that leaves out rows must not gain by it: predict them, or leave them out of the data.`,
        { side, missing: count(side) },
      );
  return { labelled: count("labelled"), unscored: count("unscored") };
}

interface SummedPart {
  readonly axis: Axis;
  readonly code: number;
  readonly name: string;
  readonly rows: number;
  readonly sums: PairedSums;
  /** Of the calibration; only of all rows of a binary problem. */
  readonly calibration?: PairedSums | undefined;
  /** Rows that both models have right, one alone, or neither. */
  readonly agreement: PairedCounts;
}

interface Open {
  rows: number;
  both: number;
  first: number;
  second: number;
  neither: number;
}

/** One pass over the rows in the order of their hashes, so that sums are the same in any order of the rows. */
async function summedParts(
  session: Session,
  { table, axes }: StagedRows,
  {
    columns,
    isJudged,
    problem,
  }: {
    readonly columns: PairedColumns;
    readonly isJudged: SqlExpression;
    readonly problem: ComparedProblem;
  },
): Promise<readonly SummedPart[]> {
  const layout = sumLayouts[problem];
  const parts = axes.map((axis) =>
    axis.parts.map((name, code) => ({
      axis,
      code,
      name,
      sums: new PairedSums(layout, axis.kind === "whole" ? bootstrapGroups.whole : bootstrapGroups.slice),
      calibration:
        problem === "binary" && axis.kind === "whole"
          ? new PairedSums(calibrationLayout, bootstrapGroups.whole)
          : undefined,
      open: { rows: 0, both: 0, first: 0, second: 0, neither: 0 } satisfies Open,
    })),
  );
  const codes = axes.map(({ code }) => code);
  const read = [hash, ...columns.values, ...codes].map(
    (value, index) => sql`CAST(${value} AS ${asDouble}) AS ${plainName(`v${index}`)}`,
  );
  const select = sql`SELECT ${read} FROM ${table} WHERE ${isJudged} ORDER BY ALL`;
  const width = columns.values.length;
  await streamColumns(session, select, (batch, count) => {
    const row: number[] = [];
    for (let index = 0; index < count; index++) {
      for (let place = 0; place < width; place++) row[place] = batch[place + 1]?.[index] ?? 0;
      const right = problem === "regression" ? undefined : rightOf(problem, row);
      for (const [axis, list] of parts.entries()) {
        const part = list[batch[1 + width + axis]?.[index] ?? -1];
        if (part === undefined) continue;
        part.open.rows++;
        part.sums.push(batch[0]?.[index] ?? 0, row);
        part.calibration?.push(batch[0]?.[index] ?? 0, row);
        if (right !== undefined) part.open[right]++;
      }
    }
  });
  return parts
    .flat()
    .filter(({ axis, open }) => axis.kind === "whole" || open.rows > 0)
    .map(({ open: { rows, ...agreement }, ...part }) => ({ ...part, rows, agreement }));
}

/** Which models have a row right. */
function rightOf(problem: "binary" | "multiclass", row: readonly number[]): Exclude<keyof Open, "rows"> {
  const [first, second] =
    problem === "binary" ? [row[1] === row[0], row[3] === row[0]] : [row[0] === 1, row[2] === 1];
  return first ? (second ? "both" : "first") : second ? "second" : "neither";
}

function accuracyComparison(counts: PairedCounts): MetricComparison {
  const { both, first, second, neither } = counts;
  const rows = both + first + second + neither;
  const { exact, statistic, p } = mcnemarTest(counts);
  const { difference, low, high } = pairedNewcombe(counts);
  return {
    metric: "accuracy",
    better: "higher",
    champion: rows === 0 ? null : (both + first) / rows,
    challenger: rows === 0 ? null : (both + second) / rows,
    gain: rows === 0 ? null : difference,
    low: rows === 0 ? null : low,
    high: rows === 0 ? null : high,
    test: { name: "mcnemar", exact, statistic, p, champion: first, challenger: second },
  };
}

function aucComparison(
  auc: Awaited<ReturnType<typeof pairedAucs>> extends Map<string, infer T> ? T | undefined : never,
): MetricComparison {
  const base = { metric: "roc_auc", better: "higher" } as const;
  if (auc === undefined)
    return {
      ...base,
      champion: null,
      challenger: null,
      gain: null,
      low: null,
      high: null,
      test: { name: "delong", z: null, p: null },
    };
  const { first, second, difference, error, z, p } = auc;
  return {
    ...base,
    champion: first,
    challenger: second,
    gain: difference,
    low: error === null ? null : Math.max(-1, difference - z95 * error),
    high: error === null ? null : Math.min(1, difference + z95 * error),
    test: { name: "delong", z, p },
  };
}

function bootstrapComparison(
  metric: string,
  { value }: PairedMetric,
  total: Float64Array,
  difference: BootstrapDifference | null,
): MetricComparison {
  const [champion, challenger] = [finite(value(total, 0)), finite(value(total, 1))];
  const better = betterOf(metric);
  assertInternal(better !== undefined, `metrics of a comparison are better one way, unlike ${metric}`);
  const base = { metric, better, champion, challenger };
  const test = { name: "bootstrap", replicates } as const;
  if (champion === null || challenger === null || difference === null)
    return { ...base, gain: null, low: null, high: null, test: { ...test, p: null } };
  const { low, high, p } = difference;
  const bounds =
    better === "higher"
      ? { gain: challenger - champion, low, high }
      : { gain: champion - challenger, low: 0 - high, high: 0 - low };
  return { ...base, ...bounds, test: { ...test, p } };
}
