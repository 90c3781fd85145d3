import type { EngineRow } from "../engine/core/contract.ts";
import { isVarveError, VarveError } from "../errors.ts";
import type { LogSnapshot, TableContext } from "../log/contract.ts";
import { openLog } from "../log/snapshot/open-log.ts";
import { propertyKey } from "../protocol/properties.ts";
import { schema } from "../schema/builder.ts";
import { contextBelow } from "../sidetables/context-below.ts";
import type { SideTable } from "../sidetables/side-table.ts";
import { nearestTable } from "../storage/local/nearest-table.ts";
import {
  isJsonObject,
  type JsonObject,
  type JsonValue,
  parseJson,
  stringifyJson,
  toJsonValue,
} from "../util/json.ts";
import type { RunRecord, RunStatus } from "./run-record.ts";

/** Folder below a table for the runs that read it first, if the caller names no other place. */
const runsFolder = "_runs";

/** The runs table in a folder of its own (`spec/runs.md`). */
export function runsOf(context: TableContext): SideTable {
  return {
    context,
    name: "runs table",
    description: "Runs, with the versions that they read and what they made",
    columns: runsColumns,
    // Statistics of JSON would make the log large, and skip no file.
    properties: { [propertyKey("dataSkippingStatsColumns")]: "run_id,status,name,started_at,ended_at" },
  };
}

/** The context of the runs table below a table. */
export function runsBelow(context: TableContext): TableContext {
  return contextBelow(context, runsFolder);
}

/**
 * The context of a runs table that a caller names: itself, or of the table whose runs are below it.
 *
 * @throws `SCHEMA_MISMATCH` for a table without runs
 */
export async function runsAt(context: TableContext): Promise<TableContext> {
  const found = await openedOrNone(context);
  if (found === undefined || isRunsTable(found)) return context;
  const below = runsBelow(context);
  if ((await openedOrNone(below)) !== undefined) return below;
  const { uri } = context.store;
  throw new VarveError(
    "SCHEMA_MISMATCH",
    `The table at ${uri} is not a runs table, and no runs are recorded below it. Name the runs table that varve run --runs or recordRun wrote to.`,
    { uri },
  );
}

/**
 * The same of a runs table that must be there.
 *
 * @throws `RUN_NOT_FOUND` where nothing is, with the nearest table; as {@link runsAt}
 */
export async function existingRunsAt(context: TableContext): Promise<TableContext> {
  const runs = await runsAt(context);
  if ((await openedOrNone(runs)) === undefined) throw noRunsTable(runs);
  return runs;
}

/** The error of a runs table that is not there. */
export function noRunsTable(
  { store: { uri } }: TableContext,
  data: Readonly<Record<string, unknown>> = {},
): VarveError {
  const nearest = nearestTable(uri);
  const advice = nearest === undefined ? "" : ` Did you mean ${nearest}?`;
  return new VarveError(
    "RUN_NOT_FOUND",
    `There is no runs table at ${uri}.${advice} Name the one that varve run --runs or recordRun wrote to, or the table that the first run read.`,
    { ...data, uri, nearest },
  );
}

async function openedOrNone(context: TableContext): Promise<LogSnapshot | undefined> {
  try {
    return await openLog(context);
  } catch (error) {
    if (isVarveError(error, "NOT_A_TABLE")) return undefined;
    throw error;
  }
}

/** @throws `SCHEMA_MISMATCH` for a table of something else, to which runs would add columns */
export function requireRunsTable(snapshot: LogSnapshot): void {
  if (isRunsTable(snapshot)) return;
  const { uri } = snapshot.context.store;
  throw new VarveError(
    "SCHEMA_MISMATCH",
    `The table at ${uri} is not a runs table. Name another folder for the runs, or none: they are then recorded below the table of the first input.`,
    { uri },
  );
}

function isRunsTable({ schema: { fields } }: LogSnapshot): boolean {
  const names = new Set(fields.map(({ name }) => name));
  return ["run_id", "digest", "inputs", "environment"].every((name) => names.has(name));
}

const runsColumns = schema()
  .string("run_id", { nullable: false })
  .string("digest", { nullable: false, comment: "SHA-256 of what the caller said of the run" })
  .string("status", { nullable: false, comment: "started, complete, failed or aborted" })
  .string("name")
  .string("inputs", { nullable: false, comment: "JSON: an array of versions of tables" })
  .string("outputs", { nullable: false, comment: "JSON: an array of files and versions of tables" })
  .string("model", { comment: "JSON; null if there is none" })
  .string("model_name")
  .string("model_version")
  .string("model_hash")
  .string("code", { comment: "JSON; null if none was given" })
  .string("git_commit")
  .string("params", { comment: "JSON" })
  .string("metrics", { comment: "JSON: an object" })
  .string("seed", { comment: "JSON" })
  .string("environment", { nullable: false, comment: "JSON: git, lock files, command, packages and more" })
  .timestamp("started_at", { nullable: false })
  .timestamp("ended_at")
  .long("duration_ms")
  .integer("exit_code")
  .string("signal")
  .string("problems", { nullable: false, comment: "JSON: an array of texts" })
  .build();

/** A row of the table. */
export type RunRow = Readonly<Record<string, string | number | Date | null>>;

/** The row of a run. */
export function rowOfRun(run: RunRecord, digest: string): RunRow {
  return {
    run_id: run.runId,
    digest,
    name: run.name ?? null,
    inputs: jsonText(run.inputs),
    code: jsonText(run.code),
    git_commit: run.environment.git?.commit ?? null,
    params: jsonText(run.params),
    seed: jsonText(run.seed),
    environment: jsonText(run.environment),
    started_at: run.startedAt,
    ...endOfRun(run),
  };
}

/** The columns that change when a run ends. */
export function endOfRun(run: RunRecord): RunRow {
  return {
    status: run.status,
    outputs: jsonText(run.outputs),
    model: jsonText(run.model),
    model_name: run.model?.name ?? null,
    model_version: run.model?.version ?? null,
    model_hash: run.model?.hash ?? null,
    metrics: jsonText(run.metrics),
    ended_at: run.endedAt ?? null,
    duration_ms: run.durationMilliseconds ?? null,
    exit_code: run.exitCode ?? null,
    signal: run.signal ?? null,
    problems: jsonText(run.problems),
  };
}

function jsonText(value: unknown): string | null {
  return value === undefined ? null : stringifyJson(toJsonValue(value));
}

const statuses: ReadonlySet<string> = new Set<RunStatus>(["started", "complete", "failed", "aborted"]);

/**
 * The run of a row, whose times are milliseconds.
 *
 * @throws `DATA_FILE_CORRUPT` naming a column that varve would not write so
 */
export function runOfRow(row: EngineRow, { store }: Pick<TableContext, "store">): RunRecord {
  const runId = String(row["run_id"]);
  const json = (column: string): JsonValue | undefined => {
    const text = row[column];
    if (text === null || text === undefined) return undefined;
    try {
      return parseJson(String(text));
    } catch (error) {
      throw damagedRun(column, runId, store.uri, error);
    }
  };
  const object = (column: string): JsonObject | undefined => {
    const value = json(column);
    if (value === undefined || isJsonObject(value)) return value;
    throw damagedRun(column, runId, store.uri);
  };
  const artifact = (column: string): JsonObject | undefined => {
    const value = object(column);
    if (value === undefined || areTexts(Object.values(value))) return value;
    throw damagedRun(column, runId, store.uri);
  };
  const listOf = <T>(column: string, is: (value: JsonValue) => value is JsonValue & T): readonly T[] => {
    const value = json(column);
    if (Array.isArray(value) && value.every(is)) return value;
    throw damagedRun(column, runId, store.uri);
  };
  const status = String(row["status"]);
  if (!statuses.has(status)) throw damagedRun("status", runId, store.uri);
  const environment = object("environment");
  if (!isEnvironment(environment)) throw damagedRun("environment", runId, store.uri);
  const [endedAt, duration, exitCode] = [row["ended_at"], row["duration_ms"], row["exit_code"]].map(numberOf);
  return {
    runId,
    status: status as RunStatus,
    name: textOf(row["name"]),
    inputs: listOf("inputs", isInput),
    outputs: listOf("outputs", isOutput),
    model: artifact("model"),
    code: artifact("code"),
    params: json("params"),
    metrics: object("metrics"),
    seed: json("seed"),
    environment,
    startedAt: new Date(Number(row["started_at"])),
    endedAt: endedAt === undefined ? undefined : new Date(endedAt),
    durationMilliseconds: duration,
    exitCode,
    signal: textOf(row["signal"]),
    problems: listOf("problems", (value) => typeof value === "string"),
  };
}

/** The error of a run's column that varve would not write so. */
export function damagedRun(column: string, runId: string, uri: string, cause?: unknown): VarveError {
  return new VarveError(
    "DATA_FILE_CORRUPT",
    `The runs table at ${uri} is damaged: ${column} of run ${JSON.stringify(runId)} is not what varve writes. Another program may have changed it; restore an earlier version of the table.`,
    { column: [column] },
    cause,
  );
}

function textOf(value: unknown): string | undefined {
  return value === null || value === undefined ? undefined : String(value);
}

function numberOf(value: unknown): number | undefined {
  return value === null || value === undefined ? undefined : Number(value);
}

function isInput(value: JsonValue): value is JsonValue & RunRecord["inputs"][number] {
  if (!isJsonObject(value)) return false;
  const texts = ["name", "table", "tableId", "pin", "pinUri", "fingerprint"];
  return texts.every((key) => typeof value[key] === "string") && Number.isSafeInteger(value["version"]);
}

function isOutput(value: JsonValue): value is JsonValue & RunRecord["outputs"][number] {
  return isJsonObject(value) && typeof value["name"] === "string";
}

function isEnvironment(value: JsonObject | undefined): value is JsonObject & RunRecord["environment"] {
  if (value === undefined) return false;
  const { git, lockFiles, command, packages, variables, folder, node, platform, host, pid } = value;
  return (
    (git === null || isGitState(git)) &&
    Array.isArray(lockFiles) &&
    lockFiles.every((lock) => isJsonObject(lock) && areTexts([lock["file"], lock["hash"]])) &&
    Array.isArray(command) &&
    areTexts(command) &&
    [packages, variables].every((texts) => isJsonObject(texts) && areTexts(Object.values(texts))) &&
    areTexts([folder, node, platform, host]) &&
    Number.isSafeInteger(pid)
  );
}

function isGitState(value: JsonValue | undefined): boolean {
  if (!isJsonObject(value)) return false;
  const { commit, branch = "", diffHash = "", untrackedFiles, untrackedHash = "" } = value;
  return areTexts([commit, branch, diffHash, untrackedHash]) && Number.isSafeInteger(untrackedFiles);
}

function areTexts(values: readonly (JsonValue | undefined)[]): boolean {
  return values.every((value) => typeof value === "string");
}
