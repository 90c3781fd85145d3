import { VarveError } from "../../errors.ts";
import type { LeakageChecks } from "../../training/leakage.ts";
import type { TrainingDefinition, TrainingFeature } from "../../training/record.ts";
import type { TrainingSplit } from "../../training/split.ts";
import { keyPairs, ttlMicroseconds } from "../point-in-time.ts";
import { knownOptions, type OptionKeys } from "../shared/known-options.ts";
import { contextKeys } from "../shared/option-keys.ts";
import { requireOptions, requireText } from "../shared/table-uri.ts";
import type {
  CheckTrainingSetOptions,
  LeakageOptions,
  RecreateOptions,
  TrainingFeatureOptions,
  TrainingSetOptions,
  TrainingSplitOptions,
} from "./training-options.ts";

const leakageKeys = {
  groups: true,
  duplicates: true,
  labelTime: true,
  eventTimes: true,
} satisfies OptionKeys<LeakageOptions>;
const splitKeys = { key: true, shares: true, seed: true } satisfies OptionKeys<TrainingSplitOptions>;
const joinKeys = { time: true, features: true } satisfies OptionKeys<NonNullable<TrainingSetOptions["join"]>>;
const featureKeys = {
  input: true,
  eventTime: true,
  keys: true,
  ttl: true,
  columns: true,
  prefix: true,
  tieBreak: true,
} satisfies OptionKeys<TrainingFeatureOptions>;
export const recreateKeys = {
  ...contextKeys,
  folder: true,
  signal: true,
} satisfies OptionKeys<RecreateOptions>;
export const checkKeys = {
  ...contextKeys,
  checks: true,
  signal: true,
} satisfies OptionKeys<CheckTrainingSetOptions>;
export const setKeys = {
  ...contextKeys,
  name: true,
  sql: true,
  inputs: true,
  join: true,
  split: true,
  checks: true,
  allowLeakage: true,
  folder: true,
  records: true,
  signal: true,
} satisfies OptionKeys<TrainingSetOptions>;

const longestName = 100;

/** @throws `INVALID_ARGUMENT` for a name that no pin can begin with */
export function requireSetName(name: unknown, requirePinName: (name: unknown) => void): void {
  requirePinName(name);
  if (String(name).length > longestName)
    throw invalid(
      `The name of a training set has at most ${longestName} characters, so that its pins can begin with it.`,
      "name",
    );
}

/** What decides which rows a set has, of a caller's options. @throws `INVALID_ARGUMENT` */
export function definitionOf(
  sql: string,
  { join, split, checks }: Pick<TrainingSetOptions, "join" | "split" | "checks">,
): TrainingDefinition {
  return {
    sql,
    ...(join === undefined ? {} : { join: joinOf(join) }),
    ...(split === undefined ? {} : { split: splitOf(split) }),
    checks: leakageChecks(checks ?? {}),
  };
}

function splitOf(options: TrainingSplitOptions): TrainingSplit {
  const { key, shares, seed = "" } = knownOptions("trainingSet, split", options, splitKeys);
  if (shares !== undefined) requireOptions(shares, "shares of a split");
  return {
    key: names(key, "split.key"),
    shares: { ...(shares ?? { train: 0.8, validation: 0.1, test: 0.1 }) },
    seed,
  };
}

function joinOf(options: NonNullable<TrainingSetOptions["join"]>): NonNullable<TrainingDefinition["join"]> {
  const { time, features } = knownOptions("trainingSet, join", options, joinKeys);
  requireText(time, "The time column of the join", "time");
  if (!Array.isArray(features) || features.length === 0)
    throw invalid("The features of a training set must be an array of at least one feature.", "features");
  return { time, features: features.map(featureOf) };
}

function featureOf(options: TrainingFeatureOptions): TrainingFeature {
  const feature = knownOptions("a feature of trainingSet", options, featureKeys);
  const { input, eventTime, keys, ttl, columns, prefix, tieBreak } = feature;
  requireText(input, "The input of a feature", "input");
  requireText(eventTime, "The eventTime of a feature", "eventTime");
  return {
    input,
    eventTime,
    keys: Object.fromEntries(keyPairs(keys).map((pair) => [pair.entity, pair.feature])),
    ...(ttl === undefined ? {} : { ttl: String(ttlMicroseconds(ttl)) }),
    ...(columns === undefined ? {} : { columns }),
    ...(prefix === undefined ? {} : { prefix }),
    ...(tieBreak === undefined ? {} : { tieBreak }),
  };
}

/** @throws `INVALID_ARGUMENT` */
export function leakageChecks(options: LeakageOptions): LeakageChecks {
  const { groups, duplicates, labelTime, eventTimes } = knownOptions(
    "the option checks",
    options,
    leakageKeys,
  );
  if (groups !== undefined && !Array.isArray(groups))
    throw invalid("The option checks.groups must be an array of columns.", "checks.groups");
  if (labelTime !== undefined) requireText(labelTime, "The time column of the label", "labelTime");
  if ((labelTime === undefined) !== (eventTimes === undefined))
    throw invalid(
      "The options checks.labelTime and checks.eventTimes need each other: an event is compared with its label.",
      "checks.eventTimes",
    );
  return {
    ...(groups === undefined
      ? {}
      : {
          groups: groups.map((group) => names(typeof group === "string" ? [group] : group, "checks.groups")),
        }),
    ...(duplicates === undefined
      ? {}
      : { duplicates: duplicates === true ? true : names(duplicates, "checks.duplicates") }),
    ...(labelTime === undefined ? {} : { labelTime }),
    ...(eventTimes === undefined ? {} : { eventTimes: names(eventTimes, "checks.eventTimes") }),
  };
}

function names(value: unknown, option: string): readonly string[] {
  if (Array.isArray(value) && value.length > 0 && value.every((name) => typeof name === "string"))
    return value as string[];
  throw invalid(`The option ${option} must be an array of column names, such as ["id"].`, option);
}

/** The error for an option of a training set. */
export function invalid(message: string, option: string): VarveError {
  return new VarveError("INVALID_ARGUMENT", message, { option });
}
