import type { Relation, Session } from "../engine/core/contract.ts";
import { VarveError } from "../errors.ts";
import { joinSql, type SqlExpression, sql } from "../sql/sql.ts";
import { columnType, plainName } from "../sql/sql-text.ts";
import { cannotSeeRelation, type EstimateInput } from "./estimate-binary.ts";
import { calibrationOf, type ScoreCalibration } from "./estimate-calibration.ts";
import {
  type ExpectedValues,
  errorFrom,
  estimatedWindow,
  foldOf,
  isUncovered,
  laterOutcomes,
  requireRows,
  type Told,
  thresholdsOf,
} from "./estimate-windows.ts";
import { classesNames } from "./estimated-metrics.ts";
import { type Estimate, type EstimateRequest, fewestRows } from "./estimation.ts";
import { type Evaluation, evaluateRelation } from "./evaluation/evaluate.ts";
import { requireShares } from "./evaluation/evaluate-binary.ts";
import { classCode, predictedColumns, scoreName } from "./evaluation/evaluate-multiclass.ts";
import { streamDescending } from "./evaluation/score-ranges.ts";
import { labelText, type StagedRows, stageRows } from "./evaluation/staged-rows.ts";
import { ClassProbabilities, ExpectedClasses } from "./metrics/expected-classes.ts";
import { nannymlClassesError } from "./metrics/sampling-errors.ts";

const asDouble = columnType("DOUBLE");

/** With more classes, the spread over calibrators that each lack a fifth is left out: it takes six times as long. */
const mostSpreadClasses = 10;

/**
 * Estimates a classifier of several classes: the scores of each class against the rest are calibrated, and those of a
 * row then divided by their sum.
 *
 * @throws as `estimateRelation`
 */
export async function estimateMulticlass(
  session: Session,
  { baseline, current, request, window }: EstimateInput,
): Promise<Estimate> {
  const method = request.method === "nannyml.cbpe" ? "nannyml.cbpe" : "cbpe";
  const isPeer = method === "nannyml.cbpe";
  if (request.scores === undefined)
    throw new VarveError(
      "INVALID_ARGUMENT",
      "An estimate of several classes needs the column with the scores of each class (scores).",
      { option: "scores" },
    );
  const classes = Object.keys(request.scores).sort();
  const realised = await evaluateRelation(session, baseline, { ...request, problem: "multiclass", window });
  requireClasses(realised, request.target);
  const base = await stageRows(session, baseline, { ...request, window }, [
    { name: plainName("target"), value: classCode(classes, labelText(baseline, request.target)) },
    ...predictedColumns(baseline, classes, request),
    { name: plainName("fold"), value: foldOf(baseline, request.key) },
  ]);
  const calibrations: ScoreCalibration[] = [];
  for (const index of classes.keys()) {
    const outcome = sql`(target = ${index})`;
    calibrations.push(await calibrationOf(session, base, { method, outcome, score: scoreName(index) }));
  }
  const expectation = { session, calibrations, classes, isPeer };
  const ofBaseline = await expectedWindows(expectation, base, true);
  const later = await laterOutcomes(session, current, request);
  const now = await stageCurrent(session, current, { ...request, scores: request.scores }, classes);
  const ofCurrent = await expectedWindows(expectation, now, false);
  const told: Omit<Told, "realised"> = {
    thresholds: thresholdsOf(realised, window, classesNames, isPeer),
    isPeer,
    errorOf: isPeer ? peerErrors(realised, calibrations) : errorFrom(realised),
  };
  return {
    problem: "multiclass",
    method,
    windows: ofCurrent.map((part) => estimatedWindow(part, { ...told, realised: later })),
    baseline: {
      rows: realised.labelled,
      windows: ofBaseline.map((part) => estimatedWindow(part, { ...told, realised: realised.windows })),
    },
    thresholds: told.thresholds,
    classes: Object.fromEntries(classes.map((label, index) => [label, calibrations[index]])) as Record<
      string,
      ScoreCalibration
    >,
    unreliable: [
      ...(isUncovered(ofCurrent) ? (["coverage"] as const) : []),
      ...(calibrations.every(({ slope }) => isUsual(slope)) ? [] : (["calibration_slope"] as const)),
    ],
    cannotSee: cannotSeeRelation,
  };
}

function isUsual(slope: number | null): boolean {
  return slope !== null && slope >= 0.5 && slope <= 2;
}

function requireClasses(evaluation: Evaluation, name: string): void {
  const rows = requireRows(evaluation);
  const missing = Object.entries(evaluation.classes ?? {}).find(
    ([, metrics]) => metrics["roc_auc"]?.value === null,
  );
  if (missing === undefined) return;
  throw new VarveError(
    "ESTIMATE_UNSUPPORTED",
    `The baseline cannot calibrate the scores of class ${JSON.stringify(missing[0])}: column ${name} must have rows of it, and rows of another class. Use a longer baseline.`,
    { column: [name], value: missing[0], rows, needed: fewestRows },
  );
}

async function stageCurrent(
  session: Session,
  relation: Relation,
  request: EstimateRequest & { readonly scores: NonNullable<EstimateRequest["scores"]> },
  classes: readonly string[],
): Promise<StagedRows> {
  const staged = await stageRows(session, relation, request, predictedColumns(relation, classes, request));
  for (const [index, label] of classes.entries())
    await requireShares(session, staged, request.scores[label] ?? "", scoreName(index));
  return staged;
}

interface Expectation {
  readonly session: Session;
  readonly classes: readonly string[];
  readonly calibrations: readonly ScoreCalibration[];
  readonly isPeer: boolean;
}

/** A pass over all scores for each class, in descending order of its own. */
async function expectedWindows(
  { session, classes, calibrations, isPeer }: Expectation,
  staged: StagedRows,
  isBaseline: boolean,
): Promise<ExpectedValues[]> {
  const axis = staged.axes.at(-1);
  if (axis === undefined) return [];
  const hasSpread = !isPeer && classes.length <= mostSpreadClasses;
  const probabilities = new ClassProbabilities(calibrations, {
    // Rows of the baseline are calibrated by the fifths that they are not in, except by NannyML.
    isCrossed: isBaseline && !isPeer,
    hasSpread,
  });
  const windows = axis.parts.map(() => new ExpectedClasses(classes.length, { hasSpread, isPeer }));
  const scores = classes.map((_, index) => scoreName(index));
  const sum = joinSql(scores, sql` + `);
  const known = joinSql(
    [plainName("predicted"), ...scores].map((name) => sql`${name} IS NOT NULL`),
    sql` AND `,
  );
  const columns = [sql`predicted`, axis.code, isBaseline ? sql`fold` : sql`-1`, ...scores].map(
    (value, index) => sql`CAST(${value} AS ${asDouble}) AS ${plainName(`c${index}`)}`,
  );
  for (const own of classes.keys()) {
    const score = scoreName(own);
    const selectOf = (inRange: SqlExpression) =>
      sql`SELECT ${columns} FROM ${staged.table} WHERE ${known} AND ${sum} > 0 AND ${inRange} ORDER BY ${score} DESC, rn`;
    await streamDescending(session, { staged, score }, selectOf, (columns, rows) => {
      const [predictions, codes, folds, ...values] = columns;
      for (let row = 0; row < rows; row++) {
        const window = windows[codes?.[row] ?? -1];
        if (window === undefined) continue;
        probabilities.set(values, row, folds?.[row] ?? -1);
        window.push(own, predictions?.[row] ?? 0, probabilities);
      }
    });
  }
  return axis.parts
    .flatMap((name, index) => {
      const state = windows[index]?.finish();
      return state === undefined ? [] : [{ name, ...state, confusion: { classes, matrix: state.matrix } }];
    })
    .filter(({ rows }) => rows > 0);
}

function peerErrors(realised: Evaluation, calibrations: readonly ScoreCalibration[]): Told["errorOf"] {
  const { confusion } = realised;
  const own = errorFrom(realised);
  if (confusion === undefined || !("matrix" in confusion)) return own;
  const { matrix } = confusion;
  const counts = {
    matrix,
    rankVariances: calibrations.map(({ rankVariance }) => rankVariance),
    precisionErrors: calibrations.map(({ averagePrecisionError }) => averagePrecisionError),
  };
  return (metric, rows) => nannymlClassesError(metric, counts, rows) ?? own(metric, rows);
}
