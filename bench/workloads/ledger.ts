import { spawn } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createLedger, createTable, openLedger, openTable } from "../../src/index.ts";
import {
  type BenchContext,
  contest,
  type Figure,
  medianSeconds,
  secondsOf,
  type Workload,
} from "../harness.ts";

/** Predictions that are recorded, by `VARVE_BENCH_PREDICTIONS`, and those among which one is found, by `VARVE_BENCH_LEDGER`. */
const predictions = Number(process.env["VARVE_BENCH_PREDICTIONS"] ?? 1_000_000);
const ledgerRows = Number(process.env["VARVE_BENCH_LEDGER"] ?? 10_000_000);

const program = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

/** Predictions recorded in bulk, against a minute a million; one of many reproduced, against a second. */
export const ledgerWorkloads: readonly Workload[] = [
  { name: "ledger-record-source", run: recordSource },
  { name: "ledger-record-values", run: recordValues },
  { name: "ledger-reproduce", run: reproduceOne },
];

/** A table of features, and a prediction file of the same number of keys in another order. */
async function features(folder: string, rows: number): Promise<string> {
  const sql = `SELECT i AS id, random() AS a, random() AS b, 'c' || (i % 100) AS c FROM range(${rows}) t(i)`;
  const table = await createTable(join(folder, "features"), { source: { sql } });
  await table.close();
  return table.uri;
}

async function recordSource({ folder }: BenchContext): Promise<Figure[]> {
  const table = await features(folder, predictions);
  const sql = `SELECT md5(i::VARCHAR) AS prediction_id, (i * 7919) % ${predictions} AS id,
    {a: i / 3, b: i % 100} AS features, {late: (i % 1000) / 1000} AS output FROM range(${predictions}) t(i)`;
  const scores = await createTable(join(folder, "scores"), { source: { sql } });
  const inputs = { table, version: 0, key: ["id"] };
  return [
    await recorded("from a table, by key", folder, (ledger) =>
      ledger.recordFrom(scores.snapshot(), { inputs, model: { name: "m", version: "1" } }),
    ),
  ];
}

async function recordValues({ folder }: BenchContext): Promise<Figure[]> {
  function* values() {
    for (let i = 0; i < predictions; i++)
      yield {
        predictionId: `order-${(i * 7919) % predictions}`,
        features: { a: i / 3, b: i % 100 },
        output: { late: (i % 1000) / 1000 },
      };
  }
  return [await recorded("as objects, with features", folder, (ledger) => ledger.record(values()))];
}

async function recorded(
  what: string,
  folder: string,
  work: (ledger: Awaited<ReturnType<typeof createLedger>>) => Promise<unknown>,
): Promise<Figure> {
  const ledger = await createLedger(join(folder, "ledger"));
  const started = process.cpuUsage();
  const seconds = await secondsOf(() => work(ledger));
  const { user, system } = process.cpuUsage(started);
  const minute = (60 * predictions) / 1_000_000;
  return {
    what: `record ${predictions} predictions ${what}`,
    seconds,
    baseline: { what: "a minute a million", seconds: minute },
    limit: { atMost: 1 },
    processor: { seconds: (user + system) / 1e6, baseline: minute },
  };
}

/** Ten commits of predictions whose ids are spread over all of them, and one among them that can be reproduced. */
async function reproduceOne({ folder, runs }: BenchContext): Promise<Figure[]> {
  const table = await features(folder, Math.min(ledgerRows, 1_000_000));
  const ledger = await createLedger(join(folder, "ledger"));
  await ledger.record({
    predictionId: "the-one",
    inputs: { table, version: 0, key: { id: 4711 } },
    output: 0.25,
  });
  const other = `[{"table":"${table}","version":0,"key":{"id":0},"tableId":"x","rows":1,"fingerprint":"varve-content-1:`;
  const part = Math.ceil(ledgerRows / 10);
  await using rows = await openTable(ledger.uri);
  for (let start = 0; start < ledgerRows; start += part)
    await rows.append({
      sql: `SELECT md5((i + ${start})::VARCHAR) AS prediction_id, sha256(i::VARCHAR) AS digest,
        '${other}' || sha256((i + ${start})::VARCHAR) || '"}]' AS inputs, '{"a":' || i || '}' AS features, '0.5' AS output,
        now() AS "at", now() AS recorded_at FROM range(${part}) t(i) ORDER BY prediction_id`,
    });
  const second = { what: "a second", seconds: 1 };
  const warm = await medianSeconds(Math.max(runs, 5), async () => {
    await (await openLedger(ledger.uri)).reproduce("the-one");
  });
  const { subject: cold, baseline: node } = await contest(Math.max(runs, 5), {
    subject: () => started([program, "reproduce", ledger.uri, "the-one"]),
    baseline: () => started(["-e", "0"]),
  });
  const start = { what: "node -e 0, and a second", seconds: node + 1 };
  const what = `reproduce one of ${ledgerRows} predictions`;
  return [
    { what: `${what}, in a process at work`, seconds: warm, baseline: second, limit: { atMost: 1 } },
    {
      what: `${what}, varve reproduce from a cold start`,
      seconds: cold,
      baseline: start,
      limit: { atMost: 1 },
    },
  ];
}

function started(parameters: readonly string[]): Promise<void> {
  const child = spawn(process.execPath, parameters, { stdio: ["ignore", "ignore", "inherit"] });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", (code) => {
      if (code === 0) resolve();
      else reject(new Error(`node ${parameters.join(" ")} failed with exit code ${code}`));
    });
  });
}
