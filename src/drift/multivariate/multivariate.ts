import type { Session } from "../../engine/core/contract.ts";
import { foldName } from "../../schema/schema-json.ts";
import { notApplicable } from "../comparison/judge.ts";
import type { Multivariate, MultivariateMethod } from "../comparison/multivariate-record.ts";
import type { Subject } from "../comparison/subject.ts";
import type { SideRows } from "../comparison/subjects.ts";
import { measuredValue } from "../profile/column-bins.ts";
import { correlationChanges } from "./correlations.ts";
import { discrepancyOf } from "./discrepancy.ts";
import { encodedRows, type MeasuredColumn } from "./encoded-rows.ts";
import { magnitudeOf } from "./magnitude.ts";
import { reconstructionOf, standardised } from "./reconstruction.ts";

/** Columns, rows of a side, and values of a side that are compared at most. */
const [mostColumns, mostRows, mostCells] = [100, 50_000, 2_000_000];

/** Fewer rows of a side are not compared. */
const fewestRows = 100;

/** Compares the columns that are compared one by one, whole and without slices, all at once. */
export async function multivariateOf(
  session: Session,
  { sides, subjects }: { readonly sides: SideRows; readonly subjects: readonly Subject[] },
  methods: readonly MultivariateMethod[],
): Promise<Multivariate> {
  const all = columnsOf(sides, subjects);
  const columns = all.slice(0, mostColumns);
  const limit = Math.min(mostRows, Math.floor(mostCells / Math.max(1, columns.length)));
  const selects = { baseline: sides.baseline.select, current: sides.current.select };
  const isEnough = Math.min(sides.baseline.rows, sides.current.rows) >= fewestRows && columns.length > 0;
  const encoded = isEnough
    ? await encodedRows(session, selects, columns, limit)
    : { columns: [], folds: { baseline: new Uint8Array(), current: new Uint8Array() } };
  const has = (method: MultivariateMethod) => methods.includes(method);
  const standard = standardised(encoded);
  const figures = {
    ...(has("magnitude") ? { magnitude: isEnough ? magnitudeOf(encoded) : null } : {}),
    ...(has("reconstruction")
      ? { reconstruction: isEnough ? reconstructionOf(standard, encoded.folds.baseline) : null }
      : {}),
    ...(has("correlations") ? { correlations: correlationChanges(encoded) } : {}),
    ...(has("mmd") ? { mmd: discrepancyOf(standard) } : {}),
  };
  return {
    columns: columns.map(({ name }) => name),
    left_out: all.length - columns.length,
    rows: { baseline: encoded.folds.baseline.length, current: encoded.folds.current.length },
    ...figures,
    text: sentences(figures),
  };
}

/** The columns of both sides that are neither identifiers nor sequences. */
function columnsOf({ current }: SideRows, subjects: readonly Subject[]): MeasuredColumn[] {
  const columns = new Map<unknown, MeasuredColumn>();
  for (const subject of subjects) {
    const { measure, unmatched, slice, role } = subject;
    if (measure === null || unmatched !== null || slice !== null || columns.has(measure)) continue;
    if (role === "id" || role === "key" || role === "time" || notApplicable(subject, measure) !== null)
      continue;
    const leaf = current.leaves.find(({ name }) => foldName(name) === foldName(measure.leaf.name));
    if (leaf === undefined || leaf.class !== measure.leaf.class) continue;
    columns.set(measure, {
      name: measure.part === null ? measure.leaf.name : `${measure.leaf.name} (${measure.part})`,
      bins: measure.bins,
      value: { baseline: measuredValue(measure.leaf, measure), current: measuredValue(leaf, measure) },
    });
  }
  return [...columns.values()];
}

type Figures = Pick<Multivariate, "magnitude" | "reconstruction" | "correlations" | "mmd">;

function sentences({ magnitude, reconstruction, correlations, mmd }: Figures): string[] {
  const two = (value: number) => value.toFixed(2);
  const few = (name: string) => `${name}: too few rows (${fewestRows} on each side would do).`;
  const texts: string[] = [];
  if (magnitude === null) texts.push(few("Magnitude"));
  else if (magnitude !== undefined) {
    const first = magnitude.contributions
      .slice(0, 3)
      .map(({ column, auc_drop }) => `${column} ${auc_drop.toFixed(3)}`);
    const most = first.length === 0 ? "" : ` Without it the area falls most for ${first.join(", ")}.`;
    const told = magnitude.low > 0.5 ? "tells the sides apart" : "cannot tell the sides apart";
    texts.push(
      `Magnitude ${magnitude.percent.toFixed(0)} %: a classifier ${told} (area ${two(magnitude.auc)}, ${two(magnitude.low)} to ${two(magnitude.high)}).${most}`,
    );
  }
  if (reconstruction === null) texts.push(few("Reconstruction"));
  else if (reconstruction !== undefined)
    texts.push(
      `Reconstruction: rows are ${two(reconstruction.baseline)} → ${two(reconstruction.current)} deviations from ${reconstruction.components} components of the baseline (difference ${two(reconstruction.low)} to ${two(reconstruction.high)}).`,
    );
  const [largest] = correlations ?? [];
  if (correlations !== undefined)
    texts.push(
      largest === undefined
        ? "Correlations: no two columns to compare."
        : `Correlations: the largest change is ${largest.columns.join(" and ")}, ${two(largest.baseline)} → ${two(largest.current)}${largest.p_adjusted === null ? "" : ` (p ${largest.p_adjusted < 0.001 ? "< 0.001" : `= ${Number(largest.p_adjusted.toPrecision(2))}`})`}.`,
    );
  if (mmd === null) texts.push(few("Mean discrepancy"));
  else if (mmd !== undefined)
    texts.push(
      `Mean discrepancy (MMD²) ${Number(mmd.mmd2.toPrecision(3))}, p = ${Number(mmd.p.toPrecision(2))}.`,
    );
  return texts;
}
