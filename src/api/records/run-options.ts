import type { Artifact } from "../../runs/artifact.ts";
import type { RegressionRule } from "../../runs/metric-regression.ts";
import type { CommandOptions } from "../../runs/run-command.ts";
import type { ContextOptions } from "../shared/options.ts";
import type { Timestamp } from "../shared/table-uri.ts";

/** A version of a table that a run read. */
export interface RunInputOptions {
  /** Default: the last part of the table's address. A letter or `_`, then letters, digits, `_`, `-` and `.`. */
  readonly name?: string | undefined;
  /** Folder or URI, which may end in `@v12`, a time, the name of a pin, or `@latest`. */
  readonly table: string;
  readonly version?: number | undefined;
  readonly timestamp?: Timestamp | undefined;
  /** Record the fingerprint of the rows, too, which reads them. */
  readonly content?: boolean | undefined;
}

/** What a run wrote: a file, or a version of a table. */
export type RunOutputOptions =
  | { readonly name?: string | undefined; readonly file: string }
  | {
      readonly name?: string | undefined;
      readonly table: string;
      /** Default: the newest. */
      readonly version?: number | undefined;
    };

/** What is said of a run before it begins. */
export interface RunBasics {
  /** Unique in the runs table; default: a new one. 1 to 100 of the characters `A-Z a-z 0-9 . _ -`. */
  readonly runId?: string | undefined;
  /** What kind of run it is: the same for every run of a job. */
  readonly name?: string | undefined;
  /** Tables that it read, at versions; each is pinned. */
  readonly inputs?: string | RunInputOptions | readonly (string | RunInputOptions)[] | undefined;
  /** The model that it made or used; text is the name of a file. */
  readonly model?: string | Artifact | undefined;
  readonly code?: string | Artifact | undefined;
  readonly params?: unknown;
  readonly seed?: number | bigint | string | undefined;
  /** What else to keep of the environment, as JSON. */
  readonly environment?: unknown;
  /** Names of environment variables to record besides varve's short list. Name none that hold secrets. */
  readonly variables?: readonly string[] | undefined;
  /** Files, or tables as objects, that it wrote. */
  readonly outputs?: string | RunOutputOptions | readonly (string | RunOutputOptions)[] | undefined;
  /** When the pins of the inputs may go; they stay until they are removed. */
  readonly expires?: Timestamp | undefined;
}

/** A run to record. */
export interface RunDescription extends RunBasics {
  /** An object of metrics, as JSON. */
  readonly metrics?: Readonly<Record<string, unknown>> | undefined;
  /** Default: `complete`. */
  readonly status?: "complete" | "failed" | "aborted" | undefined;
  readonly exitCode?: number | undefined;
  /** Default: `endedAt`, or now. */
  readonly startedAt?: Timestamp | undefined;
  /** Not before `startedAt`; default: now. */
  readonly endedAt?: Timestamp | undefined;
}

/** A command to run, and what is said of it. */
export interface CommandDescription extends RunBasics {
  /** Program and arguments; no shell looks at them. */
  readonly command: readonly string[];
  /** Folder in which it runs; default: the current one. */
  readonly folder?: string | undefined;
}

/** Where a run is recorded, and how its tables are opened. */
export interface RecordRunOptions extends ContextOptions {
  /** Folder or URI of the runs table; default: `_runs` below the table of the first input. */
  readonly runs?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Where a run is recorded, and how its command is watched. */
export interface RunCommandOptions extends RecordRunOptions, CommandOptions {
  /** Sends the events of the run to OpenLineage (spec/lineage.md). */
  readonly openLineage?: OpenLineageOptions | undefined;
}

/** Where the events of a run go. */
export interface OpenLineageOptions {
  /** A file of JSON lines, or the URL of a server: HTTPS, or HTTP on this machine. */
  readonly to: string;
  /** Namespace of the job; default: `varve`. */
  readonly namespace?: string | undefined;
  /** Sent to a server as `Authorization: Bearer`. */
  readonly apiKey?: string | undefined;
  /** Called with each event that could not be sent, which does not stop the run; default: `process.emitWarning`. */
  readonly onWarning?: ((message: string) => void) | undefined;
}

/** Of which complete runs a metric is read; default: of all. */
export interface MetricRunsOptions {
  /** Runs of this name. */
  readonly name?: string | undefined;
  /** Runs of the model of this name. */
  readonly model?: string | undefined;
  /** Runs that started then or later. */
  readonly since?: Timestamp | undefined;
}

/** Options of `runs.history`. */
export interface MetricHistoryOptions extends MetricRunsOptions {
  /** Only so many, the newest. */
  readonly limit?: number | undefined;
}

/**
 * Options of `runs.regression`. Earlier runs are of the name and model of the judged run, unless one of `name` and
 * `model` is given: then they are of that.
 */
export interface MetricRegressionOptions extends MetricRunsOptions, RegressionRule {}
