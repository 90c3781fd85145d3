import type { Session } from "../../engine/core/contract.ts";
import { foldName } from "../../schema/schema-json.ts";
import {
  type BaselineProfile,
  binningOf,
  mayBeSequence,
  type ProfiledMeasure,
} from "../profile/baseline-profile.ts";
import type { Counts } from "../profile/bins.ts";
import { countRows, noCounts } from "../profile/count-rows.ts";
import { distinctShareOf } from "../profile/distinct-share.ts";
import type { Leaf } from "../profile/leaves.ts";
import { type Span, timeSpans } from "../profile/time-spans.ts";
import { compareCounts, distinctChange } from "./compare.ts";
import type { SideOfRows } from "./compared-baseline.ts";
import { emptyLeaves, withoutValues } from "./matched-leaves.ts";
import type { Subject, Unmatched } from "./subject.ts";
import { areApart } from "./subjects.ts";

/** What is known of the current side of a measure. */
export interface CountedMeasure {
  readonly measure: ProfiledMeasure;
  readonly unmatched: Unmatched | null;
  readonly counts: Counts;
  readonly rows: number;
  readonly span: Span | null;
  readonly isSequence: boolean;
}

/** Counts the rows of a side in the bins of a baseline's profile: one record for each of its measures. */
export async function countAgainst(
  session: Session,
  { measures }: BaselineProfile,
  current: SideOfRows,
): Promise<CountedMeasure[]> {
  const matches = await matchedLeaves(session, measures, current);
  const counted = matches.flatMap(({ measure, leaf }) => (leaf === undefined ? [] : [{ measure, leaf }]));
  const binnings = counted.map(({ measure, leaf }) => binningOf(measure, leaf));
  const counts = (await countRows(session, current, binnings)).get("")?.counts ?? [];
  const countsOf = new Map(counted.map(({ measure }, index) => [measure, counts[index]]));
  const spans = await timeSpans(session, current, [...new Set(counted.map(({ leaf }) => leaf))]);
  const result: CountedMeasure[] = [];
  for (const { measure, leaf, unmatched } of matches) {
    const own = countsOf.get(measure) ?? noCounts(measure.bins, current.rows);
    result.push({
      measure,
      unmatched,
      counts: own,
      rows: current.rows,
      span: leaf === undefined ? null : (spans.get(leaf) ?? null),
      isSequence: leaf !== undefined && (await isSequence(session, measure, { own, leaf, current })),
    });
  }
  return result;
}

/** A measure to judge by counts of both sides. */
export function subjectOf(
  { measure, unmatched, counts, rows, span, isSequence }: CountedMeasure,
  profile: BaselineProfile,
  about: Pick<Subject, "role" | "weight" | "threshold" | "thresholdSource" | "slice">,
): Subject {
  const spans = [measure.span, span].filter((side) => side !== null);
  const sides = { baseline: measure.counts, current: counts };
  return {
    ...about,
    leaf: measure.leaf,
    measure: unmatched === null ? measure : null,
    comparison: unmatched === null ? compareCounts(measure, sides, about.threshold) : null,
    unmatched,
    window: null,
    rows: { baseline: profile.rows, current: rows },
    isSequence,
    distinct: unmatched === null ? distinctChange(measure, sides, noShares) : null,
    spans,
  };
}

/** Identifiers of a batch are not counted. */
const noShares = { baseline: null, current: null };

interface Matched {
  readonly measure: ProfiledMeasure;
  readonly leaf: Leaf | undefined;
  readonly unmatched: Unmatched | null;
}

/** The leaf of each measure; one whose values are of another class is not compared, unless all are null. */
async function matchedLeaves(
  session: Session,
  measures: readonly ProfiledMeasure[],
  current: SideOfRows,
): Promise<Matched[]> {
  const byName = new Map(current.leaves.map((leaf) => [foldName(leaf.name), leaf]));
  const leafOf = ({ leaf }: ProfiledMeasure) => byName.get(foldName(leaf.name));
  const changed = measures.flatMap((measure) => {
    const leaf = leafOf(measure);
    return leaf !== undefined && leaf.class !== measure.leaf.class ? [leaf] : [];
  });
  const empty = await emptyLeaves(session, current, [...new Set(changed)]);
  return measures.map((measure) => {
    const leaf = leafOf(measure);
    if (leaf === undefined) return { measure, leaf, unmatched: "missing_column" };
    if (leaf.class === measure.leaf.class) return { measure, leaf, unmatched: null };
    if (!empty.has(leaf)) return { measure, leaf: undefined, unmatched: "type_changed" };
    return { measure, leaf: withoutValues(measure.leaf), unmatched: null };
  });
}

/** Whole numbers whose ranges do not overlap, and nearly all of whose values differ. */
async function isSequence(
  session: Session,
  measure: ProfiledMeasure,
  { own, leaf, current }: { readonly own: Counts; readonly leaf: Leaf; readonly current: SideOfRows },
): Promise<boolean> {
  const { counts, distinctShare: share } = measure;
  if (!mayBeSequence(measure) || share === null || share <= 0.99) return false;
  if (counts.form !== "numeric" || own.form !== "numeric" || !areApart(counts, own)) return false;
  return (await distinctShareOf(session, current, leaf)) > 0.99;
}
