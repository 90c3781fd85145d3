import type { Session } from "../../engine/core/contract.ts";
import type { Counts } from "./bins.ts";
import { type Measure, measuredValue, measuresOf } from "./column-bins.ts";
import { countRows, noCounts } from "./count-rows.ts";
import type { Binning, Shortcut } from "./counted.ts";
import { distinctSharesOf } from "./distinct-share.ts";
import type { Leaf } from "./leaves.ts";
import type { BaselineRows } from "./sample-rows.ts";
import { columnOf } from "./side-rows.ts";
import { type Span, timeSpans } from "./time-spans.ts";

/** A measure of a baseline, with the numbers of its rows in the bins. */
export interface ProfiledMeasure extends Measure {
  readonly counts: Counts;
  /** Of a time. */
  readonly span: Span | null;
  /** Share of different values among all of them; only of identifiers and of whole numbers, which may be a sequence. */
  readonly distinctShare: number | null;
}

/** What a comparison needs of a baseline, so that its rows are read once. */
export interface BaselineProfile {
  readonly rows: number;
  readonly measures: readonly ProfiledMeasure[];
  /** Columns that the baseline has and that were not counted. */
  readonly leftOut?: readonly string[] | undefined;
}

/** Counts the rows of a baseline in bins of their own. */
export async function baselineProfile(
  session: Session,
  baseline: BaselineRows,
  leaves: readonly Leaf[],
): Promise<BaselineProfile> {
  const measures = await measuresOf(session, baseline, leaves);
  const binnings = measures.map(baselineBinning);
  const counted = (await countRows(session, baseline, binnings)).get("")?.counts;
  const spans = await timeSpans(session, baseline, leaves);
  const profiled: ProfiledMeasure[] = [];
  const numbered = measures.filter(mayBeSequence).map(({ leaf }) => leaf);
  const shares = await distinctSharesOf(session, baseline, numbered);
  for (const [index, measure] of measures.entries()) {
    const counts = counted?.[index] ?? noCounts(measure.bins, 0);
    profiled.push({
      ...measure,
      counts,
      span: spans.get(measure.leaf) ?? null,
      distinctShare: mayBeSequence(measure)
        ? (shares.get(measure.leaf) ?? null)
        : (measure.distinctShare ?? null),
    });
  }
  return { rows: baseline.rows, measures: profiled };
}

/** A measure whose leaf may belong to no relation, as in records. */
type BareMeasure = Omit<Measure, "leaf"> & { readonly leaf: Omit<Leaf, "value"> };

/** How rows of a side are counted in the bins of a measure; `leaf` is that of the side. */
export function binningOf(measure: BareMeasure, leaf: Leaf): Binning {
  return {
    value: measuredValue(leaf, measure),
    integer: measure.kind === "discrete" ? leaf.integer : undefined,
    bins: measure.bins,
    column: columnOf(leaf),
    isFloat: leaf.isFloat && measure.part === null,
    shortcut: shortcutOf(measure, leaf),
  };
}

function shortcutOf({ kind, part }: BareMeasure, { value, truth }: Leaf): Shortcut | undefined {
  if (kind === "id" || kind === "nested") return { by: "presence", value };
  if (kind === "boolean") return truth === undefined ? undefined : { by: "truth", value: truth };
  const isCycle = part === "hour" || part === "weekday" || part === "month";
  return kind === "time" && isCycle ? { by: "moment", value, part } : undefined;
}

/** How rows of the baseline itself are counted. */
export function baselineBinning(measure: Measure): Binning {
  return { ...binningOf(measure, measure.leaf), counted: measure.counted };
}

/** Whether ranges that do not overlap may be those of a sequence: only whole numbers are numbered. */
export function mayBeSequence({ leaf, part, bins }: BareMeasure): boolean {
  return part === null && leaf.isWhole && leaf.class === "number" && bins.form === "numeric";
}
