import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { LogSnapshot } from "../../src/log/contract.ts";
import { openLog, refreshLog } from "../../src/log/snapshot/open-log.ts";
import { append } from "../../src/operations/append.ts";
import type { CommitResult } from "../../src/table/commit/commit-request.ts";
import { commitTransaction } from "../../src/table/commit/transaction.ts";
import { type ContextOptions, openContext } from "../../src/table/definition/open-context.ts";
import { type Acknowledgement, appIdOf, rowsOf, type WriterJob } from "./jobs.ts";

/** Writes the batches of one job, one commit each, and prints a line for each that is settled. */
async function main(job: WriterJob): Promise<void> {
  const options: ContextOptions = {
    threads: 1,
    memoryLimit: 256 * 2 ** 20,
    ...(job.s3 === undefined ? {} : { s3: job.s3 }),
  };
  const context = await openContext(job.uri, options);
  let snapshot = await openLog(context);
  for (let batch = job.first; batch < job.end; batch++) {
    snapshot = await refreshLog(snapshot);
    report(
      batch,
      await (job.how === "commit" ? commitFile(snapshot, job, batch) : appendRows(snapshot, job, batch)),
    );
  }
}

/** Commits a file that holds the batch as JSON: everything but the making of Parquet. */
async function commitFile(snapshot: LogSnapshot, job: WriterJob, batch: number): Promise<CommitResult> {
  const { store, world } = snapshot.context;
  const bytes = Buffer.from(JSON.stringify(rowsOf(job.writer, batch, job.rowsPerBatch)));
  const staging = await store.stagingFolder();
  const file = join(staging, "batch.json");
  await writeFile(file, bytes);
  const path = `writer ${job.writer}/${batch}-${world.uuid()}.json`;
  await store.putFile(path, file);
  await rm(staging, { recursive: true });
  return await commitTransaction(snapshot, {
    actions: [
      {
        kind: "add",
        path,
        partitionValues: {},
        size: bytes.length,
        modificationTime: world.now(),
        dataChange: true,
      },
    ],
    operation: "WRITE",
    txn: { appId: appIdOf(job.writer), version: BigInt(batch) },
  });
}

/** The whole write path: staging, enforcement, Parquet, commit, maintenance. */
async function appendRows(snapshot: LogSnapshot, job: WriterJob, batch: number): Promise<Settled> {
  const rows = rowsOf(job.writer, batch, job.rowsPerBatch);
  const result = await append(snapshot, rows, { txn: { appId: appIdOf(job.writer), version: batch } });
  await result.maintenance;
  return result;
}

type Settled = Pick<Acknowledgement, "outcome" | "version"> & { readonly attempts?: number };

function report(batch: number, result: Settled): void {
  const line: Acknowledgement = {
    batch,
    outcome: result.outcome,
    version: result.version,
    attempts: result.attempts ?? 0,
  };
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

process.env["TMPDIR"] = process.env["VARVE_TEST_TEMPORARY"];
await main(JSON.parse(process.argv[2] ?? ""));
