import type { Session } from "../../engine/core/contract.ts";
import { VarveError } from "../../errors.ts";
import { foldName } from "../../schema/schema-json.ts";
import { sql } from "../../sql/sql.ts";
import { plainName } from "../../sql/sql-text.ts";
import { inChunks } from "../profile/chunks.ts";
import { numberOf } from "../profile/counted.ts";
import type { Leaf } from "../profile/leaves.ts";
import { rowsWith, type SelectedRows } from "../profile/side-rows.ts";
import type { ComparedSides } from "./compared-baseline.ts";
import type { DriftDefinition } from "./definition.ts";
import { leafNamed } from "./slices.ts";
import type { Unmatched } from "./subject.ts";

/** A leaf of either side, and the one that it is compared with. */
export interface Match {
  readonly before: Leaf;
  readonly after?: Leaf | undefined;
  readonly unmatched: Unmatched | null;
}

/** A leaf that both sides have. */
export type Matched = Match & { readonly after: Leaf };

/**
 * The leaves that a run looks at: those of both sides by name, and of each whether it can be compared.
 *
 * @throws `COLUMN_NOT_FOUND` for a name that neither side has
 */
export async function matchedLeaves(
  session: Session,
  sides: ComparedSides,
  definition: DriftDefinition,
): Promise<Match[]> {
  return await matchLeaves(session, sides, chosenLeaves(sides, definition));
}

interface Chosen {
  readonly baseline: readonly Leaf[];
  readonly current: readonly Leaf[];
  readonly excluded: ReadonlySet<string>;
}

/** The columns of a run. @throws `COLUMN_NOT_FOUND` for a name that neither side has */
function chosenLeaves({ baseline, current }: ComparedSides, definition: DriftDefinition): Chosen {
  const { columns, exclude, roles, weights, thresholds } = definition;
  const all = [...baseline.leaves, ...current.leaves];
  const isBelow = (leaf: string, name: string) => leaf === name || leaf.startsWith(`${name}.`);
  const named = (names: readonly string[]) =>
    names.map(foldName).flatMap((name) => {
      const below = all
        .filter((leaf) => isBelow(foldName(leaf.name), name))
        .map((leaf) => foldName(leaf.name));
      return below.length > 0 ? below : [foldName(leafNamed(all, name).name)];
    });
  const wanted = new Set(columns.length === 0 ? all.map(({ name }) => foldName(name)) : named(columns));
  for (const byColumn of [roles, weights, thresholds])
    for (const name of Object.keys(byColumn)) leafNamed(all, name);
  const ignored = Object.entries(roles).flatMap(([name, role]) => (role === "ignore" ? [name] : []));
  const isWanted = ({ name }: Leaf) => wanted.has(foldName(name));
  const excluded = new Set(named([...exclude, ...ignored]));
  const uncounted = current.leaves.filter(({ name }) => baseline.leftOut.has(foldName(name)));
  const unsaid = new Set(uncounted.filter(({ name }) => !excluded.has(foldName(name))));
  if (columns.length > 0) requireCounted([...unsaid].filter(isWanted));
  return {
    baseline: baseline.leaves.filter(isWanted),
    current: current.leaves.filter((leaf) => isWanted(leaf) && !unsaid.has(leaf)),
    excluded,
  };
}

function requireCounted([first]: readonly Leaf[]): void {
  if (first === undefined) return;
  throw new VarveError(
    "COLUMN_NOT_FOUND",
    `The stored baseline leaves out the column ${first.name}. Count the baseline again with it, or do not ask for it.`,
    { column: first.path },
  );
}

/** The leaves of both sides by name; one whose values are of another class is not compared, unless all are null. */
async function matchLeaves(session: Session, { current }: ComparedSides, chosen: Chosen): Promise<Match[]> {
  const fold = ({ name }: Leaf) => foldName(name);
  const afters = new Map(chosen.current.map((leaf) => [fold(leaf), leaf]));
  const befores = new Set(chosen.baseline.map(fold));
  const changed = chosen.baseline.flatMap((before) => {
    const after = afters.get(fold(before));
    return after !== undefined && after.class !== before.class ? [after] : [];
  });
  const empty = await emptyLeaves(session, current, changed);
  const matches = chosen.baseline.map((before): Match => {
    const after = afters.get(fold(before));
    if (chosen.excluded.has(fold(before))) return { before, unmatched: "excluded" };
    if (after === undefined) return { before, unmatched: "missing_column" };
    if (after.class === before.class) return { before, after, unmatched: null };
    const isEmpty = empty.has(after);
    return isEmpty
      ? { before, after: withoutValues(before), unmatched: null }
      : { before, unmatched: "type_changed" };
  });
  const added = chosen.current.filter((leaf) => !befores.has(fold(leaf)));
  return [
    ...matches,
    ...added.map(
      (before): Match => ({
        before,
        unmatched: chosen.excluded.has(fold(before)) ? "excluded" : "new_column",
      }),
    ),
  ];
}

/** A leaf of nulls in place of one whose class is another, because all its values are null. */
export function withoutValues(leaf: Omit<Leaf, "value">): Leaf {
  return { ...leaf, truth: undefined, integer: undefined, value: sql`CAST(NULL AS ${valueType(leaf)})` };
}

/** The type of the values of a leaf. */
function valueType({ class: kind }: Pick<Leaf, "class">) {
  if (kind === "number" || kind === "list") return sql`DOUBLE`;
  return kind === "time" ? sql`BIGINT` : sql`VARCHAR`;
}

/** The leaves that are null in every row. */
export async function emptyLeaves(
  session: Session,
  rows: SelectedRows,
  leaves: readonly Leaf[],
): Promise<ReadonlySet<Leaf>> {
  const empty = new Set<Leaf>();
  for (const chunk of inChunks(leaves, 64)) {
    const counts = chunk.map(({ value }, index) => sql`count(${value}) AS ${plainName(`n${index}`)}`);
    const [row = {}] = await session.rows(sql`SELECT ${counts} FROM (${rowsWith(rows, chunk)})`);
    for (const [index, leaf] of chunk.entries()) if (numberOf(row[`n${index}`]) === 0) empty.add(leaf);
  }
  return empty;
}
