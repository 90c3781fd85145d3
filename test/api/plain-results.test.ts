import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import * as varve from "../../src/index.ts";
import { reportJson } from "../../src/report.ts";
import { stringifyJson, toJsonValue } from "../../src/util/json.ts";

const suite: varve.SuiteJson = {
  name: "positive",
  maxBadShare: 1,
  checks: [
    {
      kind: "expect_column_values_to_be_between",
      params: { column: "n", min_value: 0 },
      onFail: "quarantine",
    },
  ],
};

let folder = "";
let table: varve.Table;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "varve-test-"));
  table = await varve.createTable(join(folder, "t"), {
    source: [{ n: 1 }],
    properties: { "delta.checkpointInterval": "2" },
  });
});
afterAll(async () => {
  await table.close();
  await rm(folder, { recursive: true, force: true });
});

it("every verb's result is plain data, which survives structuredClone and the JSON writer", async () => {
  const results: Record<string, unknown> = {};
  results["append"] = await table.append([{ n: 2 }, { n: -1 }, { n: -2 }], { gate: suite });
  results["overwrite"] = await table.overwrite([{ n: 1 }, { n: 7 }], {
    replaceWhere: "n = 1 OR n = 7",
    gate: suite,
  });
  results["suite.set"] = await table.suite.set(suite);
  results["suite.get"] = await table.suite.get();
  results["alter"] = await table.alter({ description: "numbers" });
  const staged = await table.staging.stage([{ n: 3 }, { n: -3 }]);
  results["audit"] = await staged.audit();
  results["publish"] = await staged.publish();
  results["settled"] = await table.settled();
  results["quarantine.list"] = await table.quarantine.list();
  results["quarantine.read"] = await table.quarantine.read();
  results["quarantine.repair"] = await table.quarantine.repair({ all: true }, { n: "-n" });
  results["quarantine.resubmit"] = await table.quarantine.resubmit({ all: true });
  results["quarantine.discard"] = await table.quarantine.discard({ all: true });
  results["quarantine.purge"] = await table.quarantine.purge();
  results["log.checkpoint"] = await table.log.checkpoint();
  results["log.clean"] = await table.log.clean({ dryRun: true });
  results["history"] = await table.history();
  results["diff"] = await table.diff(0, undefined, { rows: true });
  results["metrics.record"] = await table.metrics.record();
  results["metrics.series"] = await table.metrics.series();
  results["metrics.read"] = await table.metrics.read();
  results["profile"] = await table.profile();
  results["suite.suggest"] = await table.suite.suggest();
  results["describe"] = await table.snapshot().describe();
  results["schema"] = table.snapshot().schema;
  results["properties"] = table.snapshot().properties;
  const selected = await table.snapshot().select();
  results["scans"] = selected.scans;
  results["columns"] = selected.columns;
  results["rows"] = await collected(selected.rows());
  results["fsck"] = await varve.fsck(table.uri);
  results["runSuite"] = await varve.runSuite(suite, table);
  results["reportJson"] = reportJson(await varve.runSuite(suite, table));
  results["profile of a source"] = await varve.profile([{ n: 1 }]);
  results["suggestion of a source"] = await varve.suggest([{ n: 1 }]);
  expect(Object.entries(results).flatMap(([verb, result]) => strangers(result, verb))).toEqual([]);
  for (const [verb, result] of Object.entries(results)) {
    expect(structuredClone(result), verb).toEqual(result);
    expect(() => stringifyJson(toJsonValue(result)), verb).not.toThrow();
  }
});

it("a batch that is refused says why in plain data", async () => {
  const strict: varve.SuiteJson = {
    ...suite,
    checks: suite.checks.map((check) => ({ ...check, onFail: "reject" })),
  };
  const error = await table.append([{ n: -1 }], { gate: strict }).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!varve.isVarveError(error)) throw new TypeError("expected an error of varve's");
  expect(error.code).toBe("BATCH_REJECTED");
  expect(strangers(error.data, "data")).toEqual([]);
});

it("settled waits for the maintenance of all writes of a table, and reports each once", async () => {
  await table.settled();
  const [one, other] = await Promise.all([table.append([{ n: 4 }]), table.append([{ n: 5 }])]);
  const last = await table.append([{ n: 6 }]);
  const reports = await table.settled();
  expect(reports.map(({ version }) => version).sort()).toEqual(
    [one.version, other.version, last.version].sort(),
  );
  expect(reports.flatMap(({ warnings }) => warnings)).toEqual([]);
  expect(reports.some(({ checkpoint }) => checkpoint !== undefined)).toBe(true);
  expect(await table.settled()).toEqual([]);
});

async function collected<T>(rows: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const row of rows) all.push(row);
  return all;
}

/**
 * Paths at which a value holds what is no plain data: a function, a symbol, an object with a class, or SQL
 * over a session that is gone.
 */
function strangers(value: unknown, path: string): string[] {
  if (typeof value === "function" || typeof value === "symbol") return [path];
  if (typeof value === "string")
    return /^\s*\(?(SELECT|FROM|WITH)\s/i.test(value) ? [`${path}: ${value.slice(0, 40)}`] : [];
  if (typeof value !== "object" || value === null) return [];
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === Uint8Array.prototype || prototype === Date.prototype) return [];
  if (!Array.isArray(value) && prototype !== Object.prototype && prototype !== null)
    return [`${path}: ${value.constructor.name}`];
  return Object.entries(value).flatMap(([key, member]) => strangers(member, `${path}.${key}`));
}
