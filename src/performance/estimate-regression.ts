import type { Session } from "../engine/core/contract.ts";
import { VarveError } from "../errors.ts";
import { sql } from "../sql/sql.ts";
import { columnType, plainName, quoteName } from "../sql/sql-text.ts";
import type { EstimateInput } from "./estimate-binary.ts";
import {
  type ExpectedValues,
  errorFrom,
  estimatedWindow,
  isUncovered,
  laterOutcomes,
  requireRows,
  type Told,
  thresholdsOf,
} from "./estimate-windows.ts";
import { type LossMetric, lossNames } from "./estimated-metrics.ts";
import type { Estimate } from "./estimation.ts";
import { type Evaluation, evaluateRelation } from "./evaluation/evaluate.ts";
import { numberColumn, requireSourceColumn, type StagedRows, stageRows } from "./evaluation/staged-rows.ts";
import { streamColumns } from "./evaluation/streamed-columns.ts";
import {
  binOf,
  type FeatureBins,
  featureBins,
  featureColumns,
  isCovered,
  type LossFeature,
  lossFeatures,
  streamedValue,
} from "./loss-features.ts";
import {
  expectedLosses,
  type FittedLoss,
  fitLoss,
  type LossKind,
  type LossRows,
  lossKinds,
} from "./loss-models.ts";
import { BlockSums } from "./metrics/block-sums.ts";
import { folds } from "./metrics/cross-calibration.ts";

const asDouble = columnType("DOUBLE");
const target = plainName("target");
const sample = plainName("performance_sample");

/** The losses are learnt from so many rows, and cells of features, at most. */
const [mostRows, mostCells] = [50_000, 2_000_000];

/** Estimates a regression: its losses are learnt on the baseline from prediction and features. @throws as `estimateRelation` */
export async function estimateRegression(
  session: Session,
  { baseline, current, request, window }: EstimateInput,
): Promise<Estimate> {
  const isPeer = request.method === "nannyml.dle";
  const { prediction } = request;
  if (prediction === undefined)
    throw new VarveError(
      "INVALID_ARGUMENT",
      "An estimate of a regression needs the column with its predictions (prediction).",
      { option: "prediction" },
    );
  const realised = await evaluateRelation(session, baseline, { ...request, problem: "regression", window });
  requireRows(realised);
  const features = lossFeatures(baseline, current, request);
  const key = request.key?.map((name) => requireSourceColumn(baseline, name).name);
  const hash = sql`hash(${(key ?? baseline.columns.map(({ name }) => name)).map(quoteName)})`;
  const base = await stageRows(session, baseline, { ...request, by: [], window }, [
    { name: target, value: numberColumn(baseline, request.target) },
    { name: plainName("place"), value: hash },
    ...featureColumns(features, "baseline"),
  ]);
  const { binned, rows } = await trainingRows(session, base, {
    features,
    isChosen: request.features !== undefined,
  });
  const losses = fittedLosses(rows, realised, isPeer);
  const ofBaseline = await expectedWindows(session, base, { binned, losses, isBaseline: true });
  const later = await laterOutcomes(session, current, request);
  const now = await stageRows(session, current, { ...request, by: [] }, featureColumns(features, "current"));
  const ofCurrent = await expectedWindows(session, now, { binned, losses, isBaseline: false });
  const told: Omit<Told, "realised"> = {
    thresholds: thresholdsOf(realised, window, lossNames, isPeer),
    isPeer,
    errorOf: isPeer ? peerErrors(realised) : errorFrom(realised),
  };
  return {
    problem: "regression",
    method: isPeer ? "nannyml.dle" : "dle",
    windows: ofCurrent.map((part) => estimatedWindow(part, { ...told, realised: later })),
    baseline: {
      rows: realised.labelled,
      windows: ofBaseline.map((part) => estimatedWindow(part, { ...told, realised: realised.windows })),
    },
    thresholds: told.thresholds,
    features: binned.map(({ feature }) => feature.name),
    losses: Object.fromEntries(
      lossNames.flatMap((metric) => {
        const loss = losses.get(kindOf[metric]);
        return loss === undefined ? [] : [[metric, { rows: loss.rows, r2: loss.r2, used: loss.used }]];
      }),
    ),
    unreliable: isUncovered(ofCurrent) ? ["coverage"] : [],
    cannotSee:
      "The estimate holds if errors still follow the features as they did in the baseline; a change of that relation (concept drift) cannot be seen without outcomes.",
  };
}

/** The loss whose mean a metric is, or is the root of. */
const kindOf: Readonly<Record<LossMetric, LossKind>> = {
  mae: "absolute",
  mape: "relative",
  mse: "square",
  rmse: "square",
  msle: "logarithmic",
  rmsle: "logarithmic",
};

/** A feature with its bins, and its number among the staged ones. */
interface BinnedFeature {
  readonly feature: LossFeature;
  readonly index: number;
  readonly bins: FeatureBins;
}

/** Rows of the baseline with an outcome, chosen by hash, in bins. */
async function trainingRows(
  session: Session,
  { table }: StagedRows,
  { features, isChosen }: { readonly features: readonly LossFeature[]; readonly isChosen: boolean },
): Promise<{ readonly binned: readonly BinnedFeature[]; readonly rows: LossRows }> {
  const limit = Math.max(1000, Math.min(mostRows, Math.floor(mostCells / features.length)));
  await session.execute(sql`DROP TABLE IF EXISTS ${sample}`);
  // The numbers of the rows first: the engine would hold much more of whole rows than it keeps.
  const chosen = sql`SELECT rn FROM ${table} WHERE isfinite(${target}) AND isfinite(f0) ORDER BY place // ${folds}, rn LIMIT ${limit}`;
  await session.execute(sql`CREATE TABLE ${sample} AS SELECT * FROM ${table} WHERE rn IN (${chosen})`);
  const all = await featureBins(session, sample, features, isChosen);
  const binned = features.flatMap((feature, index) => {
    const bins = all[index];
    return bins === undefined ? [] : [{ feature, index, bins }];
  });
  const [counted] = await session.rows(sql`SELECT count(*) AS n FROM ${sample}`);
  const count = Number(counted?.["n"]);
  const columns = binned.map(({ bins }) => ({
    codes: new Uint8Array(count),
    isOrdered: bins.kind === "numbers",
  }));
  const rows = {
    columns,
    target: new Float64Array(count),
    prediction: new Float64Array(count),
    fold: new Uint8Array(count),
  };
  const values = [
    target,
    sql`f0`,
    sql`place % ${folds}`,
    ...binned.map(({ bins, index }) => streamedValue(bins, index)),
  ].map((value, index) => sql`CAST(${value} AS ${asDouble}) AS ${plainName(`c${index}`)}`);
  let row = 0;
  await streamColumns(
    session,
    sql`SELECT ${values} FROM ${sample} ORDER BY place // ${folds}, rn`,
    ([targets, predictions, parts, ...own], size) => {
      for (let index = 0; index < size; index++, row++) {
        rows.target[row] = targets?.[index] ?? 0;
        rows.prediction[row] = predictions?.[index] ?? 0;
        rows.fold[row] = parts?.[index] ?? 0;
        for (const [column, { bins }] of binned.entries()) {
          const codes = columns[column]?.codes;
          if (codes !== undefined) codes[row] = binOf(bins, own[column]?.[index] ?? Number.NaN);
        }
      }
    },
  );
  return { binned, rows };
}

function fittedLosses(rows: LossRows, { metrics }: Evaluation, isPeer: boolean): Map<LossKind, FittedLoss> {
  const known = (name: string) => metrics[name]?.value ?? null;
  const root = known("rmsle");
  const means: Readonly<Record<LossKind, number | null>> = {
    absolute: known("mae"),
    square: known("mse"),
    relative: known("mape"),
    logarithmic: root === null ? null : root ** 2,
  };
  const losses = new Map<LossKind, FittedLoss>();
  for (const kind of lossKinds) {
    // A loss that some row of the baseline does not define is none of the model.
    const loss =
      means[kind] === null ? undefined : fitLoss(kind, rows, { baselineMean: means[kind], isPeer });
    if (loss !== undefined) losses.set(kind, loss);
  }
  return losses;
}

interface Expectation {
  readonly binned: readonly BinnedFeature[];
  readonly losses: ReadonlyMap<LossKind, FittedLoss>;
  readonly isBaseline: boolean;
}

/** Sums over the rows of a window. */
interface WindowSums {
  rows: number;
  /** Rows by feature whose values the baseline covers. */
  readonly covered: Float64Array;
}

/** A pass over the rows: each row of the baseline is judged by a model that has not seen its fifth. */
async function expectedWindows(
  session: Session,
  { table, axes }: StagedRows,
  { binned, losses, isBaseline }: Expectation,
): Promise<ExpectedValues[]> {
  const axis = axes.at(-1);
  if (axis === undefined) return [];
  const windows = axis.parts.map((): WindowSums => ({ rows: 0, covered: new Float64Array(binned.length) }));
  const values = [
    axis.code,
    isBaseline ? sql`place % ${folds}` : sql`0`,
    ...binned.map(({ bins, index }) => streamedValue(bins, index)),
  ].map((value, index) => sql`CAST(${value} AS ${asDouble}) AS ${plainName(`c${index}`)}`);
  const select = sql`SELECT ${values} FROM ${table} WHERE isfinite(f0)`;
  const sums = new Map([...losses.keys()].map((kind) => [kind, new BlockSums(windows.length)]));
  await streamColumns(session, select, ([parts, places, ...own], count) => {
    const codes = binned.map(() => new Uint8Array(count));
    for (let row = 0; row < count; row++) {
      const window = windows[parts?.[row] ?? -1];
      if (window !== undefined) window.rows++;
    }
    for (const [column, { bins }] of binned.entries()) {
      const [values, code] = [own[column], codes[column]];
      for (let row = 0; row < count; row++) {
        const value = values?.[row] ?? Number.NaN;
        if (code !== undefined) code[row] = binOf(bins, value);
        const covered = isCovered(bins, value) ? windows[parts?.[row] ?? -1]?.covered : undefined;
        if (covered !== undefined) covered[column] = (covered[column] ?? 0) + 1;
      }
    }
    const fold = isBaseline ? Uint8Array.from(places ?? []) : undefined;
    for (const [kind, loss] of losses) {
      const values = expectedLosses(loss, codes, { count, fold });
      const own = sums.get(kind);
      for (let row = 0; row < count; row++) own?.push(parts?.[row] ?? -1, values[row] ?? 0);
    }
  });
  return axis.parts.flatMap((name, index) => {
    const window = windows[index];
    const sumOf = (kind: LossKind) => sums.get(kind)?.finish()[index];
    return window === undefined || window.rows === 0 ? [] : [expectedOf(name, window, sumOf)];
  });
}

function expectedOf(
  name: string,
  { rows, covered }: WindowSums,
  sumOf: (kind: LossKind) => number | undefined,
): ExpectedValues {
  const values = lossNames.map((metric) => {
    const sum = sumOf(kindOf[metric]);
    if (sum === undefined) return [metric, null];
    return [metric, metric.startsWith("rm") ? Math.sqrt(sum / rows) : sum / rows];
  });
  return {
    name,
    rows,
    covered: covered.reduce((least, count) => Math.min(least, count), rows),
    values: Object.fromEntries(values),
    calibrationErrors: {},
  };
}

/** NannyML divides by the number of rows, not by one less. */
function peerErrors(realised: Evaluation): Told["errorOf"] {
  const own = errorFrom(realised);
  const judged = realised.labelled - realised.unscored;
  return (metric, rows) => {
    const error = own(metric, rows);
    return error === undefined ? undefined : error * Math.sqrt((judged - 1) / judged);
  };
}
