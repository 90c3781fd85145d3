import { tenthOf } from "../metrics/score-cells.ts";
import type { ComparedProblem } from "./request.ts";

/** Sums of a group of rows: of the rows themselves, and of each model's errors. */
export interface SumLayout {
  /** Number of sums. */
  readonly size: number;
  /** Adds a row, whose values are the columns that the problem's pass reads. */
  readonly add: (sums: Float64Array, offset: number, row: readonly number[]) => void;
  readonly metrics: Readonly<Record<string, PairedMetric>>;
}

/** A metric that follows from sums over the rows. */
export interface PairedMetric {
  /** `share`: within -1 and 1, whatever the target is. */
  readonly scale: "share" | "loss";
  /** Of the first model (0) or the second (1); NaN where it is not defined. */
  readonly value: (sums: Float64Array, model: 0 | 1) => number;
}

const clip = Number.EPSILON;

function logLoss(share: number): number {
  return -Math.log(Math.min(1 - clip, Math.max(clip, share)));
}

/** Row: positive, and for each model: predicted positive, score. */
const binary: SumLayout = {
  size: 10,
  add: (sums, offset, [positive = 0, ...models]) => {
    bump(sums, offset, 1);
    bump(sums, offset + 1, positive);
    for (let model = 0; model < 2; model++) {
      const [predicted = 0, score = 0] = [models[2 * model], models[2 * model + 1]];
      const own = offset + 2 + 4 * model;
      bump(sums, own, positive * predicted);
      bump(sums, own + 1, (1 - positive) * predicted);
      bump(sums, own + 2, logLoss(positive === 1 ? score : 1 - score));
      bump(sums, own + 3, (positive - score) ** 2);
    }
  },
  metrics: {
    accuracy: confusionMetric(({ tp, fp, fn, tn }) => (tp + tn) / (tp + fp + fn + tn)),
    balanced_accuracy: confusionMetric(({ tp, fp, fn, tn }) => (tp / (tp + fn) + tn / (tn + fp)) / 2),
    precision: confusionMetric(({ tp, fp }) => tp / (tp + fp)),
    recall: confusionMetric(({ tp, fn }) => tp / (tp + fn)),
    specificity: confusionMetric(({ tn, fp }) => tn / (tn + fp)),
    f1: confusionMetric(({ tp, fp, fn }) => (2 * tp) / (2 * tp + fp + fn)),
    mcc: confusionMetric(
      ({ tp, fp, fn, tn }) => (tp * tn - fp * fn) / Math.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)),
    ),
    log_loss: meanLoss("loss", 4),
    brier: meanLoss("share", 5),
  },
};

/** Row: for each model: whether it named the class, and the class's share of its scores. */
const multiclass: SumLayout = {
  size: 5,
  add: (sums, offset, row) => {
    bump(sums, offset, 1);
    for (let model = 0; model < 2; model++) {
      bump(sums, offset + 1 + 2 * model, row[2 * model] ?? 0);
      bump(sums, offset + 2 + 2 * model, logLoss(row[2 * model + 1] ?? 0));
    }
  },
  metrics: {
    accuracy: {
      scale: "share",
      value: (sums, model) => at(sums, 1 + 2 * model) / at(sums, 0),
    },
    log_loss: {
      scale: "loss",
      value: (sums, model) => at(sums, 2 + 2 * model) / at(sums, 0),
    },
  },
};

/** Row: target less the mean target, the target, and each model's prediction. */
const regression: SumLayout = {
  size: 15,
  add: (sums, offset, [centred = 0, target = 0, ...predictions]) => {
    bump(sums, offset, 1);
    bump(sums, offset + 1, centred);
    bump(sums, offset + 2, centred ** 2);
    bump(sums, offset + 3, Math.abs(target));
    bump(sums, offset + 4, target === 0 ? 0 : 1);
    for (let model = 0; model < 2; model++) {
      const prediction = predictions[model] ?? 0;
      const off = Math.abs(prediction - target);
      const own = offset + 5 + 5 * model;
      bump(sums, own, off);
      bump(sums, own + 1, off ** 2);
      bump(sums, own + 2, target === 0 ? 0 : off / Math.abs(target));
      bump(sums, own + 3, off === 0 ? 0 : (2 * off) / (Math.abs(target) + Math.abs(prediction)));
      bump(sums, own + 4, off <= 1 ? off ** 2 / 2 : off - 0.5);
    }
  },
  metrics: {
    mae: errorMetric("loss", (own, sums) => own(0) / at(sums, 0)),
    mse: errorMetric("loss", (own, sums) => own(1) / at(sums, 0)),
    rmse: errorMetric("loss", (own, sums) => Math.sqrt(own(1) / at(sums, 0))),
    mape: errorMetric("loss", (own, sums) => own(2) / at(sums, 4)),
    smape: errorMetric("loss", (own, sums) => own(3) / at(sums, 0)),
    wape: errorMetric("loss", (own, sums) => own(0) / at(sums, 3)),
    huber_1: errorMetric("loss", (own, sums) => own(4) / at(sums, 0)),
    r2: {
      scale: "share",
      value: (sums, model) => 1 - at(sums, 6 + 5 * model) / (at(sums, 2) - at(sums, 1) ** 2 / at(sums, 0)),
    },
  },
};

/** Row: as of binary problems; for each model and tenth of the scores: rows, scores, positives. */
export const calibrationLayout: SumLayout = {
  size: 61,
  add: (sums, offset, [positive = 0, , one = 0, , two = 0]) => {
    bump(sums, offset, 1);
    for (const [model, score] of [one, two].entries()) {
      const own = offset + 1 + 30 * model + 3 * tenthOf(score);
      bump(sums, own, 1);
      bump(sums, own + 1, score);
      bump(sums, own + 2, positive);
    }
  },
  metrics: {
    ece: {
      scale: "share",
      value: (sums, model) => {
        let gaps = 0;
        for (let own = 1 + 30 * model; own < 31 + 30 * model; own += 3)
          gaps += Math.abs(at(sums, own + 1) - at(sums, own + 2));
        return gaps / at(sums, 0);
      },
    },
  },
};

/** The sums and metrics of a problem. */
export const sumLayouts: Readonly<Record<ComparedProblem, SumLayout>> = {
  binary,
  multiclass,
  regression,
};

interface Confusion {
  readonly tp: number;
  readonly fp: number;
  readonly fn: number;
  readonly tn: number;
}

function confusionMetric(of: (confusion: Confusion) => number): PairedMetric {
  return {
    scale: "share",
    value: (sums, model) => {
      const [rows, positives] = [at(sums, 0), at(sums, 1)];
      const [tp, fp] = [at(sums, 2 + 4 * model), at(sums, 3 + 4 * model)];
      return of({ tp, fp, fn: positives - tp, tn: rows - positives - fp });
    },
  };
}

function meanLoss(scale: PairedMetric["scale"], place: number): PairedMetric {
  return {
    scale,
    value: (sums, model) => at(sums, place + 4 * model) / at(sums, 0),
  };
}

function errorMetric(
  scale: PairedMetric["scale"],
  of: (own: (place: number) => number, sums: Float64Array) => number,
): PairedMetric {
  return {
    scale,
    value: (sums, model) => of((place) => at(sums, 5 + 5 * model + place), sums),
  };
}

function at(sums: Float64Array, index: number): number {
  return sums[index] ?? Number.NaN;
}

function bump(sums: Float64Array, index: number, by: number): void {
  sums[index] = at(sums, index) + by;
}
