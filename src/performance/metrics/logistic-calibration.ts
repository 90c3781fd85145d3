import { type Metric, metricWithError, undefinedMetric } from "./metric.ts";
import { type CellState, cellRows } from "./score-cells.ts";

/** How outcomes follow the log odds of the scores: slope 1 and intercept 0 if they are calibrated. */
export interface LogisticCalibration {
  readonly slope: Metric;
  readonly intercept: Metric;
}

/**
 * Logistic regression of outcomes on the log odds of the scores, by Newton's method over cells; intervals from the
 * observed information. Undefined where one class alone is there, or the scores separate the classes.
 */
export function logisticCalibration(cells: CellState): LogisticCalibration {
  const points = Array.from({ length: cells.cells }, (_, cell) => {
    const { rows, positives } = cellRows(cells, cell);
    return { x: (cells.logits[cell] ?? 0) / rows, rows, positives };
  });
  const rows = points.reduce((sum, point) => sum + point.rows, 0);
  const positives = points.reduce((sum, point) => sum + point.positives, 0);
  const none = (reason: "one_class" | "no_rows" | "constant_prediction") => ({
    slope: undefinedMetric(reason),
    intercept: undefinedMetric(reason),
  });
  if (rows === 0) return none("no_rows");
  if (positives === 0 || positives === rows) return none("one_class");
  if (new Set(points.map(({ x }) => x)).size < 2) return none("constant_prediction");
  const fit = newton(points);
  if (fit === undefined)
    return { slope: undefinedMetric("not_finite"), intercept: undefinedMetric("not_finite") };
  return {
    slope: metricWithError(fit.slope, fit.slopeError, "information"),
    intercept: metricWithError(fit.intercept, fit.interceptError, "information"),
  };
}

interface Point {
  readonly x: number;
  readonly rows: number;
  readonly positives: number;
}

function newton(points: readonly Point[]) {
  let [intercept, slope] = [0, 1];
  let before = Number.NEGATIVE_INFINITY;
  for (let step = 0; step < 50; step++) {
    const state = derivatives(points, intercept, slope);
    const { a, b, c, gradient } = state;
    const determinant = a * c - b * b;
    if (!(determinant > 1e-12 * a * c)) return undefined;
    const moved = [
      (c * gradient[0] - b * gradient[1]) / determinant,
      (a * gradient[1] - b * gradient[0]) / determinant,
    ] as const;
    if (Math.abs(moved[0]) + Math.abs(moved[1]) < 1e-10)
      return {
        intercept,
        slope,
        interceptError: Math.sqrt(c / determinant),
        slopeError: Math.sqrt(a / determinant),
      };
    // A step that makes the fit worse is halved: Newton's may overshoot far from the maximum.
    // What rounding makes of an equal fit is no worse one.
    let share = 1;
    const least = before - 1e-12 * Math.abs(before);
    while (share > 1e-6 && likelihood(points, intercept + share * moved[0], slope + share * moved[1]) < least)
      share /= 2;
    intercept += share * moved[0];
    slope += share * moved[1];
    before = likelihood(points, intercept, slope);
    if (Math.abs(slope) > 1e6 || Math.abs(intercept) > 1e6) return undefined;
  }
  return undefined;
}

function derivatives(points: readonly Point[], intercept: number, slope: number) {
  let [a, b, c, first, second] = [0, 0, 0, 0, 0];
  for (const { x, rows, positives } of points) {
    const p = 1 / (1 + Math.exp(-(intercept + slope * x)));
    const weight = rows * p * (1 - p);
    a += weight;
    b += weight * x;
    c += weight * x * x;
    first += positives - rows * p;
    second += (positives - rows * p) * x;
  }
  return { a, b, c, gradient: [first, second] as const };
}

function likelihood(points: readonly Point[], intercept: number, slope: number): number {
  let sum = 0;
  for (const { x, rows, positives } of points) {
    const odds = intercept + slope * x;
    sum +=
      positives * odds - rows * (odds > 0 ? odds + Math.log1p(Math.exp(-odds)) : Math.log1p(Math.exp(odds)));
  }
  return sum;
}
