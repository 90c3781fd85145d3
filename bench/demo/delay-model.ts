import type { RecordBatch } from "apache-arrow";

/** Coefficients of a linear model of a flight's delay, in minutes. */
export interface DelayModel {
  readonly coefficients: readonly number[];
  /** Flights that it was trained on, and the standard deviation of what it does not explain. */
  readonly flights: number;
  readonly deviation: number;
}

/** What each coefficient belongs to. */
export const terms = ["constant", "hour of departure", "hour squared", "weekend", "miles"] as const;

const millisecondsOfHour = 3_600_000;
/** 1970-01-01 was a Thursday. */
const weekdayOfEpoch = 3;

/**
 * Least squares by the normal equations. All sums are of whole numbers below 2^53, so they are exact: the same flights
 * give the same model, in whatever order and files they come.
 */
export async function trainDelayModel(batches: AsyncIterable<RecordBatch>): Promise<DelayModel> {
  const size = terms.length;
  const products = Array.from({ length: size }, () => new Array<number>(size).fill(0));
  const moments = new Array<number>(size).fill(0);
  let [flights, squares] = [0, 0];
  for await (const batch of batches) {
    const [dates, delays, miles] = ["date", "delay", "distance"].map((name) =>
      batch.getChild(name)?.toArray(),
    );
    for (let row = 0; row < batch.numRows; row++) {
      const delay = Number(delays[row]);
      const x = termsOf(Number(dates[row]) / 1000, Number(miles[row]));
      for (const [i, sums] of products.entries()) {
        const xi = x[i] ?? 0;
        moments[i] = (moments[i] ?? 0) + xi * delay;
        for (let j = 0; j < size; j++) sums[j] = (sums[j] ?? 0) + xi * (x[j] ?? 0);
      }
      squares += delay * delay;
      flights++;
    }
  }
  const coefficients = solve(products, moments);
  const explained = coefficients.reduce((sum, value, index) => sum + value * (moments[index] ?? 0), 0);
  return { coefficients, flights, deviation: Math.sqrt((squares - explained) / flights) };
}

/** The delay that a model expects of a flight, in minutes. */
export function expectedDelay(
  { coefficients }: DelayModel,
  flight: Readonly<Record<string, unknown>>,
): number {
  const x = termsOf(new Date(`${flight["date"]}Z`).getTime(), Number(flight["distance"]));
  return coefficients.reduce((sum, value, index) => sum + value * (x[index] ?? 0), 0);
}

/** @param date local time of departure, as milliseconds since 1970-01-01 */
function termsOf(date: number, miles: number): readonly number[] {
  const hours = Math.floor(date / millisecondsOfHour);
  const hour = hours % 24;
  const weekday = (Math.floor(hours / 24) + weekdayOfEpoch) % 7;
  return [1, hour, hour * hour, weekday > 4 ? 1 : 0, miles];
}

/** Gaussian elimination with partial pivoting. */
function solve(matrix: readonly (readonly number[])[], vector: readonly number[]): readonly number[] {
  const rows = matrix.map((row, index) => [...row, vector[index] ?? 0]);
  for (let column = 0; column < rows.length; column++) {
    const rest = rows.slice(column);
    const pivot = rest.reduce((best, row) =>
      Math.abs(row[column] ?? 0) > Math.abs(best[column] ?? 0) ? row : best,
    );
    rows[rows.indexOf(pivot)] = rows[column] ?? [];
    rows[column] = pivot;
    for (const row of rows) {
      if (row === pivot) continue;
      const factor = (row[column] ?? 0) / (pivot[column] ?? 0);
      for (let index = column; index < row.length; index++)
        row[index] = (row[index] ?? 0) - factor * (pivot[index] ?? 0);
    }
  }
  return rows.map((row, index) => (row.at(-1) ?? 0) / (row[index] ?? 0));
}
