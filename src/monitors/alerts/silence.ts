import { foldName } from "../../schema/schema-json.ts";
import type { AlertKey } from "./alert-key.ts";

/**
 * What a person said of alerts: `mute` sends nothing about them, `acknowledge` says that someone is at work on them.
 * Both are recorded with who and why; alerts change their states as ever.
 */
export interface Silence {
  readonly id: string;
  readonly kind: "mute" | "acknowledge";
  readonly monitor: string;
  /** Only alerts of this rule, column or slice; null: of all. */
  readonly rule: string | null;
  readonly column: string | null;
  readonly slice: string | null;
  readonly by: string;
  readonly reason: string;
  /** When it was said. */
  readonly at: Date;
  readonly until: SilenceEnd;
}

/** The version or the time at which it is over; `resolved`: with the next end of each alert that it covers. */
export type SilenceEnd =
  | { readonly kind: "version"; readonly version: number }
  | { readonly kind: "time"; readonly time: Date }
  | { readonly kind: "resolved" };

/** An alert as silences look at it. */
export interface SilencedAlert {
  readonly key: AlertKey;
  /** Whether the alert ended after the silence was recorded. */
  readonly endedSince: (silence: Silence) => boolean;
  /** The newest version that the monitor has looked at. */
  readonly version: number;
}

/** Whether a silence covers an alert at a time, in milliseconds since 1970. */
export function covers(silence: Silence, alert: SilencedAlert, now: number): boolean {
  return isAbout(silence, alert.key) && !isOver(silence, alert, now);
}

/** Whether a silence names an alert. */
export function isAbout(silence: Silence, { monitor, rule, column, slice }: AlertKey): boolean {
  return (
    silence.monitor === monitor &&
    (silence.rule === null || silence.rule === rule) &&
    (silence.column === null || foldName(silence.column) === foldName(column)) &&
    (silence.slice === null || silence.slice === sliceText(slice))
  );
}

function isOver(silence: Silence, { endedSince, version }: SilencedAlert, now: number): boolean {
  const { until } = silence;
  if (until.kind === "version") return version >= until.version;
  if (until.kind === "time") return now >= until.time.getTime();
  return endedSince(silence);
}

/** A slice as people name it, such as `country=DE`. */
export function sliceText(slice: AlertKey["slice"]): string | null {
  return slice === null ? null : slice.value === null ? slice.key : `${slice.key}=${slice.value}`;
}
