import { compareCounts, type DriftRule, distinctChange } from "../../drift/comparison/compare.ts";
import type { DriftRecord, DriftRole } from "../../drift/comparison/drift-record.ts";
import { judge } from "../../drift/comparison/judge.ts";
import type { Subject } from "../../drift/comparison/subject.ts";
import { windowSpan } from "../../drift/comparison/windows.ts";
import { areAgesByNature } from "../../drift/profile/ages.ts";
import { noCounts } from "../../drift/profile/count-rows.ts";
import type { Leaf } from "../../drift/profile/leaves.ts";
import { foldName } from "../../schema/schema-json.ts";
import { sql } from "../../sql/sql.ts";
import type { HistoryThreshold, MonitorDefinition, OwnThreshold } from "../definition/definition.ts";
import { areCountsApart } from "./count-profile.ts";
import { isExcluded, isMeasured } from "./make-bins.ts";
import type { Profile, ProfiledMeasure, ProfiledPart, RecordedBins, RecordedMeasure } from "./profile.ts";

/** A threshold, and where it comes from. */
export interface ChosenThreshold {
  readonly threshold: number;
  readonly source: DriftRecord["threshold_source"];
}

/** The comparison of a monitor whose past effects may set its threshold. */
export interface ThresholdPlace {
  readonly column: string;
  readonly part: DriftRecord["part"];
  readonly slice: DriftRecord["slice"];
  readonly rule: HistoryThreshold & { readonly least: number };
}

export interface ProfilePair {
  readonly bins: RecordedBins;
  readonly baseline: Profile;
  readonly current: Profile;
}

/**
 * Compares recorded counts: no row is read.
 *
 * @param historyOf gives the threshold by past effects
 */
export function compareProfiles(
  definition: MonitorDefinition,
  pair: ProfilePair,
  historyOf: (place: ThresholdPlace) => ChosenThreshold,
): DriftRecord[] {
  const choose = (measure: RecordedMeasure, slice: DriftRecord["slice"]) =>
    thresholdOf(definition, measure, slice, historyOf);
  const whole = wholeOf(pair.baseline);
  const parts =
    definition.window === undefined
      ? pair.current.parts
      : pair.current.parts.filter(({ window }) => window !== null);
  const subjects: Subject[] = unmatchedSubjects(definition, pair);
  const after = wholeOf(pair.current);
  const natures = pair.bins.measures.map((measure, index) =>
    natureOf(measure, whole?.measures[index], after?.measures[index]),
  );
  for (const part of parts) {
    const before = part.slice === null ? whole : sliceOf(pair.baseline, part.slice);
    for (const [index, measure] of pair.bins.measures.entries()) {
      const place = { measure, index, part, before, nature: natures[index] ?? noNature };
      const subject = subjectOf(definition, place, choose(measure, part.slice));
      if (subject !== undefined) subjects.push(subject);
    }
  }
  const { effect, alpha, correction, minRows } = definition.thresholds;
  const rule: DriftRule = { threshold: effect, alpha, correction, minRows };
  return judge(subjects, rule);
}

function wholeOf({ parts }: Profile): ProfiledPart | undefined {
  return parts.find(isWhole);
}

function sliceOf(
  { parts }: Profile,
  { key, value }: NonNullable<ProfiledPart["slice"]>,
): ProfiledPart | undefined {
  return parts.find(({ slice }) => slice?.key === key && slice.value === value);
}

/** What all rows of both sides say of a measure, which holds for slices, too. */
interface Nature {
  readonly isSequence: boolean;
  readonly spans: Subject["spans"];
  /** Shares of different values that were counted apart. */
  readonly shares: { readonly baseline: number | null; readonly current: number | null };
}

const noShares = { baseline: null, current: null };
const noNature: Nature = { isSequence: false, spans: [], shares: noShares };

function natureOf(
  { part, kind }: RecordedMeasure,
  a: ProfiledMeasure | undefined,
  b: ProfiledMeasure | undefined,
): Nature {
  const shares = { baseline: a?.distinctShare ?? null, current: b?.distinctShare ?? null };
  const isApart = kind !== "id" && areCountsApart(a?.counts, b?.counts);
  const isDifferent = (shares.baseline ?? 0) > 0.99 && (shares.current ?? 0) > 0.99;
  const [before, after] = [a, b].map((side) => ({ span: side?.span, counts: side?.counts }));
  const isByNature = part === "age" && before !== undefined && after !== undefined;
  return {
    shares,
    isSequence: isByNature ? areAgesByNature(before, after) : isApart && isDifferent,
    spans: [a?.span, b?.span].filter((span) => span !== null && span !== undefined),
  };
}

interface Place {
  readonly nature: Nature;
  readonly measure: RecordedMeasure;
  readonly index: number;
  readonly part: ProfiledPart;
  readonly before: ProfiledPart | undefined;
}

function subjectOf(
  definition: MonitorDefinition,
  { measure, index, part, before, nature }: Place,
  { threshold, source }: ChosenThreshold,
): Subject | undefined {
  const [a, b] = [before?.measures[index], part.measures[index]];
  if (b === undefined) return undefined;
  const sides = { baseline: a?.counts ?? noCounts(measure.bins, before?.rows ?? 0), current: b.counts };
  const own = { ...measure, leaf: leafOf(measure.leaf) };
  return {
    ...roleAndWeight(definition, measure.leaf.name),
    leaf: own.leaf,
    measure: own,
    comparison: compareCounts(own, sides, threshold),
    threshold,
    thresholdSource: source,
    unmatched: null,
    slice: part.slice,
    window: part.window,
    rows: { baseline: before?.rows ?? 0, current: part.rows },
    isSequence: part.window === null && nature.isSequence,
    distinct: distinctChange(measure, sides, isWhole(part) ? nature.shares : noShares),
    spans: part.window === null ? nature.spans : windowSpans(a?.span, definition.window?.every),
  };
}

function isWhole({ slice, window }: ProfiledPart): boolean {
  return slice === null && window === null;
}

/** A window covers no more of the calendar than its length. */
function windowSpans(baseline: Subject["spans"][number] | null | undefined, every = "P1D"): Subject["spans"] {
  return [...(baseline ? [baseline] : []), windowSpan(every)];
}

/** Columns that only one side has, whose class changed, or that the definition leaves out. */
function unmatchedSubjects(
  definition: MonitorDefinition,
  { bins, baseline, current }: ProfilePair,
): Subject[] {
  const rows = { baseline: wholeOf(baseline)?.rows ?? 0, current: wholeOf(current)?.rows ?? 0 };
  const subject = (leaf: Omit<Leaf, "value">, unmatched: NonNullable<Subject["unmatched"]>): Subject => ({
    ...roleAndWeight(definition, leaf.name),
    leaf: leafOf(leaf),
    measure: null,
    comparison: null,
    threshold: definition.thresholds.effect,
    thresholdSource: definition.thresholds.isDefaultEffect ? "default" : "run",
    unmatched,
    slice: null,
    window: null,
    rows,
    isSequence: false,
    distinct: null,
    spans: [],
  });
  const found = new Map(current.leaves.map((leaf) => [foldName(leaf.name), leaf]));
  const known = new Set([...bins.measures.map(({ leaf }) => leaf.name), ...bins.excluded].map(foldName));
  const measured = new Map(bins.measures.map(({ leaf }) => [foldName(leaf.name), leaf]));
  const changed = [...measured].flatMap(([name, leaf]) => {
    const now = found.get(name);
    if (now === undefined) return [subject(leaf, "missing_column")];
    return now.class === leaf.class || now.isEmpty ? [] : [subject(leaf, "type_changed")];
  });
  const added = current.leaves.flatMap(({ name, class: kind }) => {
    if (known.has(foldName(name))) return [];
    const leaf = plainLeaf(name, kind);
    if (isMeasured(definition, name)) return [subject(leaf, "new_column")];
    return isExcluded(definition, name) ? [subject(leaf, "excluded")] : [];
  });
  return [
    ...changed,
    ...added,
    ...bins.excluded.map((name) => subject(plainLeaf(name, "other"), "excluded")),
  ];
}

function plainLeaf(name: string, kind: Leaf["class"]): Omit<Leaf, "value"> {
  return { name, path: [name], class: kind, type: kind, isWhole: false, isFloat: false, hasHour: false };
}

/** Recorded leaves belong to no relation. */
function leafOf(leaf: Omit<Leaf, "value">): Leaf {
  return { ...leaf, value: sql`NULL` };
}

function roleAndWeight({ columns }: MonitorDefinition, name: string): { role: DriftRole; weight: number } {
  return { role: byName(columns.roles, name) ?? "feature", weight: byName(columns.weights, name) ?? 1 };
}

function byName<T>(values: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.entries(values).find(([key]) => foldName(key) === foldName(name))?.[1];
}

/** The threshold of a column, of its role, of its kind, or of the monitor: the first that there is. */
function thresholdOf(
  { columns, thresholds }: MonitorDefinition,
  { leaf, part, kind }: RecordedMeasure,
  slice: DriftRecord["slice"],
  historyOf: (place: ThresholdPlace) => ChosenThreshold,
): ChosenThreshold {
  const role = byName(columns.roles, leaf.name) ?? "feature";
  const candidates: readonly (readonly [OwnThreshold | undefined, DriftRecord["threshold_source"]])[] = [
    [byName(thresholds.column, leaf.name), "column"],
    [thresholds.role[role], "role"],
    [thresholds.kind[kind], "kind"],
    [{ history: thresholds.history }, "run"],
  ];
  for (const [own, source] of candidates) {
    if (own?.history !== undefined) {
      const rule = { ...own.history, least: own.effect ?? thresholds.effect };
      return historyOf({ column: leaf.name, part, slice, rule });
    }
    if (own?.effect !== undefined) return { threshold: own.effect, source };
  }
  return { threshold: thresholds.effect, source: thresholds.isDefaultEffect ? "default" : "run" };
}
