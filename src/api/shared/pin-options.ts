import { VarveError } from "../../errors.ts";
import type { AddPinOptions } from "../../pins/add-pin.ts";
import type { CheckPinsOptions } from "../../pins/check-pins.ts";
import type { RemovePinOptions } from "../../pins/remove-pin.ts";
import { knownOptions, type OptionKeys } from "./known-options.ts";
import {
  parseTimestamp,
  pointOfOptions,
  requireText,
  type Timestamp,
  type TravelPoint,
} from "./table-uri.ts";

/** Options of a new pin. */
export interface PinOptions extends Omit<AddPinOptions, "expires" | "run"> {
  /** The version to pin; default: the one that the table object saw last. */
  readonly version?: number | undefined;
  /** Pin the newest version that was committed at or before this time. */
  readonly timestamp?: Timestamp | undefined;
  /** When the pin may go. It stays until it is removed, by its name or with all that have expired. */
  readonly expires?: Timestamp | undefined;
}

const pinKeys = {
  version: true,
  timestamp: true,
  keep: true,
  reason: true,
  owner: true,
  expires: true,
  dryRun: true,
  onProgress: true,
  signal: true,
} satisfies OptionKeys<PinOptions>;

const removeKeys = { dryRun: true, signal: true } satisfies OptionKeys<RemovePinOptions>;
const checkKeys = {
  name: true,
  repair: true,
  deep: true,
  signal: true,
} satisfies OptionKeys<CheckPinsOptions>;

/** Characters of a reason or an owner. */
const mostText = 2_000;

/** Validates options of a new pin. @throws `INVALID_ARGUMENT` */
export function toPinOptions(options: PinOptions): {
  readonly point: TravelPoint | undefined;
  readonly options: AddPinOptions;
} {
  const { version, timestamp, expires, ...rest } = knownOptions("pins.add", options, pinKeys);
  for (const key of ["reason", "owner"] as const) requireShort(key, rest[key]);
  if (rest.keep !== undefined && rest.keep !== "files" && rest.keep !== "reference")
    throw new VarveError(
      "INVALID_ARGUMENT",
      `The option keep of pins.add must be files or reference, not ${JSON.stringify(rest.keep)}.`,
      { option: "keep" },
    );
  const point = pointOfOptions("pins.add", { version, timestamp });
  return {
    point,
    options: { ...rest, expires: expires === undefined ? undefined : parseTimestamp(expires) },
  };
}

/** @throws `INVALID_ARGUMENT` */
export function toRemovePinOptions(verb: string, options: RemovePinOptions): RemovePinOptions {
  return knownOptions(verb, options, removeKeys);
}

/** @throws `INVALID_ARGUMENT` */
export function toCheckPinsOptions(options: CheckPinsOptions): CheckPinsOptions {
  return knownOptions("pins.check", options, checkKeys);
}

function requireShort(option: string, text: string | undefined): void {
  if (text === undefined) return;
  requireText(text, `The option ${option} of pins.add`, option);
  if (text.length <= mostText) return;
  throw new VarveError(
    "INVALID_ARGUMENT",
    `The option ${option} of pins.add has ${text.length} characters; at most ${mostText} are kept. Shorten it.`,
    { option, length: text.length },
  );
}
