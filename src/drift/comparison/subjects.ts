import type { Session } from "../../engine/core/contract.ts";
import { foldName } from "../../schema/schema-json.ts";
import { appendAll } from "../../util/append-all.ts";
import { areAgesByNature } from "../profile/ages.ts";
import { binningOf, mayBeSequence } from "../profile/baseline-profile.ts";
import type { Counts } from "../profile/bins.ts";
import { inChunks } from "../profile/chunks.ts";
import type { Measure } from "../profile/column-bins.ts";
import { countRows, noCounts } from "../profile/count-rows.ts";
import type { Binning } from "../profile/counted.ts";
import { distinctShareOf, distinctSharesOf } from "../profile/distinct-share.ts";
import type { Leaf } from "../profile/leaves.ts";
import { timeSpans } from "../profile/time-spans.ts";
import { compareCounts, distinctChange } from "./compare.ts";
import type { ComparedSides, SideOfRows } from "./compared-baseline.ts";
import type { DriftDefinition } from "./definition.ts";
import type { DriftRecord } from "./drift-record.ts";
import { type Match, type Matched, matchedLeaves } from "./matched-leaves.ts";
import type { Slicing } from "./slices.ts";
import type { Subject } from "./subject.ts";
import { type Windows, windowSpan } from "./windows.ts";

/** Both sides of a run. */
export interface SideRows {
  readonly baseline: SideOfRows;
  readonly current: SideOfRows;
}

/** By what the rows are split. */
export interface Split {
  readonly definition: DriftDefinition;
  readonly slicings: readonly Slicing[];
  readonly windows: Windows | undefined;
}

/**
 * The columns to judge: all of them over all rows or windows, and in each slice.
 *
 * @param keep what is kept of each, because the bins and counts of thousands of columns take much memory
 */
export async function subjectsOf<T>(
  session: Session,
  sides: ComparedSides,
  { definition, ...split }: Split,
  keep: (subject: Subject) => T,
): Promise<T[]> {
  const matched = await matchedLeaves(session, sides, definition);
  const both = matched.filter((match): match is Matched => match.unmatched === null);
  const spans = await spansOf(session, sides, both);
  const known = { sides, definition, spans };
  const kept = matched.flatMap((match) =>
    match.unmatched === null ? [] : [keep(unmatchedSubject(match, known))],
  );
  const parts: T[][] = [];
  for (const range of rangesOf(both)) {
    const pairs = await pairsOfRange(session, range, { ...known, ...split });
    for (const [index, subjects] of pairs.entries()) {
      const part = parts[index] ?? [];
      parts[index] = part;
      for (const subject of subjects) part.push(keep(subject));
    }
  }
  return [...kept, ...parts.flat()];
}

/** Columns that are counted and compared before the next ones are. */
const rangeColumns = 1_024;

/** Columns in ranges of about the same length; one of none without columns. */
function rangesOf(columns: readonly Matched[]): Iterable<readonly Matched[]> {
  if (columns.length === 0) return [columns];
  const ranges = Math.ceil(columns.length / rangeColumns);
  return inChunks(columns, Math.ceil(columns.length / ranges));
}

/** The subjects of some columns by window or slice, each compared when it is asked for. */
async function pairsOfRange(
  session: Session,
  range: readonly Matched[],
  { slicings, windows, ...known }: Known & Omit<Split, "definition">,
): Promise<Iterable<Subject>[]> {
  const measures = await known.sides.baseline.measures(range.map(({ before }) => before));
  const afterOf = new Map(range.map(({ before, after }) => [before, after]));
  const binnings = measures.map((measure) => binningOf(measure, afterOf.get(measure.leaf) ?? measure.leaf));
  const context: Context = { ...known, measures, sequences: new Set(), shares: new Map() };
  const parts = await wholeSubjects(session, binnings, { ...context, windows });
  for (const slicing of slicings)
    appendAll(parts, await sliceSubjects(session, binnings, { ...context, slicing }));
  return parts;
}

/** What is known before columns are counted. */
interface Known {
  readonly sides: ComparedSides;
  readonly definition: DriftDefinition;
  readonly spans: ReadonlyMap<Leaf, Subject["spans"]>;
}

interface Context extends Known {
  readonly measures: readonly Measure[];
  readonly sequences: Set<Measure>;
  /** Shares of different values of both sides: of identifiers, and of sequences. */
  readonly shares: Map<Measure, { readonly baseline: number; readonly current: number }>;
}

/** The first and last moment of the times of both sides. */
async function spansOf(
  session: Session,
  { baseline, current }: ComparedSides,
  matches: readonly Matched[],
): Promise<ReadonlyMap<Leaf, Subject["spans"]>> {
  const befores = matches.map(({ before }) => before);
  const afters = matches.map(({ after }) => after);
  const before = await baseline.spans(befores);
  const after = await timeSpans(session, current, afters);
  return new Map(
    matches.map((match) => [
      match.before,
      [before.get(match.before), after.get(match.after)].filter((span) => span !== undefined),
    ]),
  );
}

type Plain = Pick<Subject, "role" | "weight" | "threshold" | "thresholdSource">;

/** What a definition says of a leaf. */
export function plainSubject(
  { name }: Leaf,
  { roles, weights, thresholds, threshold, isDefaultThreshold }: DriftDefinition,
): Plain {
  const own = byName(thresholds, name);
  return {
    role: byName(roles, name) ?? "feature",
    weight: byName(weights, name) ?? 1,
    threshold: own ?? threshold,
    thresholdSource: own !== undefined ? "column" : isDefaultThreshold ? "default" : "run",
  };
}

function byName<T>(values: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.entries(values).find(([key]) => foldName(key) === foldName(name))?.[1];
}

function unmatchedSubject(
  { before, unmatched }: Match,
  { sides, definition }: Omit<Known, "spans">,
): Subject {
  return {
    ...plainSubject(before, definition),
    leaf: before,
    measure: null,
    comparison: null,
    unmatched,
    slice: null,
    window: null,
    rows: { baseline: sides.baseline.rows, current: sides.current.rows },
    isSequence: false,
    distinct: null,
    spans: [],
  };
}

interface Pair {
  readonly baseline: { readonly rows: number; readonly counts: readonly Counts[] } | undefined;
  readonly current: { readonly rows: number; readonly counts: readonly Counts[] } | undefined;
  readonly slice: DriftRecord["slice"];
  readonly window: string | null;
}

function* pairSubjects({ baseline, current, slice, window }: Pair, context: Context): Generator<Subject> {
  const rows = { baseline: baseline?.rows ?? 0, current: current?.rows ?? 0 };
  const every = context.definition.window?.every;
  for (const [index, measure] of context.measures.entries()) {
    const { role, weight, threshold, thresholdSource } = plainSubject(measure.leaf, context.definition);
    const sides = {
      baseline: baseline?.counts[index] ?? noCounts(measure.bins, 0),
      current: current?.counts[index] ?? noCounts(measure.bins, 0),
    };
    yield {
      role,
      weight,
      threshold,
      thresholdSource,
      leaf: measure.leaf,
      measure,
      comparison: compareCounts(measure, sides, threshold),
      unmatched: null,
      slice,
      window,
      rows,
      isSequence: context.sequences.has(measure),
      distinct: distinctChange(measure, sides, sharesOf(context, measure, { slice, window })),
      spans: windowSpans(context.spans.get(measure.leaf) ?? [], window === null ? undefined : every),
    };
  }
}

/** Shares that were counted apart are those of all rows. */
function sharesOf(
  { shares }: Context,
  measure: Measure,
  { slice, window }: Pick<Pair, "slice" | "window">,
): { readonly baseline: number | null; readonly current: number | null } {
  const own = slice === null && window === null ? shares.get(measure) : undefined;
  return own ?? { baseline: null, current: null };
}

/** A window covers no more of the calendar than its length. */
function windowSpans(spans: Subject["spans"], every: string | undefined): Subject["spans"] {
  return every === undefined ? spans : [...spans.slice(0, 1), windowSpan(every)];
}

async function wholeSubjects(
  session: Session,
  binnings: readonly Binning[],
  context: Context & { readonly windows: Windows | undefined },
): Promise<Iterable<Subject>[]> {
  const { sides, windows } = context;
  const counts = await sides.baseline.counts(context.measures);
  const baseline = counts === undefined ? undefined : { rows: sides.baseline.rows, counts };
  const currentRows = { ...sides.current, slice: windows?.expression };
  const current = await countRows(session, currentRows, binnings);
  if (windows !== undefined)
    return windows.starts.map((window) =>
      pairSubjects({ baseline, current: current.get(window), slice: null, window }, context),
    );
  await findIdentifiers(session, context);
  await findSequences(session, context, { baseline, current: current.get("") });
  return [pairSubjects({ baseline, current: current.get(""), slice: null, window: null }, context)];
}

/** How many values of identifiers differ: those of the baseline were counted before. */
async function findIdentifiers(session: Session, { sides, measures, shares }: Context): Promise<void> {
  const found = measures.flatMap((measure) => {
    const { distinctShare: baseline = null } = measure;
    if (measure.kind !== "id" || baseline === null) return [];
    const leaf = leafOfSide(sides.current, measure);
    return leaf === undefined ? [] : [{ measure, leaf, baseline }];
  });
  const leaves = found.map(({ leaf }) => leaf);
  const current = await distinctSharesOf(session, sides.current, leaves);
  for (const { measure, leaf, baseline } of found)
    shares.set(measure, { baseline, current: current.get(leaf) ?? 0 });
}

function leafOfSide({ leaves }: SideOfRows, { leaf }: Measure): Leaf | undefined {
  return leaves.find(({ name }) => foldName(name) === foldName(leaf.name));
}

/** What by nature moves: ages that differ by the way rows came, and sequences. */
async function findSequences(
  session: Session,
  { sides, measures, sequences, shares, spans }: Context,
  { baseline, current }: Pick<Pair, "baseline" | "current">,
): Promise<void> {
  for (const [index, measure] of measures.entries()) {
    const [before, after] = [baseline?.counts[index], current?.counts[index]];
    if (measure.part === "age") {
      const [first, last] = spans.get(measure.leaf) ?? [];
      const isByNature = areAgesByNature({ span: first, counts: before }, { span: last, counts: after });
      if (isByNature) sequences.add(measure);
    }
    if (!mayBeSequence(measure)) continue;
    if (before?.form !== "numeric" || after?.form !== "numeric") continue;
    if (!areApart(before, after)) continue;
    const leaf = leafOfSide(sides.current, measure) ?? measure.leaf;
    const own = {
      baseline: await sides.baseline.distinctShare(measure),
      current: await distinctShareOf(session, sides.current, leaf),
    };
    shares.set(measure, own);
    if (own.baseline > 0.99 && own.current > 0.99) sequences.add(measure);
  }
}

interface Range {
  readonly min: number | null;
  readonly max: number | null;
}

/** Whether two ranges do not overlap. */
export function areApart(a: Range, b: Range): boolean {
  if (a.min === null || a.max === null || b.min === null || b.max === null) return false;
  return a.max < b.min || b.max < a.min;
}

async function sliceSubjects(
  session: Session,
  binnings: readonly Binning[],
  context: Context & { readonly slicing: Slicing },
): Promise<Iterable<Subject>[]> {
  const { sides, slicing } = context;
  const { key, names, expressions } = slicing;
  const baseline = await sides.baseline.slices(context.measures, slicing);
  const current = await countRows(session, { ...sides.current, slice: expressions.current }, binnings);
  return [...names].map(([id, value]) => {
    const pair = { baseline: baseline.get(id), current: current.get(id) };
    if (pair.baseline === undefined && pair.current === undefined) return [];
    return pairSubjects({ ...pair, slice: { key, value }, window: null }, context);
  });
}
