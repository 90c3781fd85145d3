import { foldName } from "../../schema/schema-json.ts";
import type { Bins, CategoryBins, Counts, DriftKind } from "./bins.ts";
import { isNameOfPath, type Leaf, type Part, type ValueClass } from "./leaves.ts";
import { ProfileFault } from "./profile-fields.ts";

/** A measure as JSON has it, whose parts may not belong together. */
interface ReadMeasure {
  readonly leaf: Leaf;
  readonly part: Part;
  readonly kind: DriftKind;
  readonly bins: Bins;
}

/** What the bins of a measure are. */
type BinsOf = "numeric" | "numbers" | "texts";

interface Fitting {
  readonly classes: readonly ValueClass[];
  /** Where they are the same of every column. */
  readonly values?: readonly string[];
  readonly parts: readonly (readonly [Part, BinsOf])[];
}

/** What measures of each kind have: bins of another form would be counted, and say nothing of the column. */
const fitting: Readonly<Record<Exclude<DriftKind, "sequence">, Fitting>> = {
  boolean: { classes: ["boolean"], values: ["false", "true"], parts: [[null, "texts"]] },
  discrete: { classes: ["number", "list"], parts: [[null, "numbers"]] },
  numeric: { classes: ["number", "list"], parts: [[null, "numeric"]] },
  category: { classes: ["text", "binary"], parts: [[null, "texts"]] },
  text: {
    classes: ["text", "binary"],
    parts: [
      ["length", "numeric"],
      ["tokens", "numeric"],
    ],
  },
  time: {
    classes: ["time"],
    parts: [
      ["hour", "numbers"],
      ["weekday", "numbers"],
      ["month", "numbers"],
      ["age", "numeric"],
    ],
  },
  id: { classes: ["number", "text", "binary"], values: ["present"], parts: [[null, "texts"]] },
  nested: { classes: ["other"], values: ["present"], parts: [[null, "texts"]] },
};

/** @throws ProfileFault if the name, class, part and bins of a measure are not those of its kind */
export function requireFittingParts({ leaf, part, kind, bins }: ReadMeasure, path: string): void {
  if (!isNameOfPath(leaf.name, leaf.path))
    throw new ProfileFault(`${path}.path must be the names of ${path}.column`);
  const { classes, parts, values }: Fitting =
    kind === "sequence" ? { classes: [], parts: [] } : fitting[kind];
  if (!classes.includes(leaf.class))
    throw new ProfileFault(`${path}.class must be that of the kind ${kind}: ${classes.join(" or ")}`);
  const [, form] = parts.find(([own]) => own === part) ?? [];
  if (form === undefined)
    throw new ProfileFault(`${path}.part must be that of the kind ${kind}: ${partNames(parts)}`);
  if (form !== formOf(bins))
    throw new ProfileFault(`${path}.bins must be those of the kind ${kind}: ${form}`);
  if (bins.form !== "category") return;
  if (values !== undefined && String(bins.values) !== String(values))
    throw new ProfileFault(`${path}.bins.values must be those of the kind ${kind}: ${values.join(", ")}`);
  requireFittingValues(bins, `${path}.bins`);
}

function partNames(parts: Fitting["parts"]): string {
  return parts.map(([part]) => part ?? "null").join(" or ");
}

function formOf(bins: Bins): BinsOf {
  if (bins.form === "numeric") return "numeric";
  return bins.isNumber ? "numbers" : "texts";
}

function requireFittingValues(
  { values, known, singles, isNumber, labels }: CategoryBins,
  path: string,
): void {
  const all = [...values, ...(known ?? []), ...singles];
  if (new Set(all).size < all.length)
    throw new ProfileFault(`${path} must not have a value twice in values, known and singles`);
  if (isNumber && !isRising(values)) throw new ProfileFault(`${path}.values must rise`);
  if (labels !== undefined && labels.length !== values.length)
    throw new ProfileFault(`${path}.labels must have ${values.length} items, one a value`);
}

function isRising(values: readonly (string | number)[]): boolean {
  return values.every((value, index) => index === 0 || value >= (values[index - 1] ?? value));
}

/** @throws ProfileFault for figures that no rows have */
export function requireFittingCounts(counts: Counts, bins: Bins, path: string): void {
  if (counts.sd !== null && counts.sd < 0) throw new ProfileFault(`${path}.sd must not be negative`);
  if (formOf(bins) === "texts" && counts.nans > 0)
    throw new ProfileFault(`${path}.nans must be 0, because texts are none`);
  if (counts.form === "category") return;
  const { min, max, quantiles } = counts;
  if (min !== null && max !== null && min > max) throw new ProfileFault(`${path}.min must not be above max`);
  if (quantiles !== null && (quantiles.length !== 5 || !isRising(quantiles)))
    throw new ProfileFault(`${path}.quantiles must be 5 numbers that do not fall`);
}

/** @throws ProfileFault for what is there twice */
export function requireFittingMeasures(
  measures: readonly Pick<ReadMeasure, "leaf" | "part">[],
  leftOut: readonly string[],
): void {
  const seen = new Set<string>();
  for (const [index, { leaf, part }] of measures.entries()) {
    const key = JSON.stringify([foldName(leaf.name), part]);
    if (seen.has(key)) throw new ProfileFault(`columns[${index}] must not be there twice: ${leaf.name}`);
    seen.add(key);
  }
  const counted = new Set(measures.map(({ leaf }) => foldName(leaf.name)));
  for (const [index, name] of leftOut.entries())
    if (counted.has(foldName(name)))
      throw new ProfileFault(`left_out[${index}] must not be one of the columns: ${name}`);
}
