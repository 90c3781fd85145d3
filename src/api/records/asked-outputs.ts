import type { RunEnd } from "../../runs/finish-run.ts";
import type { AskedOutput } from "../../runs/run-outputs.ts";
import type { RunOutput } from "../../runs/run-record.ts";
import { isJsonObject } from "../../util/json.ts";
import { knownOptions, type OptionKeys } from "../shared/known-options.ts";
import { openContext } from "../shared/lazy-log.ts";
import type { ContextOptions } from "../shared/options.ts";
import { parseTimestamp, pointOfOptions, requireText, splitTableUri } from "../shared/table-uri.ts";
import { artifactKeys, toArtifact } from "./asked-values.ts";
import type { RunDescription, RunOutputOptions } from "./run-options.ts";
import { invalid, jsonOption, nameOfPart, requireNames } from "./run-parts.ts";

const outputKeys = { name: true, file: true, table: true, version: true };

/** Checks what a caller says that a run writes. @throws `INVALID_ARGUMENT` */
export async function toAskedOutputs(
  verb: string,
  outputs: RunDescription["outputs"] = [],
  options: ContextOptions,
): Promise<AskedOutput[]> {
  const listed = (Array.isArray(outputs) ? outputs : [outputs]) as readonly (string | RunOutputOptions)[];
  const asked: AskedOutput[] = [];
  for (const output of listed) asked.push(await toOutput(verb, output, options));
  await requireNames(verb, "outputs", asked);
  return asked;
}

async function toOutput(
  verb: string,
  output: string | RunOutputOptions,
  options: ContextOptions,
): Promise<AskedOutput> {
  const given = typeof output === "string" ? { file: output } : output;
  const known: Partial<Record<keyof typeof outputKeys, unknown>> = knownOptions(
    `${verb}, outputs`,
    given,
    outputKeys as OptionKeys<RunOutputOptions>,
  );
  const { file, table, version } = known;
  if ((file === undefined) === (table === undefined))
    throw invalid(verb, "An output is either a file or a table.");
  requireText(file ?? table, `The ${file === undefined ? "table" : "file"} of an output`, "outputs");
  if (file !== undefined) return { name: nameOfPart(verb, known.name, file as string), file: file as string };
  const { uri, point } = splitTableUri(table as string);
  const asked = pointOfOptions(verb, { version: version as number | undefined });
  if (asked !== undefined && point !== undefined)
    throw invalid(verb, `The output ${String(table)} names a version twice. Leave one out.`);
  const context = await openContext(uri, options);
  return { name: nameOfPart(verb, known.name, uri), context, point: asked ?? point };
}

const ended = ["complete", "failed", "aborted"] as const;

/** How a run ended, with what it made as it is now. @throws `INVALID_ARGUMENT`, `SOURCE_UNREADABLE`, as `openTable` */
export async function toRunEnd(verb: string, run: RunDescription, context: ContextOptions): Promise<RunEnd> {
  const { status = "complete", exitCode, metrics, endedAt, outputs, model } = run;
  if (!ended.includes(status))
    throw invalid(verb, `The option status must be one of ${ended.join(", ")}, not ${String(status)}.`);
  if (exitCode !== undefined && !(Number.isInteger(exitCode) && Math.abs(exitCode) < 2 ** 31))
    throw invalid(verb, `The option exitCode must be a whole number of 32 bits, not ${String(exitCode)}.`);
  const values = jsonOption(verb, "metrics", metrics);
  if (values !== undefined && !isJsonObject(values))
    throw invalid(verb, "The option metrics must be an object, such as { accuracy: 0.9 }.");
  const { measuredArtifact, measuredOutput } = await import("../../runs/run-outputs.ts");
  const made: RunOutput[] = [];
  for (const output of await toAskedOutputs(verb, outputs, context)) made.push(await measuredOutput(output));
  const artifact = toArtifact(verb, "model", { artifact: model, keys: artifactKeys });
  return {
    status,
    outputs: made,
    metrics: values,
    exitCode,
    model: artifact && (await measuredArtifact(artifact)),
    endedAt: endedAt === undefined ? undefined : parseTimestamp(endedAt),
  };
}
