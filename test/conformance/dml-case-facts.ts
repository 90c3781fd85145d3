import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import type { Table } from "../../src/api/table.ts";
import type { EngineRow } from "../../src/engine/core/contract.ts";
import { isJsonObject, type JsonObject, parseJson } from "../../src/util/json.ts";
import { canonicalRow } from "./canonical.ts";
import type { ExpectedCommit, ExpectedStep } from "./dml-cases.ts";

/** Metrics that differ here, and why. */
const ownMetrics: Readonly<Record<string, string>> = {
  numFiles: "how rows are divided into files is each writer's choice",
  numAddedChangeFiles: "there are change files only where the feed cannot be derived from the other files",
  numOutputRows: "copied rows are no output of a REPLACE WHERE here: numCopiedRows counts them",
};

/** How a MERGE divides what it writes into files is each writer's choice. */
const filesOfMerge = /^numTarget(?:FilesAdded|ChangeFilesAdded)$/;
/** Spark writes files again in which rows match and no clause acts; here they stay. */
const atMost = /^numTarget(?:FilesRemoved|RowsCopied)$/;

/** Parameters that are not given here, and why. */
const leftOut: Readonly<Record<string, string>> = {
  canMergeSchema: "the commit's metaData says whether the schema changed",
  isDynamicPartitionOverwrite: "a table without partitions is overwritten as a whole",
  isFull: "an OPTIMIZE that is not FULL does not say so",
};

/** Operations that have another name here, and why. */
const renamed: Readonly<Record<string, { readonly name: string; readonly why: string }>> = {
  "SET TBLPROPERTIES": { name: "UPGRADE PROTOCOL", why: "where features are listed, and no property is set" },
};

/** The `commitInfo` of a version of the table in a folder. */
function commitInfo(folder: string, version: number): JsonObject {
  const name = `${String(version).padStart(20, "0")}.json`;
  for (const line of readFileSync(join(folder, "_delta_log", name), "utf8").split("\n")) {
    const action = line === "" ? undefined : parseJson(line);
    const info = isJsonObject(action) ? action["commitInfo"] : undefined;
    if (isJsonObject(info)) return info;
  }
  return {};
}

/** Compares what a commit says of itself: its operation, the keys of its parameters, and its numbers. */
export function compareCommit(folder: string, version: number, wanted: ExpectedCommit, sql: string): void {
  const { operation, operationParameters = {}, operationMetrics = {} } = wanted;
  if (operation === undefined) return;
  const info = commitInfo(folder, version);
  expect([operation, renamed[operation]?.name], `operation of ${sql}`).toContain(info["operation"]);
  if (info["operation"] !== operation) return;
  const [parameters, metrics] = [info["operationParameters"], info["operationMetrics"]].map((value) =>
    isJsonObject(value) ? value : {},
  );
  expect(Object.keys(parameters ?? {}), `parameters of ${sql}`).toEqual(
    expect.arrayContaining(Object.keys(operationParameters).filter((key) => leftOut[key] === undefined)),
  );
  const fixed = Object.entries(operationMetrics).filter(
    ([name, value]) =>
      value !== "*" && ownMetrics[name] === undefined && !filesOfMerge.test(name) && !isUncounted(name, sql),
  );
  const exact = fixed.filter(([name]) => !atMost.test(name));
  expect(metrics, `metrics of ${sql}`).toMatchObject(Object.fromEntries(exact));
  for (const [name, value] of fixed)
    if (atMost.test(name))
      expect(Number(metrics?.[name]), `${name} of ${sql}`).toBeLessThanOrEqual(Number(value));
}

/** Spark does not count the vectors of files that an UPDATE without a condition writes again. */
function isUncounted(metric: string, sql: string): boolean {
  return metric === "numDeletionVectorsRemoved" && /^UPDATE/i.test(sql) && !/\bWHERE\b/i.test(sql);
}

/** The ids of Spark's rows, and those that the same rows have here. */
export class RowIds {
  readonly #ours = new Map<string, string>();

  /**
   * Compares the ids of all rows and the versions that changed them: a row that was there before keeps its id,
   * and a new one has one that no row had.
   */
  async compare(
    table: Table,
    wanted: ExpectedStep["rowIds"],
    versions: ReadonlyMap<number, number>,
    sql: string,
  ): Promise<void> {
    const { schema, properties } = table.snapshot();
    if (wanted === undefined || properties["delta.enableRowTracking"] !== "true") return;
    const found: { readonly text: string; readonly id: string; readonly version: number }[] = [];
    for await (const { _metadata: own, ...row } of table.snapshot().rows({ rowTracking: true })) {
      const { row_id: id, row_commit_version: version }: EngineRow = Object(own);
      found.push({ text: canonicalRow(schema, row), id: String(id), version: Number(version) });
    }
    const known = new Set(this.#ours.values());
    for (const { __row_id: sparkId, __row_commit_version: sparkVersion, ...row } of wanted) {
      const [text, spark] = [canonicalRow(schema, row), String(sparkId)];
      const version = versions.get(Number(sparkVersion));
      const kept = this.#ours.get(spark);
      const index = found.findIndex(
        (own) =>
          own.text === text &&
          own.version === version &&
          (kept === undefined ? !known.has(own.id) : own.id === kept),
      );
      expect(
        index,
        `row ${text} with Spark's id ${spark} after ${sql}, of ${JSON.stringify(found)}`,
      ).not.toBe(-1);
      const [own] = found.splice(index, 1);
      this.#ours.set(spark, own?.id ?? "");
    }
    expect(found, `rows besides Spark's after ${sql}`).toEqual([]);
  }
}
