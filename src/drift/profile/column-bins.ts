import type { Session } from "../../engine/core/contract.ts";
import { type SqlExpression, sql } from "../../sql/sql.ts";
import { lambda, plainName } from "../../sql/sql-text.ts";
import { appendAll } from "../../util/append-all.ts";
import { sumOf } from "../../util/sum.ts";
import { ageOf } from "./ages.ts";
import {
  type Bins,
  type CategoryBins,
  type CategoryCounts,
  type Counts,
  centreOf,
  type DriftKind,
} from "./bins.ts";
import { inChunks } from "./chunks.ts";
import { mostBound, mostSorted, tableColumns } from "./count-rows.ts";
import { meanAndDeviation } from "./counted.ts";
import { cyclesOf } from "./cycles.ts";
import type { Leaf, Part } from "./leaves.ts";
import { type NumberColumn, type SampledNumbers, sampledNumbers } from "./numeric-bins.ts";
import { distinctShares, type Fact, factsOf, type Group, groupsOf, mostKept } from "./sample-facts.ts";
import { type BaselineRows, isNumeric, type Sample, takeSample } from "./sample-rows.ts";

/** What is measured of a column, and the bins that its baseline gives. */
export interface Measure {
  readonly leaf: Leaf;
  readonly part: Part;
  readonly kind: DriftKind;
  readonly bins: Bins;
  /** Share of different values among all of the baseline, of an identifier. */
  readonly distinctShare?: number | null | undefined;
  /** The baseline's rows in the bins, where making these has counted them. */
  readonly counted?: Counts | undefined;
}

/**
 * The measures of the baseline's columns. Kinds and edges follow from a sample of at most about 65,536 rows, which is
 * all of a smaller baseline; the values of categories from all rows.
 */
export async function measuresOf(
  session: Session,
  baseline: BaselineRows,
  leaves: readonly Leaf[],
): Promise<Measure[]> {
  const measures: Measure[] = [];
  const isWide = leaves.length > mostBound;
  for (const chunk of inChunks(
    leaves,
    tableColumns({ ...baseline, rows: Math.min(baseline.rows, mostSorted) }),
  )) {
    const sample = await takeSample(session, baseline, { leaves: chunk, isWide });
    const choices = await choicesOf(session, sample, chunk);
    const inTable = partsOf(choices, "text", (index) => plainName(`v${index}`));
    const lengths = await sampledNumbers(session, sample, { columns: inTable, from: "table" });
    const times = partsOf(choices, "time", (_, leaf) => leaf.value);
    const ages = await sampledNumbers(session, sample, { columns: times, from: "baseline" });
    const numbersOf = (choice: Choice, part: Part) =>
      (part === "age" ? ages : lengths).get(numberedPart(choice.index, part));
    appendAll(
      measures,
      choices.flatMap((choice) => measuresOfChoice(choice, (part) => numbersOf(choice, part))),
    );
  }
  return measures;
}

/** A column with its kind. */
interface Choice extends Fact {
  readonly kind: DriftKind;
  readonly group?: Group | undefined;
  /** Of an identifier. */
  readonly distinctShare?: number | undefined;
}

/** What of a choice has numeric bins, besides its own value. */
function numericParts({ leaf, kind }: Choice): readonly Part[] {
  if (kind === "time") return leaf.committedAt === undefined ? [] : ["age"];
  return kind === "text" ? (leaf.class === "text" ? ["length", "tokens"] : ["length"]) : [];
}

/** The columns of numbers that measure parts of choices of a kind. */
function partsOf(
  choices: readonly Choice[],
  kind: DriftKind,
  valueIn: (index: number, leaf: Leaf) => SqlExpression,
): readonly NumberColumn[] {
  return choices.flatMap((choice) => {
    if (choice.kind !== kind) return [];
    const { index, leaf } = choice;
    return numericParts(choice).map((part) => ({
      index: numberedPart(index, part),
      value: numberOfLeaf(leaf, valueIn(index, leaf), part),
    }));
  });
}

/** A column of the sample has one number for each of its parts. */
function numberedPart(index: number, part: Part): number {
  return 2 * index + (part === "tokens" ? 1 : 0);
}

const mostDiscrete = 20;
/** A text is a category if so many values hold nine tenths of the rows. */
const mostFrequent = 50;
/** Fewer rows of a value do not give it a bin of its own. */
const leastNamed = 5;
/** Longer texts, in characters, are no categories. */
const longestCategory = 500;
/** Fewer whole numbers do not tell an identifier from a measure with many values. */
const leastForId = 1_000;

async function choicesOf(session: Session, sample: Sample, leaves: readonly Leaf[]): Promise<Choice[]> {
  const facts = await factsOf(session, sample, leaves);
  const shares = await distinctShares(session, sample, facts.filter(mayBeId));
  const isId = ({ index, values }: Fact) => (shares.get(index) ?? 0) > 0.9 && values > mostDiscrete;
  const groups = await groupsOf(
    session,
    sample,
    facts.filter((fact) => mayBeCategory(fact) && !isId(fact)),
  );
  return facts.map((fact) =>
    isId(fact)
      ? { ...fact, kind: "id", distinctShare: shares.get(fact.index) }
      : choiceOf(fact, groups.get(fact.index)),
  );
}

function mayBeId({ leaf, distinct, looked, values }: Fact): boolean {
  if (distinct <= mostDiscrete / 2 || distinct <= 0.6 * looked) return false;
  if (leaf.class === "number") return leaf.isWhole && values >= leastForId;
  return leaf.class === "text" || leaf.class === "binary";
}

function mayBeCategory({ leaf, distinct, longest }: Fact): boolean {
  if (isNumeric(leaf)) return distinct <= 2 * mostDiscrete;
  return leaf.class === "text" || leaf.class === "binary"
    ? longest <= longestCategory
    : leaf.class === "boolean";
}

function choiceOf(fact: Fact, group: Group | undefined): Choice {
  const { leaf } = fact;
  switch (leaf.class) {
    case "boolean":
      return { ...fact, kind: "boolean", group };
    case "number":
    case "list": {
      const isDiscrete = group !== undefined && group.distinct <= mostDiscrete && group.rows > 0;
      return { ...fact, kind: isDiscrete ? "discrete" : "numeric", group };
    }
    case "text":
    case "binary": {
      const top = (group?.counts ?? []).slice(0, mostFrequent).reduce((sum, count) => sum + count, 0);
      const isCategory = group !== undefined && (group.distinct <= mostKept || top >= 0.9 * group.rows);
      return { ...fact, kind: isCategory ? "category" : "text", group };
    }
    case "time":
      return { ...fact, kind: "time" };
    case "other":
      return { ...fact, kind: "nested" };
  }
}

function measuresOfChoice(
  choice: Choice,
  numbersOf: (part: Part) => Pick<SampledNumbers, "bins" | "counted"> | undefined,
): readonly Measure[] {
  const { leaf, kind, group, numbers } = choice;
  const measure = (bins: Bins, part: Part = null, counted?: Counts): Measure => ({
    leaf,
    part,
    kind,
    bins,
    counted,
  });
  const parts = numericParts(choice).flatMap((part) => {
    const own = numbersOf(part);
    return own === undefined ? [] : [measure(own.bins, part, own.counted)];
  });
  if (kind === "numeric" && numbers !== undefined) return [measure(numbers.bins, null, numbers.counted)];
  if (kind === "text" && parts.length > 0) return parts;
  if (kind === "time") return [...cyclesOf(leaf).map(({ part, bins }) => measure(bins, part)), ...parts];
  const grouped = (bins: CategoryBins): Measure[] => [
    { ...measure(bins), counted: leaf.isFloat ? undefined : countsOfGroup(bins, group) },
  ];
  if (kind === "boolean") return grouped(categories(["false", "true"]));
  if (kind === "discrete") return grouped(discreteBins(group));
  if (kind === "category") return grouped(categoryBins(group));
  return [{ ...measure(categories(["present"])), distinctShare: choice.distinctShare }];
}

/** The SQL of what is measured, over the columns of the relation that the leaf belongs to. */
export function measuredValue(leaf: Leaf, { kind, part }: Pick<Measure, "kind" | "part">): SqlExpression {
  if (kind === "text") return numberOfLeaf(leaf, leaf.value, part);
  if (part === "age") return ageOf(leaf, leaf.value);
  if (kind === "time") return cyclesOf(leaf).find((cycle) => cycle.part === part)?.value ?? sql`NULL`;
  if (kind === "id" || kind === "nested") return sql`CASE WHEN ${leaf.value} IS NOT NULL THEN 'present' END`;
  return leaf.value;
}

function categories(values: readonly string[]): CategoryBins {
  return { form: "category", values, known: [], singles: [], isNumber: false };
}

function discreteBins(group: Group | undefined): CategoryBins {
  const values = (group?.values ?? []).filter((value) => typeof value === "number");
  return { form: "category", values: values.sort((a, b) => a - b), known: [], singles: [], isNumber: true };
}

function categoryBins(group: Group | undefined): CategoryBins {
  const { values = [], counts = [], distinct = 0 } = group ?? {};
  // All that are kept: a comparison chooses those with a bin by the rows of both sides, and must not be given a choice
  // of the baseline's.
  const isNamed = (_: unknown, index: number) => (counts[index] ?? 0) >= leastNamed;
  const isKept = distinct <= mostKept;
  return {
    form: "category",
    values: values.filter(isNamed),
    known: isKept ? values.filter((value, index) => !isNamed(value, index) && counts[index] !== 1) : null,
    singles: isKept ? values.filter((_, index) => counts[index] === 1) : [],
    isNumber: false,
  };
}

/** The rows of a group in its bins. A group has no NaN. */
function countsOfGroup(bins: CategoryBins, group: Group | undefined): CategoryCounts | undefined {
  if (group === undefined) return undefined;
  const { rows } = group;
  const byValue = new Map(group.values.map((value, index) => [value, group.counts[index] ?? 0]));
  const counts = bins.values.map((value) => byValue.get(value) ?? 0);
  const named = sumOf(counts, (count) => count);
  const [rare, singles] = [bins.known ?? [], bins.singles].map((values) =>
    sumOf(values, (value) => byValue.get(value) ?? 0),
  );
  const unseen = rows - named - (rare ?? 0) - (singles ?? 0);
  return {
    form: "category",
    rows,
    nulls: 0,
    nans: 0,
    distinct: group.distinct,
    values: counts,
    rare: rare ?? 0,
    singles: singles ?? 0,
    unseen,
    ...momentsOf(bins, counts, rows),
  };
}

/** Of numbers that all have a bin. */
function momentsOf(bins: CategoryBins, counts: readonly number[], rows: number) {
  const { values, isNumber } = bins;
  const centre = centreOf(bins);
  if (!isNumber) return { mean: null, sd: null };
  let [sum, squares] = [0, 0];
  for (const [index, value] of values.entries()) {
    const count = counts[index] ?? 0;
    sum += count * (Number(value) - centre);
    squares += count * (Number(value) - centre) ** 2;
  }
  return meanAndDeviation({ count: rows, sum, squares, centre });
}

/** Texts are measured by their length in characters, and by their words. */
function numberOfLeaf(leaf: Leaf, value: SqlExpression, part: Part): SqlExpression {
  const { class: kind } = leaf;
  if (part === "age") return ageOf(leaf, value);
  if (kind === "text")
    return sql`CAST(${part === "tokens" ? wordsOf(value) : sql`length(${value})`} AS DOUBLE)`;
  return kind === "binary" ? sql`length(${value}) / 2` : value;
}

/** The number of words of a text, which white space parts: mostly spaces, which are fastest to split by. */
export function wordsOf(value: SqlExpression): SqlExpression {
  const isPlain = sql`NOT contains(${value}, chr(9)) AND NOT contains(${value}, chr(10)) AND NOT contains(${value}, chr(13))`;
  const spaced = sql`CASE WHEN ${isPlain} THEN ${value} ELSE translate(${value}, chr(9) || chr(10) || chr(13), '   ') END`;
  return sql`len(list_filter(string_split(${spaced}, ' '), ${lambda("word", (word) => sql`${word} <> ''`)}))`;
}
