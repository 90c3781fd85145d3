import type { CloneVerbOptions } from "../../operations/clone.ts";
import { knownOptions, type OptionKeys } from "./known-options.ts";
import { pointOfOptions, type Timestamp, type TravelPoint } from "./table-uri.ts";

/** Options of a clone. */
export interface CloneOptions extends CloneVerbOptions {
  /** The version to clone; default: the newest. */
  readonly version?: number | undefined;
  /** Clone the newest version that was committed at or before this time. */
  readonly timestamp?: Timestamp | undefined;
}

const cloneKeys = {
  deep: true,
  version: true,
  timestamp: true,
  properties: true,
  replace: true,
  ifNotExists: true,
  userMetadata: true,
  onProgress: true,
  signal: true,
} satisfies OptionKeys<CloneOptions>;

/** Validates options of a clone. @throws `INVALID_ARGUMENT` */
export function toCloneOptions(options: CloneOptions): {
  readonly point: TravelPoint | undefined;
  readonly options: CloneVerbOptions;
} {
  const { version, timestamp, ...rest } = knownOptions("clone", options, cloneKeys);
  const point = pointOfOptions("clone", { version, timestamp });
  return { point, options: rest };
}
