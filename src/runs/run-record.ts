import { hash } from "node:crypto";
import { VarveError } from "../errors.ts";
import { isJsonObject, type JsonObject, type JsonValue, stringifyJson, toJsonValue } from "../util/json.ts";
import type { Artifact } from "./artifact.ts";

/**
 * How far a run came. `started`: it is under way, or was killed. `failed`: its command did not do what it should.
 * `aborted`: a signal or the caller ended it.
 */
export type RunStatus = "started" | "complete" | "failed" | "aborted";

/** A version of a table that a run read. */
export interface RunInput {
  /** Unique among the run's inputs. */
  readonly name: string;
  /** URI, id and version of the table. */
  readonly table: string;
  readonly tableId: string;
  readonly version: number;
  /** The pin that keeps the version, and its URI, which any Delta engine opens as a table. */
  readonly pin: string;
  readonly pinUri: string;
  /** Fingerprint of the version's state. */
  readonly fingerprint: string;
  /** Fingerprint of its rows, if it was asked for. */
  readonly contentFingerprint?: string | undefined;
}

/** A file that a run wrote, or a version of a table. */
export interface RunOutput {
  readonly name: string;
  /** Absolute name of a file, its digest (`sha256:…`) and bytes. */
  readonly file?: string | undefined;
  readonly hash?: string | undefined;
  readonly bytes?: number | undefined;
  /** URI, id and version of a table. */
  readonly table?: string | undefined;
  readonly tableId?: string | undefined;
  readonly version?: number | undefined;
}

/** The model that a run made or used. */
export interface RunModel extends Artifact {
  /** Digest of the file before the run, if it was there and is another one now. */
  readonly hashBefore?: string | undefined;
}

/** State of the git repository that a run's code is in. */
export interface GitState {
  readonly commit: string;
  readonly branch?: string | undefined;
  /** SHA-256 of the changes since the commit (`git diff HEAD`); absent if there are none. */
  readonly diffHash?: string | undefined;
  /** Files that git neither tracks nor ignores, and SHA-256 over their names and contents. */
  readonly untrackedFiles: number;
  readonly untrackedHash?: string | undefined;
}

/** What varve found out by itself about where a run happened. */
export interface RunEnvironment {
  /** Null with a `gitReason` where there is no git repository. */
  readonly git: GitState | null;
  readonly gitReason?: string | undefined;
  /** Lock files of the nearest folder that has any, with their SHA-256. */
  readonly lockFiles: readonly { readonly file: string; readonly hash: string }[];
  /** Program and arguments; values that look like secrets are replaced by `***`. */
  readonly command: readonly string[];
  readonly folder: string;
  readonly node: string;
  /** Versions of the packages that the nearest package.json names, as they are installed. */
  readonly packages: Readonly<Record<string, string>>;
  readonly platform: string;
  readonly host: string;
  readonly pid: number;
  /** Environment variables of the allow-list. */
  readonly variables: Readonly<Record<string, string>>;
  /** What the caller says of the environment. */
  readonly given?: JsonValue | undefined;
}

/** A run, as the runs table keeps it. */
export interface RunRecord {
  readonly runId: string;
  readonly status: RunStatus;
  /** What kind of run it is: the same for every run of a job. */
  readonly name?: string | undefined;
  readonly inputs: readonly RunInput[];
  readonly outputs: readonly RunOutput[];
  readonly model?: RunModel | undefined;
  readonly code?: Artifact | undefined;
  readonly params?: JsonValue | undefined;
  readonly metrics?: JsonObject | undefined;
  readonly seed?: JsonValue | undefined;
  readonly environment: RunEnvironment;
  readonly startedAt: Date;
  /** Absent as long as the run is `started`. */
  readonly endedAt?: Date | undefined;
  readonly durationMilliseconds?: number | undefined;
  /** Of a command: its exit code, or the signal that ended it. */
  readonly exitCode?: number | undefined;
  readonly signal?: string | undefined;
  /** What went wrong, such as an output that is missing. */
  readonly problems: readonly string[];
}

const idPattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;

/** Ids of runs are parts of names of pins. @throws `INVALID_ARGUMENT` */
export function requireRunId(id: unknown): void {
  if (typeof id === "string" && idPattern.test(id)) return;
  const text = typeof id === "string" ? id : typeof id;
  throw new VarveError(
    "INVALID_ARGUMENT",
    `Invalid run id ${JSON.stringify(text)}: an id has 1 to 100 of the characters A-Z a-z 0-9 . _ - and begins with a letter or digit. Choose another, or leave it out.`,
    { name: text },
  );
}

/** Name of the pin by which a run keeps a version of a table. */
export function runPinName(runId: string, version: number): string {
  return `run-${runId}-v${version}`;
}

/** SHA-256 of what a caller says of a run, as canonical JSON. */
export function runDigest(said: unknown): string {
  return hash("sha256", canonicalJson(toJsonValue(said)), "hex");
}

/** JSON whose objects have their members in one order. */
export function canonicalJson(value: JsonValue): string {
  return stringifyJson(sorted(value));
}

function sorted(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isJsonObject(value)) return value;
  const names = Object.keys(value).sort();
  return Object.fromEntries(names.map((name) => [name, sorted(value[name] ?? null)]));
}
