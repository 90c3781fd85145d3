import { leafNamed, mostFrequent } from "../../drift/comparison/slices.ts";
import { type Measure, measuresOf } from "../../drift/profile/column-bins.ts";
import { type Leaf, leavesOf } from "../../drift/profile/leaves.ts";
import type { Session } from "../../engine/core/contract.ts";
import { takesLeaf } from "../definition/column-names.ts";
import type { MonitorDefinition } from "../definition/definition.ts";
import type { ProfiledRows } from "./count-profile.ts";
import type { RecordedBins, RecordedMeasure } from "./profile.ts";

/** The measures of a baseline's rows, and the values that it is sliced by. */
export async function makeBins(
  session: Session,
  { select, columns, rows, committedAt }: ProfiledRows,
  definition: MonitorDefinition,
): Promise<Pick<RecordedBins, "measures" | "excluded" | "slicings">> {
  const leaves = leavesOf(columns, committedAt);
  const measured = leaves.filter(({ name }) => isMeasured(definition, name));
  const measures = await measuresOf(session, { select, rows }, measured);
  const slicings = [];
  for (const column of definition.by) {
    const leaf = leafNamed(leaves, column);
    slicings.push({ key: leaf.name, values: await mostFrequent(session, select, leaf) });
  }
  return {
    measures: measures.map(recorded),
    excluded: leaves.filter(({ name }) => isExcluded(definition, name)).map(({ name }) => name),
    slicings,
  };
}

/** Whether a monitor looks at a leaf. */
export function isMeasured(definition: MonitorDefinition, leaf: string): boolean {
  return isIncluded(definition, leaf) && !isExcluded(definition, leaf);
}

function isIncluded({ columns }: MonitorDefinition, leaf: string): boolean {
  return columns.include.some((pattern) => takesLeaf(leaf, pattern));
}

/** Whether a monitor names a leaf among those that it leaves out. */
export function isExcluded(definition: MonitorDefinition, leaf: string): boolean {
  const { exclude, roles } = definition.columns;
  const ignored = Object.entries(roles).flatMap(([name, role]) => (role === "ignore" ? [name] : []));
  return isIncluded(definition, leaf) && [...exclude, ...ignored].some((name) => takesLeaf(leaf, name));
}

function recorded({ leaf, part, kind, bins }: Measure): RecordedMeasure {
  return { leaf: withoutValue(leaf), part, kind, bins };
}

function withoutValue({ value: _, truth: __, ...leaf }: Leaf): Omit<Leaf, "value"> {
  return leaf;
}
