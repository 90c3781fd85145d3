import type { JsonObject } from "../../util/json.ts";

/**
 * What a batch is compared with: the table as it is before the batch (`before`), one of its versions or pins, another
 * table by the name that the suite gives it, or counts that the suite holds (`profile`).
 */
export type Baseline =
  | { readonly kind: "before" }
  | { readonly kind: "version"; readonly version: number }
  | { readonly kind: "pin"; readonly pin: string }
  | { readonly kind: "table"; readonly table: string }
  | { readonly kind: "profile"; readonly profile: JsonObject };

/** A baseline whose rows can be read. */
export type BaselineTable = Exclude<Baseline, { readonly kind: "profile" }>;

/** A baseline in words. */
export function baselineText(baseline: Baseline): string {
  switch (baseline.kind) {
    case "before":
      return "the table before the batch";
    case "version":
      return `version ${baseline.version}`;
    case "pin":
      return `pin ${baseline.pin}`;
    case "table":
      return `table ${baseline.table}`;
    case "profile":
      return "a stored baseline";
  }
}
