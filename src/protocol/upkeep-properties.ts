import { VarveError } from "../errors.ts";
import type { MetadataAction } from "./actions.ts";

/** The properties of a table that steer its log's upkeep, with the defaults of the reference implementation. Durations in milliseconds. */
export interface UpkeepProperties {
  /** A checkpoint is due at each version that this divides. */
  readonly checkpointInterval: number;
  readonly checkpointPolicy: "classic" | "v2";
  readonly statsAsJson: boolean;
  readonly statsAsStruct: boolean;
  readonly deletedFileRetention: number;
  readonly logRetention: number;
  readonly expiredLogCleanup: boolean;
  /** Absent: application transactions never expire. */
  readonly setTransactionRetention?: number | undefined;
}

const day = 24 * 60 * 60 * 1000;

/**
 * Reads the upkeep properties of a table; a value that cannot be read falls back to the careful side, because upkeep must not fail for it:
 * a retention keeps everything, the interval is the default.
 */
export function upkeepProperties(metadata: Pick<MetadataAction, "configuration">): UpkeepProperties {
  const { configuration } = metadata;
  const interval = Number(configuration["delta.checkpointInterval"] ?? "10");
  const expiry = configuration["delta.setTransactionRetentionDuration"];
  const kept = expiry === undefined ? undefined : parseDuration(expiry);
  return {
    checkpointInterval: Number.isSafeInteger(interval) && interval > 0 ? interval : 10,
    checkpointPolicy: configuration["delta.checkpointPolicy"]?.toLowerCase() === "v2" ? "v2" : "classic",
    statsAsJson: configuration["delta.checkpoint.writeStatsAsJson"]?.toLowerCase() !== "false",
    statsAsStruct: configuration["delta.checkpoint.writeStatsAsStruct"]?.toLowerCase() === "true",
    deletedFileRetention: duration(configuration["delta.deletedFileRetentionDuration"], 7 * day),
    logRetention: duration(configuration["delta.logRetentionDuration"], 30 * day),
    expiredLogCleanup: configuration["delta.enableExpiredLogCleanup"]?.toLowerCase() !== "false",
    setTransactionRetention: kept,
  };
}

const units: Readonly<Record<string, number>> = {
  nanosecond: 1e-6,
  microsecond: 1e-3,
  millisecond: 1,
  second: 1000,
  minute: 60_000,
  hour: 3_600_000,
  day,
  week: 7 * day,
};

/**
 * Milliseconds of an interval as table properties spell it: `interval 30 days`, `2 weeks 12 hours`; `undefined` for anything else.
 *
 * Months and years have no fixed length and are not understood, as in the reference implementation.
 */
export function parseDuration(text: string): number | undefined {
  const parts = text
    .trim()
    .toLowerCase()
    .replace(/^interval\b/, "")
    .trim();
  if (!/^(?:\d+\s+[a-z]+\s*)+$/.test(parts)) return undefined;
  let total = 0;
  for (const [, count = "", name = ""] of parts.matchAll(/(\d+)\s+([a-z]+)/g)) {
    const unit = units[name.replace(/s$/, "")];
    if (unit === undefined) return undefined;
    total += Number(count) * unit;
  }
  return Number.isSafeInteger(Math.floor(total)) ? Math.floor(total) : undefined;
}

/** As {@link parseDuration}, for properties that somebody is setting. @throws `INVALID_ARGUMENT` */
export function requireDuration(key: string, text: string): number {
  const found = parseDuration(text);
  if (found !== undefined) return found;
  throw new VarveError(
    "INVALID_ARGUMENT",
    `${JSON.stringify(text)} is not a duration for ${key}: write it as "interval 30 days", with weeks, days, hours, minutes or seconds.`,
    {
      key,
      value: text,
    },
  );
}

function duration(text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  return parseDuration(text) ?? Number.POSITIVE_INFINITY;
}
