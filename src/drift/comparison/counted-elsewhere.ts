import type { JsonValue } from "../../util/json.ts";
import { type BaselineProfile, mayBeSequence, type ProfiledMeasure } from "../profile/baseline-profile.ts";
import { boundariesOf, type Counts, centreOf } from "../profile/bins.ts";
import { meanAndDeviation } from "../profile/counted.ts";
import type { CountedMeasure } from "./against-profile.ts";
import { otherBins } from "./counts-sql.ts";
import { areApart } from "./subjects.ts";

/** One row of the answer to {@link countsSql}. */
export type CountsRow = Readonly<Record<string, JsonValue>>;

/** Why rows are no answer to the SQL. */
export class CountsFault extends Error {}

/**
 * The counts of a side that another engine has counted.
 *
 * @throws {@link CountsFault} for rows of another baseline
 */
export function countedElsewhere(
  { measures }: BaselineProfile,
  answer: readonly CountsRow[],
): CountedMeasure[] {
  const byMeasure = new Map<number, CountsRow[]>();
  for (const row of answer) {
    const index = wholeOf(row, "measure");
    if (measures[index]?.leaf.name !== row["column_name"])
      throw new CountsFault(`measure ${index} is not column ${JSON.stringify(row["column_name"] ?? null)}`);
    byMeasure.set(index, [...(byMeasure.get(index) ?? []), row]);
  }
  return measures.map((measure, index) => counted(measure, byMeasure.get(index) ?? []));
}

function counted(measure: ProfiledMeasure, rows: readonly CountsRow[]): CountedMeasure {
  const all = rows.reduce((sum, row) => sum + wholeOf(row, "n"), 0);
  const first = extremeOf(rows, "first_moment", Math.min);
  const last = extremeOf(rows, "last_moment", Math.max);
  const own = countsOf(measure, rows, all);
  return {
    measure,
    unmatched: null,
    counts: own,
    rows: all,
    span: first === null ? null : [first, last],
    isSequence: mayHaveRunOn(measure, own),
  };
}

/** Whether numbers of rows go on where those of the baseline end; how many of them differ is not counted elsewhere. */
function mayHaveRunOn(measure: ProfiledMeasure, own: Counts): boolean {
  const { counts, distinctShare } = measure;
  if (!mayBeSequence(measure) || (distinctShare ?? 0) <= 0.99) return false;
  return counts.form === "numeric" && own.form === "numeric" && areApart(counts, own);
}

function countsOf(measure: ProfiledMeasure, rows: readonly CountsRow[], all: number): Counts {
  const { bins } = measure;
  const byBin = new Map(rows.map((row) => [wholeOf(row, "bin"), wholeOf(row, "n")]));
  const length = bins.form === "numeric" ? boundariesOf(bins).length + 1 : bins.values.length;
  const wrong = [...byBin.keys()].find((bin) => bin >= length || bin < otherBins.unseen);
  if (wrong !== undefined)
    throw new CountsFault(
      `column ${measure.leaf.name} has no bin ${wrong}: the SQL was that of another baseline`,
    );
  const of = (bin: number) => byBin.get(bin) ?? 0;
  const own = Array.from({ length }, (_, bin) => of(bin));
  const common = {
    rows: all,
    nulls: of(otherBins.null),
    nans: of(otherBins.nan),
    ...momentsOf(measure, rows),
  };
  if (bins.form === "numeric")
    return {
      ...common,
      form: "numeric",
      cells: own,
      min: extremeOf(rows, "least", Math.min),
      max: extremeOf(rows, "most", Math.max),
      quantiles: null,
    };
  const [rare, singles, unseen] = [of(otherBins.rare), of(otherBins.single), of(otherBins.unseen)];
  return { ...common, form: "category", values: own, rare, singles, unseen, distinct: null };
}

/** Sums of finite values; infinite ones are left out, and so are their rows. */
function momentsOf(measure: ProfiledMeasure, rows: readonly CountsRow[]) {
  const sum = (name: string) => rows.reduce<number>((total, row) => total + (numberOf(row, name) ?? 0), 0);
  const finite = rows.filter((row) => numberOf(row, "total") !== null);
  const count = finite.reduce((total, row) => total + wholeOf(row, "finite"), 0);
  return meanAndDeviation({
    count,
    sum: sum("total"),
    squares: sum("squares"),
    centre: centreOf(measure.bins),
  });
}

function extremeOf(
  rows: readonly CountsRow[],
  name: string,
  choose: (a: number, b: number) => number,
): number | null {
  return rows.reduce<number | null>((found, row) => {
    const value = numberOf(row, name);
    if (value === null || found === null) return value ?? found;
    return choose(found, value);
  }, null);
}

function numberOf(row: CountsRow, name: string): number | null {
  const value = row[name] ?? null;
  if (value === null) return null;
  const number = Number(value);
  if (typeof value === "boolean" || typeof value === "object" || Number.isNaN(number))
    throw new CountsFault(`${name} of a row must be a number, not ${JSON.stringify(value)}`);
  return number;
}

function wholeOf(row: CountsRow, name: string): number {
  const value = numberOf(row, name);
  if (value === null || !Number.isSafeInteger(value))
    throw new CountsFault(`${name} of a row must be a whole number`);
  return value;
}
