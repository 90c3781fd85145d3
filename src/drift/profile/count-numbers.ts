import type { EngineValue, NumberChunk, Session } from "../../engine/core/contract.ts";
import type { NumericBins, NumericCounts } from "./bins.ts";
import type { Counted, Indexed, RowSource } from "./counted.ts";
import { cellsOfBins, NumberTally } from "./number-tally.ts";
import { presentValues } from "./number-values.ts";

/**
 * Counts columns of numbers in one pass. The engine hands over its values as they are in memory, because its own
 * histogram takes several times as long. Of a small side, exact quantiles are computed, too.
 */
export async function numericCounts(
  session: Session,
  source: RowSource,
  binnings: readonly Indexed<NumericBins>[],
): Promise<Counted<NumericCounts>[]> {
  if (binnings.length === 0) return [];
  const cells = binnings.map(({ bins }) => cellsOfBins(bins, source.rows));
  const talliesOf = () => cells.map((column) => new NumberTally(column, source.isSmall));
  const slices = new Map<string, NumberTally[]>();
  for await (const chunk of session.numberChunks(source.columns(binnings))) {
    const picked = new Float64Array(chunk.rows);
    for (const [name, rows] of rowsBySlice(chunk)) {
      const tallies = slices.get(name) ?? talliesOf();
      slices.set(name, tallies);
      for (const [column, vector] of chunk.numbers.entries())
        tallies[column]?.add(presentValues(vector, rows, picked));
    }
  }
  return [...slices].flatMap(([name, tallies]) =>
    binnings.flatMap(({ index }, column) => {
      const tally = tallies[column];
      return tally === undefined ? [] : [{ index, name, count: tally.counts() }];
    }),
  );
}

/** The rows of a chunk by the slice that its other column names; undefined means all of them. */
function rowsBySlice({ others: [slices], rows }: NumberChunk): ReadonlyMap<string, number[] | undefined> {
  if (slices === undefined) return new Map([["", undefined]]);
  const bySlice = new Map<EngineValue, number[]>();
  for (let row = 0; row < rows; row++) {
    const slice = slices[row] ?? null;
    const known = bySlice.get(slice);
    if (known === undefined) bySlice.set(slice, [row]);
    else known.push(row);
  }
  return new Map([...bySlice].map(([slice, own]) => [String(slice ?? ""), own]));
}
