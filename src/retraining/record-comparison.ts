import type { LogSnapshot, TableContext } from "../log/contract.ts";
import type { ModelComparison } from "../performance/compare/comparison.ts";
import type { ComparisonRequest } from "../performance/compare/request.ts";
import { pinOfVersion } from "../pins/reading/pin-of-version.ts";
import { type RecordedRun, recordRun } from "../runs/record-run.ts";
import { runDigest } from "../runs/run-record.ts";
import type { AskedInput } from "../runs/start-run.ts";
import { isJsonObject, type JsonObject, toJsonValue } from "../util/json.ts";

/** Where and how a comparison is recorded. */
export interface ComparisonRecord {
  readonly runs: TableContext;
  readonly runId: string;
  readonly name: string;
  /** Versions that the comparison read, by the name of the input. */
  readonly inputs: ReadonlyMap<string, LogSnapshot>;
  /** Runs that made the models. */
  readonly madeBy: { readonly champion?: string | undefined; readonly challenger?: string | undefined };
  readonly signal?: AbortSignal | undefined;
}

/**
 * Records a comparison as a run: the versions that it read are pinned; its parameters are the rules, its metrics both
 * models, every rule with its numbers, and the verdict.
 *
 * @throws `RUN_EXISTS`, and as `recordRun`
 */
export async function recordComparison(
  comparison: ModelComparison,
  request: ComparisonRequest,
  { runs, runId, name, inputs, madeBy, signal }: ComparisonRecord,
): Promise<RecordedRun> {
  const asked: AskedInput[] = [];
  for (const [input, log] of inputs) {
    const pinned = await pinOfVersion(log);
    const { context } = pinned ?? log;
    const place = pinned === undefined ? { point: { version: log.version } } : { pin: pinned.pin };
    asked.push({ name: input, context, content: false, ...place });
  }
  const params = toJsonValue({ ...request, madeBy });
  const metrics = comparisonMetrics(comparison);
  const versions = [...inputs].map(([input, { version, metadata }]) => ({ input, version, id: metadata.id }));
  return recordRun(
    runs,
    {
      runId,
      name,
      inputs: asked,
      model: { name: comparison.challenger.name },
      params,
      variables: [],
      command: process.argv,
      folder: process.cwd(),
      digest: runDigest({ name, params, metrics, versions }),
    },
    { status: "complete", outputs: [], metrics, model: { name: comparison.challenger.name } },
    { signal },
  );
}

/** What is kept of a comparison: all of it but the metrics that were not compared. */
function comparisonMetrics(comparison: ModelComparison): JsonObject {
  const { champion, challenger, dummy: _, ...rest } = comparison;
  const names = rest.metrics.map(({ metric }) => metric);
  const valuesOf = ({ name, metrics, extra, trainedRows }: ModelComparison["champion"]) => ({
    name,
    extra,
    trainedRows,
    ...Object.fromEntries(
      [...names, "ece"].flatMap((metric) => {
        const value = metrics[metric]?.value;
        return value === undefined ? [] : [[metric, value]];
      }),
    ),
  });
  const json = toJsonValue({ ...rest, champion: valuesOf(champion), challenger: valuesOf(challenger) });
  return isJsonObject(json) ? json : {};
}
