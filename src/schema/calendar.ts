const microsPerDay = 86_400_000_000n;

/**
 * A time parsed by {@link parseTimestamp}: microseconds since 1970-01-01 (UTC, or of the local clock), and
 * whether a zone was given.
 */
export interface ParsedTimestamp {
  readonly micros: bigint;
  readonly zoned: boolean;
}

/** Days since 1970-01-01 of `[+-]yyyy-mm-dd`; `undefined` for anything except a date. */
export function parseDate(text: string): number | undefined {
  const parts = /^([+-]?\d{4,7})-(\d{1,2})-(\d{1,2})$/.exec(text);
  return parts === null ? undefined : daysOf(Number(parts[1]), Number(parts[2]), Number(parts[3]));
}

/** Writes days since 1970-01-01 as `yyyy-mm-dd`, with a sign for years before 0 and after 9999. */
export function formatDate(days: number): string {
  const date = new Date(days * 86_400_000);
  const year = date.getUTCFullYear();
  const sign = year < 0 ? "-" : year > 9999 ? "+" : "";
  return `${sign}${pad(Math.abs(year), 4)}-${pad(date.getUTCMonth() + 1, 2)}-${pad(date.getUTCDate(), 2)}`;
}

/**
 * Reads `yyyy-mm-dd`, optionally with a time after a space or `T`, a fraction of up to nine digits (cut to
 * microseconds) and `Z` or an offset; `undefined` for anything else.
 */
export function parseTimestamp(text: string): ParsedTimestamp | undefined {
  const parts =
    /^([+-]?\d{4,7}-\d{1,2}-\d{1,2})(?:[ T](\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?)?\s?(Z|UTC|[+-]\d{2}(?::?\d{2})?)?$/.exec(
      text,
    );
  if (parts === null) return undefined;
  const days = parseDate(parts[1] ?? "");
  const [hour, minute, second] = [Number(parts[2] ?? 0), Number(parts[3] ?? 0), Number(parts[4] ?? 0)];
  if (days === undefined || hour > 23 || minute > 59 || second > 59) return undefined;
  const fraction = BigInt((parts[5] ?? "").slice(0, 6).padEnd(6, "0"));
  const local =
    BigInt(days) * microsPerDay + BigInt(hour * 3600 + minute * 60 + second) * 1_000_000n + fraction;
  return { micros: local - offsetMicros(parts[6] ?? "Z"), zoned: parts[6] !== undefined };
}

/**
 * Writes microseconds since 1970-01-01 as `yyyy-mm-ddThh:mm:ss.ffffff`, with `separator` instead of the `T`.
 */
export function formatTimestamp(micros: bigint, separator: " " | "T"): string {
  const ofDay = ((micros % microsPerDay) + microsPerDay) % microsPerDay;
  const seconds = Number(ofDay / 1_000_000n);
  const time = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60]
    .map((part) => pad(part, 2))
    .join(":");
  return `${formatDate(Number((micros - ofDay) / microsPerDay))}${separator}${time}.${pad(Number(ofDay % 1_000_000n), 6)}`;
}

function daysOf(year: number, month: number, day: number): number | undefined {
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  const exact =
    date.getUTCFullYear() === year && date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
  return exact ? Math.round(date.getTime() / 86_400_000) : undefined;
}

function offsetMicros(zone: string): bigint {
  const offset = /^([+-])(\d{2}):?(\d{2})?$/.exec(zone);
  if (offset === null) return 0n;
  const minutes = Number(offset[2]) * 60 + Number(offset[3] ?? 0);
  return BigInt(offset[1] === "-" ? -minutes : minutes) * 60_000_000n;
}

function pad(value: number, digits: number): string {
  return String(value).padStart(digits, "0");
}
