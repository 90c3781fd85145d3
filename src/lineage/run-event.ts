import { createHash } from "node:crypto";
import { basename } from "node:path";
import type { RunRecord, RunStatus } from "../runs/run-record.ts";
import { isJsonObject, type JsonObject, type JsonValue, stringifyJson, toJsonValue } from "../util/json.ts";
import type { EventDataset } from "./event-datasets.ts";
import { type Facets, facetsJson, openLineage, withoutUndefined } from "./event-facets.ts";

/** What an event is made of, besides the run. */
export interface RunEventParts {
  readonly inputs: readonly EventDataset[];
  readonly outputs: readonly EventDataset[];
  /** Namespace of the job. */
  readonly namespace: string;
  /** Version of varve. */
  readonly version: string;
}

const eventTypes: Readonly<Record<RunStatus, string>> = {
  started: "START",
  complete: "COMPLETE",
  failed: "FAIL",
  aborted: "ABORT",
};

/** The RunEvent of OpenLineage that says how far a run has come (spec/lineage.md). */
export function runEvent(run: RunRecord, { inputs, outputs, namespace, version }: RunEventParts): JsonObject {
  const producer = `pkg:npm/varve@${version}`;
  const datasets = (list: readonly EventDataset[], use: "inputFacets" | "outputFacets"): JsonValue =>
    list.map(({ namespace: of, name, facets, useFacets }) => ({
      namespace: of,
      name,
      facets: facetsJson(facets, producer),
      [use]: facetsJson(useFacets, producer),
    }));
  return {
    eventType: eventTypes[run.status],
    eventTime: (run.endedAt ?? run.startedAt).toISOString(),
    producer,
    schemaURL: `${openLineage}#/$defs/RunEvent`,
    run: { runId: eventRunId(run.runId), facets: facetsJson(runFacets(run, version), producer) },
    job: {
      namespace,
      name: jobName(run),
      facets: facetsJson(
        { jobType: { processingType: "BATCH", integration: "VARVE", jobType: "COMMAND" } },
        producer,
      ),
    },
    inputs: datasets(inputs, "inputFacets"),
    outputs: datasets(outputs, "outputFacets"),
  };
}

/** The id of a run as a UUID, which OpenLineage requires: itself, or one that is always the same for it. */
export function eventRunId(runId: string): string {
  if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(runId)) return runId.toLowerCase();
  const digest = createHash("sha256").update(`varve run ${runId}`).digest();
  // Version 8, of a maker's own, and the variant of RFC 9562.
  digest[6] = ((digest[6] ?? 0) & 0x0f) | 0x80;
  digest[8] = ((digest[8] ?? 0) & 0x3f) | 0x80;
  const hex = digest.toString("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join(
    "-",
  );
}

/** The run's name, or the command's program and script without their folders. */
function jobName({ name, environment }: RunRecord): string {
  if (name !== undefined) return name;
  const [program = "run", script] = environment.command;
  const words = [program, ...(script === undefined || script.startsWith("-") ? [] : [script])];
  return words.map((word) => basename(word)).join(" ");
}

function runFacets(run: RunRecord, version: string): Facets {
  const { runId, status, exitCode, signal, durationMilliseconds, metrics, model, code, seed, problems } = run;
  const { git, command, lockFiles } = run.environment;
  const json = (value: unknown) => (value === undefined ? undefined : toJsonValue(value));
  return {
    processing_engine: { name: "varve", version, openlineageAdapterVersion: version },
    executionParameters: parametersFacet(run.params),
    errorMessage:
      status === "failed" || status === "aborted"
        ? { message: failureText(run), programmingLanguage: "unknown" }
        : undefined,
    varve_run: withoutUndefined({
      runId,
      command: json(command),
      exitCode,
      signal,
      durationMilliseconds,
      metrics,
      model: json(model),
      code: json(code),
      seed,
      git: json(git),
      lockFiles: json(lockFiles),
      problems: problems.length === 0 ? undefined : [...problems],
    }),
  };
}

function failureText({ exitCode, signal, problems }: RunRecord): string {
  const how =
    signal !== undefined
      ? [`The command was ended by ${signal}.`]
      : exitCode !== undefined && exitCode !== 0
        ? [`The command exited with code ${exitCode}.`]
        : [];
  return [...how, ...problems].join(" ") || "The run did not complete.";
}

function parametersFacet(params: JsonValue | undefined): JsonObject | undefined {
  if (!isJsonObject(params)) return undefined;
  const parameters = Object.entries(params).map(([key, value]) => ({
    key,
    value: typeof value === "string" ? value : stringifyJson(value),
  }));
  return { parameters };
}
