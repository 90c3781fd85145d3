import { tableBaselines } from "../baselines/table-baselines.ts";
import { assertInternal } from "../errors.ts";
import type { LogSnapshot } from "../log/contract.ts";
import { unrecordedHistory } from "../metrics/metrics.ts";
import type { Suite, SuiteJson } from "../quality/model/suite.ts";
import { type CheckReport, checkReport } from "../report/check-report.ts";
import { existingTarget } from "../write/plan/batch-target.ts";
import { addedRows, writeTests } from "../write/plan/plan-rows.ts";
import type { WriteSource } from "../write/plan/write-source.ts";
import { judgePlan } from "../write/write-pipeline.ts";
import type { CheckOptions } from "./check.ts";

/**
 * Tests rows exactly as an append to a version of a table would, and commits nothing: they are read with the
 * table's types, and must fit its columns and constraints, and pass its own suite and the given one.
 *
 * Source files are fetched with the table's options.
 *
 * @throws as `append`, without `BATCH_REJECTED` and errors of commits
 */
export async function rehearseAppend(
  snapshot: LogSnapshot,
  gate: SuiteJson | Suite | undefined,
  source: WriteSource,
  { name, gateOptions, onProgress, signal }: Omit<CheckOptions, "access" | "world">,
): Promise<CheckReport> {
  const { world } = snapshot.context;
  const start = world.now();
  const target = await existingTarget(snapshot);
  const tests = writeTests(target.metadata.configuration, { gate, gateOptions });
  const history = gateOptions?.history ?? unrecordedHistory(snapshot, "batch", { signal });
  const baselines = tableBaselines({ target: snapshot, tables: gateOptions?.tables, signal });
  const services = { history, baselines, onProgress, signal };
  const { verdict } = await judgePlan(addedRows(target, { source, tests }), services);
  assertInternal(verdict !== undefined, "a rehearsal came back without a verdict");
  return checkReport(verdict, {
    source: name,
    timestamp: new Date(start),
    seconds: (world.now() - start) / 1000,
  });
}
