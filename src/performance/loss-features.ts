import type { EngineColumn, Relation, Session } from "../engine/core/contract.ts";
import { VarveError } from "../errors.ts";
import { foldName } from "../schema/schema-json.ts";
import { type SqlExpression, type SqlName, sql } from "../sql/sql.ts";
import { plainName, quoteName, quoteText } from "../sql/sql-text.ts";
import { mostBins } from "../statistics/learning/binned-trees.ts";
import type { EstimateRequest } from "./estimation.ts";
import { isNumeric, requireSourceColumn, type StagedColumn } from "./evaluation/staged-rows.ts";

/** A column that losses are learnt from, as both sides have it. */
export interface LossFeature {
  readonly name: string;
  readonly isText: boolean;
  /** Whole numbers or text, which may be identifiers. */
  readonly mayBeId: boolean;
  readonly baseline: SqlExpression;
  readonly current: SqlExpression;
}

/** The bins of a feature, by its baseline: 0 is null; for texts, 1 is any value without a bin of its own. */
export type FeatureBins =
  | { readonly kind: "numbers"; readonly edges: Float64Array; readonly least: number; readonly most: number }
  | { readonly kind: "texts"; readonly values: readonly string[]; readonly hasOthers: boolean };

/** The staged column of a feature. */
function featureName(index: number): SqlName {
  return plainName(`f${index}`);
}

/**
 * The features of a regression: those named, or all that both sides have but the target, the window's column, the key,
 * and times, which move by nature.
 *
 * @throws `COLUMN_NOT_FOUND`, `SCHEMA_MISMATCH` for a named column of another type on the other side
 */
export function lossFeatures(baseline: Relation, current: Relation, request: EstimateRequest): LossFeature[] {
  const { features, target, key = [], window } = request;
  const other = [target, request.prediction ?? "", ...key];
  if (window !== undefined && "column" in window) other.push(window.column);
  const excluded = new Set(other.map(foldName));
  const names =
    features ?? baseline.columns.map(({ name }) => name).filter((name) => !excluded.has(foldName(name)));
  const found = names.flatMap((name) => {
    const isKnown = current.columns.some((column) => foldName(column.name) === foldName(name));
    if (!isKnown && features === undefined) return [];
    const [before, after] = [requireSourceColumn(baseline, name), requireSourceColumn(current, name)];
    const [ofBefore, ofAfter] = [numberOrText(before), numberOrText(after)];
    const isUsable = ofBefore !== undefined && ofAfter !== undefined && ofBefore.isText === ofAfter.isText;
    if (isUsable && (features !== undefined || !ofBefore.isTime))
      return [{ ...ofBefore, name, baseline: ofBefore.value, current: ofAfter.value }];
    if (features === undefined) return [];
    throw new VarveError(
      "SCHEMA_MISMATCH",
      `Column ${name} cannot be a feature: it is a ${before.type} in the baseline and a ${after.type} in the current rows. Features are numbers, booleans, times or text, alike on both sides.`,
      { column: [name], found: after.type },
    );
  });
  // What the model predicted says most about its error.
  const prediction = request.prediction ?? "";
  const [first, second] = [
    requireSourceColumn(baseline, prediction),
    requireSourceColumn(current, prediction),
  ];
  const own = { name: prediction, isText: false, mayBeId: false };
  return [{ ...own, baseline: asNumber(first), current: asNumber(second) }, ...found];
}

function numberOrText(column: EngineColumn) {
  const name = quoteName(column.name);
  const mayBeId = /INT|VARCHAR|UUID/.test(column.type);
  if (isNumeric(column.type) || column.type === "BOOLEAN")
    return { value: asNumber(column), isText: false, isTime: false, mayBeId };
  if (/^(?:DATE|TIMESTAMP)/.test(column.type))
    return {
      value: sql`CAST(epoch(CAST(${name} AS TIMESTAMP)) AS DOUBLE)`,
      isText: false,
      isTime: true,
      mayBeId,
    };
  if (/^(?:VARCHAR|ENUM|UUID)/.test(column.type))
    return { value: sql`CAST(${name} AS VARCHAR)`, isText: true, isTime: false, mayBeId };
  return undefined;
}

function asNumber({ name, type }: EngineColumn): SqlExpression {
  const value = type === "BOOLEAN" ? sql`CAST(${quoteName(name)} AS INTEGER)` : quoteName(name);
  return sql`CAST(${value} AS DOUBLE)`;
}

/** The staged columns of the features of one side. */
export function featureColumns(
  features: readonly LossFeature[],
  side: "baseline" | "current",
): StagedColumn[] {
  return features.map((feature, index) => ({ name: featureName(index), value: feature[side] }));
}

/** Longer texts have no bin of their own. */
const longestText = 500;

/** The bins of features by a table of rows of the baseline; undefined for one whose values nearly all differ. */
export async function featureBins(
  session: Session,
  table: SqlName,
  features: readonly LossFeature[],
  isChosen: boolean,
): Promise<(FeatureBins | undefined)[]> {
  const bins: (FeatureBins | undefined)[] = [];
  for (const [index, { isText, mayBeId }] of features.entries()) {
    const name = featureName(index);
    if (mayBeId && !isChosen) {
      const [row] = await session.rows(
        sql`SELECT count(DISTINCT ${name}) AS distinct_values, count(${name}) AS known FROM ${table}`,
      );
      if (Number(row?.["distinct_values"]) > 0.9 * Number(row?.["known"])) {
        bins.push(undefined);
        continue;
      }
    }
    bins.push(isText ? await textBins(session, table, name) : await numberBins(session, table, name));
  }
  return bins;
}

async function textBins(session: Session, table: SqlName, name: SqlName): Promise<FeatureBins> {
  const most = mostBins - 2;
  const rows = await session.rows(
    sql`SELECT ${name} AS value FROM ${table} WHERE ${name} IS NOT NULL AND length(${name}) <= ${longestText} GROUP BY ${name} ORDER BY count(*) DESC, value LIMIT ${most}`,
  );
  const values = rows.map(({ value }) => String(value));
  const [all] = await session.rows(sql`SELECT count(DISTINCT ${name}) AS n FROM ${table}`);
  return { kind: "texts", values, hasOthers: Number(all?.["n"]) > values.length };
}

/** Edges at equal shares of the finite values. */
async function numberBins(session: Session, table: SqlName, name: SqlName): Promise<FeatureBins> {
  const count = mostBins - 2;
  const shares = Array.from(
    { length: count },
    (_, index) => sql`${quoteText(String((index + 1) / (count + 1)))}::DOUBLE`,
  );
  const [row] = await session.rows(
    sql`SELECT quantile_disc(${name}, [${shares}]) AS edges, min(${name}) AS least, max(${name}) AS most FROM ${table} WHERE isfinite(${name})`,
  );
  const edges = Array.isArray(row?.["edges"]) ? row["edges"].map(Number) : [];
  return {
    kind: "numbers",
    edges: Float64Array.from(new Set(edges)),
    least: Number(row?.["least"] ?? Number.NaN),
    most: Number(row?.["most"] ?? Number.NaN),
  };
}

/** What is streamed of a feature: a number, or the place of a text among those with a bin; NaN for null. */
export function streamedValue(bins: FeatureBins, index: number): SqlExpression {
  const name = featureName(index);
  const nan = sql`CAST('NaN' AS DOUBLE)`;
  if (bins.kind === "numbers") return sql`coalesce(${name}, ${nan})`;
  const list = sql`CAST([${bins.values.map((value) => quoteText(value))}] AS VARCHAR[])`;
  return sql`CASE WHEN ${name} IS NULL THEN ${nan} ELSE coalesce(list_position(${list}, ${name}), 0) END`;
}

/** The bin of a streamed value. */
export function binOf(bins: FeatureBins, value: number): number {
  if (Number.isNaN(value)) return 0;
  if (bins.kind === "texts") return 1 + value;
  let [from, to] = [0, bins.edges.length];
  while (from < to) {
    const middle = (from + to) >>> 1;
    if ((bins.edges[middle] ?? 0) <= value) from = middle + 1;
    else to = middle;
  }
  return 1 + from;
}

/** Whether the baseline has such values. */
export function isCovered(bins: FeatureBins, value: number): boolean {
  if (Number.isNaN(value)) return true;
  if (bins.kind === "texts") return value > 0 || bins.hasOthers;
  return value >= bins.least && value <= bins.most;
}
