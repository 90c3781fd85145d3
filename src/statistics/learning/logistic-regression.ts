import { solved } from "../linear-system.ts";
import { type Classifier, logistic, type TrainingRows } from "./trees.ts";

/** Logistic regression with an unpenalised intercept and half the sum of squared weights as penalty, by Newton's method. */
export function logisticRegression(rows: TrainingRows): Classifier {
  const width = rows.features.length + 1;
  const valueAt = (features: readonly ArrayLike<number>[], row: number, column: number) =>
    column === 0 ? 1 : (features[column - 1]?.[row] ?? 0);
  let weights = new Array<number>(width).fill(0);
  const logit = (features: readonly ArrayLike<number>[], row: number) =>
    weights.reduce((sum, weight, column) => sum + weight * valueAt(features, row, column), 0);
  for (let step = 0; step < 50; step++) {
    const penalty = (column: number) => (column === 0 ? 0 : 1);
    const gradient = weights.map((weight, column) => -penalty(column) * weight);
    const hessian = weights.map((_, r) => weights.map((__, c) => (r === c ? penalty(r) + 1e-9 : 0)));
    for (let row = 0; row < rows.target.length; row++) {
      const chance = logistic(logit(rows.features, row));
      const [error, weight] = [(rows.target[row] ?? 0) - chance, chance * (1 - chance)];
      for (let r = 0; r < width; r++) {
        const left = valueAt(rows.features, row, r);
        gradient[r] = (gradient[r] ?? 0) + error * left;
        const line = hessian[r] ?? [];
        for (let c = 0; c < width; c++)
          line[c] = (line[c] ?? 0) + weight * left * valueAt(rows.features, row, c);
      }
    }
    const change = solved(hessian, gradient);
    weights = weights.map((weight, column) => weight + (change[column] ?? 0));
    if (change.every((value) => Math.abs(value) < 1e-10)) break;
  }
  return (features, row) => logistic(logit(features, row));
}
