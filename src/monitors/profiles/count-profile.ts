import { emptyLeaves, withoutValues } from "../../drift/comparison/matched-leaves.ts";
import {
  leafNamed,
  namesOfCondition,
  namesOfValues,
  sliceByValues,
  sliceOfCondition,
} from "../../drift/comparison/slices.ts";
import { areApart } from "../../drift/comparison/subjects.ts";
import { windowsOf } from "../../drift/comparison/windows.ts";
import { binningOf, mayBeSequence } from "../../drift/profile/baseline-profile.ts";
import type { Counts } from "../../drift/profile/bins.ts";
import { countRows, noCounts } from "../../drift/profile/count-rows.ts";
import type { Binning } from "../../drift/profile/counted.ts";
import { distinctSharesOf } from "../../drift/profile/distinct-share.ts";
import { type Leaf, leavesOf } from "../../drift/profile/leaves.ts";
import { type Span, timeSpans } from "../../drift/profile/time-spans.ts";
import type { EngineColumn, FencedSession, Session } from "../../engine/core/contract.ts";
import { foldName } from "../../schema/schema-json.ts";
import { type SqlExpression, type SqlSelect, sql } from "../../sql/sql.ts";
import { quoteText } from "../../sql/sql-text.ts";
import type { MonitorDefinition } from "../definition/definition.ts";
import type {
  Profile,
  ProfiledLeaf,
  ProfiledMeasure,
  ProfiledPart,
  RecordedBins,
  RecordedMeasure,
} from "./profile.ts";

/** Rows to count. */
export interface ProfiledRows {
  readonly select: SqlSelect;
  readonly columns: readonly EngineColumn[];
  readonly rows: number;
  /** When they were committed, in milliseconds since 1970, if the ages of times are measured. */
  readonly committedAt?: number | undefined;
}

/** How rows are split, besides what the bins say. */
type Split = Pick<MonitorDefinition, "slices" | "window">;

/** What is counted of a measure in these rows. */
interface Counter {
  /** Position among the bins' measures. */
  readonly index: number;
  readonly measure: RecordedMeasure;
  readonly leaf: Leaf;
  readonly binning: Binning;
}

/** A session in which rows were opened. */
export interface RowsSession {
  readonly session: Session;
  /** Fences the session to the rows' files, as conditions of callers need it; it cannot be used again after its end. */
  readonly fence: () => Promise<FencedSession>;
}

/** Counts rows in the bins of a monitor, in all and in each slice or window. */
export async function countProfile(
  { session, fence }: RowsSession,
  rows: ProfiledRows,
  bins: RecordedBins,
  { slices, window }: Split,
  baseline: Profile | undefined,
): Promise<Profile> {
  const leaves = leavesOf(rows.columns, rows.committedAt);
  const empty = await emptyLeaves(session, rows, otherClass(leaves, bins));
  const counters = countersOf(leaves, bins, empty);
  const all = (await countRows(session, rows, bare(counters))).get("");
  const whole = partOf(bins, counters, { rows: rows.rows, counts: all?.counts ?? [] }, null, null);
  const spanned = await withSpans(session, rows.select, { counters, known: all?.spans ?? new Map() }, whole);
  const parts = [await withDistinct(session, rows.select, { counters, baseline }, spanned)];
  if (window !== undefined)
    for (const part of await windowParts(session, rows, window, { bins, counters })) parts.push(part);
  for (const { key, values } of bins.slicings) {
    const leaf = leaves.find(({ name }) => foldName(name) === foldName(key));
    if (leaf === undefined) continue;
    const slicing = { key, names: namesOfValues(values), expression: sliceByValues(leaf, values) };
    for (const part of await sliceParts(session, rows, slicing, { bins, counters })) parts.push(part);
  }
  for (const { name, where } of slices) {
    const expression = await sliceOfCondition(await fence(), where, rows.columns);
    const slicing = { key: name, names: namesOfCondition, expression };
    for (const part of await sliceParts(session, rows, slicing, { bins, counters })) parts.push(part);
  }
  const profiled = leaves.map(
    (leaf): ProfiledLeaf => ({ name: leaf.name, class: leaf.class, isEmpty: empty.has(leaf) }),
  );
  return { leaves: profiled, parts };
}

function bare(counters: readonly Counter[]): Binning[] {
  return counters.map(({ binning }) => binning);
}

function otherClass(leaves: readonly Leaf[], { measures }: RecordedBins): Leaf[] {
  const classes = new Map(measures.map(({ leaf }) => [foldName(leaf.name), leaf.class]));
  return leaves.filter(({ name, class: kind }) => (classes.get(foldName(name)) ?? kind) !== kind);
}

function countersOf(
  leaves: readonly Leaf[],
  { measures }: RecordedBins,
  empty: ReadonlySet<Leaf>,
): Counter[] {
  const byName = new Map(leaves.map((leaf) => [foldName(leaf.name), leaf]));
  return measures.flatMap((measure, index) => {
    const leaf = byName.get(foldName(measure.leaf.name));
    if (leaf === undefined) return [];
    if (leaf.class !== measure.leaf.class && !empty.has(leaf)) return [];
    const own = leaf.class === measure.leaf.class ? leaf : withoutValues(measure.leaf);
    return [{ index, measure, leaf: own, binning: binningOf(measure, own) }];
  });
}

function partOf(
  { measures }: RecordedBins,
  counters: readonly Counter[],
  { rows, counts }: { readonly rows: number; readonly counts: readonly Counts[] },
  slice: ProfiledPart["slice"],
  window: string | null,
): ProfiledPart {
  const found = new Map(
    counters.map(({ index, measure }, position): [number, ProfiledMeasure] => [
      index,
      { counts: counts[position] ?? noCounts(measure.bins, rows), distinctShare: null, span: null },
    ]),
  );
  return { slice, window, rows, measures: measures.map((_, index) => found.get(index)) };
}

async function withSpans(
  session: Session,
  select: SqlSelect,
  { counters, known }: { readonly counters: readonly Counter[]; readonly known: ReadonlyMap<number, Span> },
  part: ProfiledPart,
): Promise<ProfiledPart> {
  const found = counters.flatMap(({ leaf }, position) => {
    const span = known.get(position);
    return span === undefined ? [] : [[leaf, span] as const];
  });
  const spans = new Map<Leaf, Span>(found);
  const unknown = new Set(counters.map(({ leaf }) => leaf).filter((leaf) => !spans.has(leaf)));
  for (const [leaf, span] of await timeSpans(session, { select }, [...unknown])) spans.set(leaf, span);
  const byIndex = new Map(counters.map(({ index, leaf }) => [index, spans.get(leaf) ?? null]));
  return withEach(part, (measure, index) => ({ ...measure, span: byIndex.get(index) ?? null }));
}

function withEach(
  part: ProfiledPart,
  change: (measure: ProfiledMeasure, index: number) => ProfiledMeasure,
): ProfiledPart {
  const { measures } = part;
  return {
    ...part,
    measures: measures.map((measure, index) => (measure === undefined ? undefined : change(measure, index))),
  };
}

/**
 * How many values of identifiers differ; whole numbers whose ranges do not overlap may be a sequence, which their
 * different values tell.
 */
async function withDistinct(
  session: Session,
  select: SqlSelect,
  { counters, baseline }: { readonly counters: readonly Counter[]; readonly baseline: Profile | undefined },
  part: ProfiledPart,
): Promise<ProfiledPart> {
  const before = baseline?.parts[0];
  const wanted = counters.filter(({ index, measure }) => {
    if (measure.kind === "id") return true;
    if (!mayBeSequence(measure)) return false;
    const [a, b] = [before?.measures[index]?.counts, part.measures[index]?.counts];
    // Of the baseline itself, the share is always kept.
    return before === undefined || areCountsApart(a, b);
  });
  const leaves = wanted.map(({ leaf }) => leaf);
  const byLeaf = await distinctSharesOf(session, { select, rows: part.rows }, leaves);
  const shares = new Map(wanted.map(({ index, leaf }) => [index, byLeaf.get(leaf) ?? null]));
  return shares.size === 0
    ? part
    : withEach(part, (measure, index) => ({ ...measure, distinctShare: shares.get(index) ?? null }));
}

/** Whether the ranges of two sides do not overlap; those of categories have none. */
export function areCountsApart(a: Counts | undefined, b: Counts | undefined): boolean {
  return a?.form === "numeric" && b?.form === "numeric" && areApart(a, b);
}

/** A way to split rows. */
interface Slicing {
  readonly key: string;
  readonly names: ReadonlyMap<string, string | null>;
  readonly expression: SqlExpression;
}

interface Counted {
  readonly bins: RecordedBins;
  readonly counters: readonly Counter[];
}

async function sliceParts(
  session: Session,
  rows: ProfiledRows,
  { key, names, expression }: Slicing,
  { bins, counters }: Counted,
): Promise<ProfiledPart[]> {
  const counted = await countRows(session, { ...rows, slice: expression }, bare(counters));
  return [...names].flatMap(([id, value]) => {
    const slice = counted.get(id);
    return slice === undefined ? [] : [partOf(bins, counters, slice, { key, value }, null)];
  });
}

async function windowParts(
  session: Session,
  rows: ProfiledRows,
  window: NonNullable<MonitorDefinition["window"]>,
  { bins, counters }: Counted,
): Promise<ProfiledPart[]> {
  const leaf = leafNamed(leavesOf(rows.columns), window.column);
  const { expression } = await windowsOf(session, { leaf, select: rows.select }, window);
  const counted = await countRows(session, { ...rows, slice: expression }, bare(counters));
  return [...counted]
    .filter(([start]) => start !== "")
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([start, part]) => partOf(bins, counters, part, null, start));
}

/** Rows in some windows only. */
export function inWindows(
  { select, ...rows }: ProfiledRows,
  expression: SqlExpression,
  starts: readonly string[],
): ProfiledRows {
  const chosen = starts.length === 0 ? sql`false` : sql`${expression} IN (${starts.map(quoteText)})`;
  return { select: sql`SELECT * FROM (${select}) WHERE ${chosen}`, ...rows };
}
