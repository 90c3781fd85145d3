const microsPerDay = 86_400_000_000n;
/** DuckDB's infinities; no Delta writer produces them, but SQL can. */
const infiniteDays: Readonly<Record<number, string>> = { 2147483647: "infinity", [-2147483647]: "-infinity" };
const infiniteMicros = new Map([
  [9223372036854775807n, "infinity"],
  [-9223372036854775807n, "-infinity"],
]);

/**
 * ISO date of days since 1970-01-01, e.g. `2024-01-31`; years outside 0 to 9999 with a sign and at least six
 * digits.
 */
export function dateText(days: number): string {
  const infinite = infiniteDays[days];
  if (infinite !== undefined) return infinite;
  const { year, month, day } = civil(days);
  return `${yearText(year)}-${two(month)}-${two(day)}`;
}

/**
 * ISO timestamp of microseconds since 1970-01-01 with six fraction digits and `zone` (`Z` or nothing) at the
 * end.
 */
export function timestampText(micros: bigint, zone: string): string {
  const number = Number(micros);
  if (Number.isSafeInteger(number)) {
    const days = Math.floor(number / 86_400_000_000);
    return momentText(days, number - days * 86_400_000_000, zone);
  }
  const infinite = infiniteMicros.get(micros);
  if (infinite !== undefined) return infinite;
  const rest = ((micros % microsPerDay) + microsPerDay) % microsPerDay;
  return momentText(Number((micros - rest) / microsPerDay), Number(rest), zone);
}

function momentText(days: number, time: number, zone: string): string {
  const seconds = Math.floor(time / 1_000_000);
  const clock = `${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  return `${dateText(days)}T${clock}.${String(time % 1_000_000).padStart(6, "0")}${zone}`;
}

/**
 * Proleptic Gregorian date by counting 400-year eras from 0000-03-01, valid far beyond what `Date` can hold.
 */
function civil(days: number): { year: number; month: number; day: number } {
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shiftedMonth = Math.floor((5 * dayOfYear + 2) / 153);
  const month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9;
  return {
    year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0),
    month,
    day: dayOfYear - Math.floor((153 * shiftedMonth + 2) / 5) + 1,
  };
}

function yearText(year: number): string {
  if (year >= 0 && year <= 9999) return String(year).padStart(4, "0");
  return `${year < 0 ? "-" : "+"}${String(Math.abs(year)).padStart(6, "0")}`;
}

function two(number: number): string {
  return number < 10 ? `0${number}` : String(number);
}
