import { type ChildProcess, fork, spawnSync } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { openTable } from "../../src/api/open-table.ts";
import { openLog, refreshLog } from "../../src/log/snapshot/open-log.ts";
import { append } from "../../src/operations/append.ts";
import { createTable } from "../../src/operations/create.ts";
import { schema } from "../../src/schema/builder.ts";
import type { S3Options } from "../../src/storage/s3/s3-options.ts";
import { openContext } from "../../src/table/definition/open-context.ts";
import { countCalls } from "../../test/support/counting-store.ts";
import type { Figure, Workload } from "../harness.ts";
import type { ServerMessage } from "./s3-server-process.ts";

/** One table that several writers append small batches to. */
interface Run {
  readonly uri: string;
  readonly s3?: S3Options;
  readonly writers: number;
  readonly batches: number;
}

interface Outcome {
  readonly seconds: number;
  /** Commit attempts that met another writer's version. */
  readonly retries: number;
  readonly duplicates: number;
  readonly missing: number;
}

const rowsPerBatch = 100;
const latencyMilliseconds = 20;
const commitsInAll = 96;

/**
 * Commits of small batches by 1, 4 and 16 writers to one table, beside deltalake where `VARVE_PYTHON` names a
 * Python that has it.
 *
 * The writers share one process: promises here, threads there. varve flushes every file and folder entry to
 * the disk before it acknowledges; deltalake does not.
 */
export const commitWorkloads: readonly Workload[] = [
  { name: "commits-disk", run: ({ folder }) => eachCrowd((writers) => onDisk(folder, writers)) },
  { name: "commits-s3", run: () => onS3() },
];

async function eachCrowd(work: (writers: number) => Promise<Figure>): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const writers of [1, 4, 16]) figures.push(await work(writers));
  return figures;
}

async function onDisk(folder: string, writers: number): Promise<Figure> {
  const run = { writers, batches: Math.ceil(commitsInAll / writers) };
  const varve = await runVarve({ ...run, uri: join(folder, `varve-${writers}`) });
  return figureOf(
    "disk",
    { ...run, uri: folder },
    varve,
    peer({ ...run, uri: join(folder, `deltalake-${writers}`) }),
    "",
  );
}

async function onS3(): Promise<Figure[]> {
  const server = await startServer();
  try {
    return await eachCrowd(async (writers) => {
      const run = { s3: server.options, writers, batches: Math.ceil(commitsInAll / writers) };
      await server.requests();
      const varve = await runVarve({ ...run, uri: `s3://bucket/varve-${writers}` });
      const requests = perCommit(await server.requests(), run);
      const other = peer({ ...run, uri: `s3://bucket/deltalake-${writers}` });
      const theirs = perCommit(await server.requests(), run);
      const note = `; requests a commit: ${requests}${other === undefined ? "" : ` against ${theirs}`}`;
      return figureOf(`S3 with ${latencyMilliseconds} ms`, { ...run, uri: "" }, varve, other, note);
    });
  } finally {
    server.stop();
  }
}

async function runVarve(run: Run): Promise<Outcome> {
  const options = run.s3 === undefined ? {} : { s3: run.s3 };
  const columns = schema().long("writer").long("batch").long("row").string("value").build();
  const context = await openContext(run.uri, options);
  await createTable(context, { schema: columns });
  // The peer makes its table by a write without rows before its clock starts, which loads its engine; so does
  // this.
  await append(await openLog(context), []);
  const start = performance.now();
  const retries = await Promise.all(
    Array.from({ length: run.writers }, (_, writer) => writeAll(run, writer)),
  );
  const seconds = (performance.now() - start) / 1000;
  const version = (await openTable(run.uri, options)).snapshot();
  const expected = run.writers * run.batches * rowsPerBatch;
  const result = await version.sql(
    "SELECT count(*)::INTEGER AS rows, count(DISTINCT (writer, batch, row))::INTEGER AS distinct_rows FROM t",
  );
  const found: unknown[] = [];
  for await (const row of result.rows()) found.push(...Object.values(row));
  const [rows, distinct] = found.map(Number);
  return {
    seconds,
    retries: retries.reduce((sum, count) => sum + count, 0),
    duplicates: (rows ?? 0) - (distinct ?? 0),
    missing: expected - (distinct ?? 0),
  };
}

/** Returns how many attempts at a version met another writer's. */
async function writeAll(run: Run, writer: number): Promise<number> {
  const context = await openContext(run.uri, {
    threads: 1,
    ...(run.s3 === undefined ? {} : { s3: { ...run.s3 } }),
  });
  const store = countCalls(context.store);
  let snapshot = await openLog({ ...context, store });
  const maintenance: Promise<unknown>[] = [];
  for (let batch = 0; batch < run.batches; batch++) {
    const rows = Array.from({ length: rowsPerBatch }, (_, row) => ({
      writer,
      batch,
      row,
      value: `${writer}/${batch}/${row}`,
    }));
    const result = await append(snapshot, rows);
    if (result.maintenance !== undefined) maintenance.push(result.maintenance);
    snapshot = await refreshLog(snapshot);
  }
  await Promise.all(maintenance);
  const commits = store
    .counts()
    .trace.filter(({ call, path }) => call === "putIfAbsent" && /\d{20}\.json$/.test(path)).length;
  return commits - run.batches;
}

/** deltalake's figures for the same run; `undefined` without a Python that has it. */
function peer(run: Run): Outcome | undefined {
  const python = process.env["VARVE_PYTHON"];
  if (python === undefined) return undefined;
  const storage = run.s3 === undefined ? undefined : peerStorage(run.s3);
  const script = fileURLToPath(new URL("commits_deltalake.py", import.meta.url));
  const job = JSON.stringify({
    uri: run.uri,
    writers: run.writers,
    batches: run.batches,
    rows: rowsPerBatch,
    storage,
  });
  const result = spawnSync(python, [script, job], { encoding: "utf8" });
  if (result.status !== 0) throw new Error(`deltalake failed: ${result.stderr}`);
  const { seconds, givenUp, rows, distinct, failures } = JSON.parse(result.stdout);
  if (failures.length > 0) throw new Error(`deltalake failed: ${failures[0]}`);
  return {
    seconds,
    retries: givenUp,
    duplicates: rows - distinct,
    missing: run.writers * run.batches * rowsPerBatch - distinct,
  };
}

function peerStorage(s3: S3Options): Readonly<Record<string, string>> {
  const credentials =
    typeof s3.credentials === "object" ? s3.credentials : { accessKeyId: "", secretAccessKey: "" };
  return {
    AWS_ENDPOINT_URL: s3.endpoint ?? "",
    AWS_ALLOW_HTTP: "true",
    AWS_REGION: s3.region ?? "us-east-1",
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    aws_conditional_put: "etag",
  };
}

function figureOf(
  place: string,
  run: Run,
  varve: Outcome,
  other: Outcome | undefined,
  requests: string,
): Figure {
  const commits = run.writers * run.batches;
  const exact = ({ duplicates, missing }: Outcome) => `${duplicates} duplicate and ${missing} missing rows`;
  const rate = (outcome: Outcome) => `${(commits / outcome.seconds).toFixed(1)}/s`;
  const beside =
    other === undefined ? "" : ` against ${rate(other)}, ${other.retries} given up, ${exact(other)}`;
  return {
    what: `${place}: ${commits} commits by ${run.writers} writers`,
    seconds: varve.seconds,
    ...(other === undefined ? {} : { baseline: { what: "deltalake", seconds: other.seconds } }),
    note: `${rate(varve)}, ${varve.retries} retries, ${exact(varve)}${beside}${requests}`,
  };
}

function perCommit(
  requests: Readonly<Record<string, number>>,
  run: Pick<Run, "writers" | "batches">,
): string {
  const commits = run.writers * run.batches;
  const all = Object.values(requests).reduce((sum, count) => sum + count, 0);
  const kinds = Object.entries(requests).map(([kind, count]) => `${kind} ${(count / commits).toFixed(2)}`);
  return `${(all / commits).toFixed(2)} (${kinds.sort().join(", ")})`;
}

interface BenchServer {
  readonly options: S3Options;
  requests(): Promise<Readonly<Record<string, number>>>;
  stop(): void;
}

async function startServer(): Promise<BenchServer> {
  const script = fileURLToPath(new URL("s3-server-process.ts", import.meta.url));
  const child = fork(script, [String(latencyMilliseconds)], {
    execArgv: ["--import", import.meta.resolve("tsx")],
  });
  const { options } = await message(child);
  if (options === undefined) throw new Error("the S3 server did not say how to reach it");
  return {
    options,
    requests: async () => {
      const answer = message(child);
      child.send("counts");
      return (await answer).requests ?? {};
    },
    stop: () => child.disconnect(),
  };
}

async function message(child: ChildProcess): Promise<ServerMessage> {
  const [received] = await once(child, "message");
  return received;
}
