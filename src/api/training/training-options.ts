import type { Leakage } from "../../training/leakage.ts";
import type { FeatureTable } from "../point-in-time.ts";
import type { QueryTable } from "../query.ts";
import type { ContextOptions } from "../shared/options.ts";

/** A feature table of a training set: an input, and how its rows are joined. */
export interface TrainingFeatureOptions extends Omit<FeatureTable, "table" | "version"> {
  /** Name of the input. */
  readonly input: string;
}

/** How a training set is split. */
export interface TrainingSplitOptions {
  /** Columns whose values decide: all rows with the same values are in one part, now and in every later set. */
  readonly key: readonly string[];
  /** Shares of the parts by their names; default: train 0.8, validation 0.1, test 0.1. */
  readonly shares?: Readonly<Record<string, number>> | undefined;
  /** Another text splits in another way; default: empty. */
  readonly seed?: string | undefined;
}

/** What would let a model see in training what it is tested on. */
export interface LeakageOptions {
  /** Columns, or lists of columns, that name what rows belong to: no value of theirs may be in two parts. */
  readonly groups?: readonly (string | readonly string[])[] | undefined;
  /** Columns that may not be equal in rows of two parts; `true`: all but the key of the split. */
  readonly duplicates?: true | readonly string[] | undefined;
  /** Column with the time of the label; needs `eventTimes`. */
  readonly labelTime?: string | undefined;
  /** Columns with times that may not be after that of the label. */
  readonly eventTimes?: readonly string[] | undefined;
}

/** What a training set is made of, and where it goes. */
export interface TrainingSetOptions extends ContextOptions {
  /** Names the set, and begins the names of its pins: `lateness-7` pins version 3 as `lateness-7.v3`. */
  readonly name: string;
  /** One SELECT over the inputs that gives the same rows each time. */
  readonly sql: string;
  /** Tables, versions, or URIs with or without `@v12` or `@pin`, by the names that the SQL uses. */
  readonly inputs: Readonly<Record<string, QueryTable>>;
  /** Joins each row of the SQL with the latest rows of feature tables, as `pointInTime()` does. */
  readonly join?: { readonly time: string; readonly features: readonly TrainingFeatureOptions[] } | undefined;
  readonly split?: TrainingSplitOptions | undefined;
  readonly checks?: LeakageOptions | undefined;
  /** Record leakage that the checks find, instead of refusing the set. */
  readonly allowLeakage?: boolean | undefined;
  /** Local folder for a Parquet file of each part, `training-set.json` and nothing else. */
  readonly folder?: string | undefined;
  /** URI of a Delta table that gets the record as a row; it is created if it does not exist. */
  readonly records?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** How a training set is created again. */
export interface RecreateOptions extends ContextOptions {
  /** Local folder for a Parquet file of each part and the record. */
  readonly folder?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** How a training set is checked. */
export interface CheckTrainingSetOptions extends ContextOptions {
  /** Instead of the checks that were recorded. */
  readonly checks?: LeakageOptions | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What a check found of a training set. */
export interface TrainingSetCheck {
  /** Whether the set was created again with the same rows, from the inputs below. */
  readonly reproducible: boolean;
  /** What is gone or differs, if it was not. */
  readonly problem?: string | undefined;
  /** Where each input was found. */
  readonly inputs: readonly { readonly name: string; readonly from: "pin" | "table" }[];
  readonly leakage: readonly Leakage[];
}
