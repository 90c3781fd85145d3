import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openTable } from "../../src/api/open-table.ts";
import { createTable } from "../../src/operations/create.ts";
import { schema } from "../../src/schema/builder.ts";
import type { ObjectStore } from "../../src/storage/contract/object-store.ts";
import { openStore } from "../../src/storage/open-store.ts";
import type { S3Options } from "../../src/storage/s3/s3-options.ts";
import { commitNewTable } from "../../src/table/commit/transaction.ts";
import { openContext } from "../../src/table/definition/open-context.ts";
import { cephSkipReason, cephTools, startCeph } from "../support/ceph.ts";
import { metadata, protocol } from "../support/commit-tools.ts";
import { startS3Server } from "../support/s3-server.ts";
import { seed } from "../support/seed.ts";
import { readIndependently } from "./independent-log.ts";
import { appIdOf, rowsOf } from "./jobs.ts";
import { type FleetPlan, type FleetReport, runFleet } from "./writers.ts";

/** `VARVE_STRESS=N` multiplies the batches and the kills: the long run is `npm run stress`. */
const stress = Number(process.env["VARVE_STRESS"] ?? 1);
const writers = 8;

interface Place {
  readonly uri: string;
  readonly s3?: S3Options;
  readonly temporary: string;
}

describe("eight writer processes on one table, some killed at random", { timeout: 0 }, () => {
  it("keep every batch of an append exactly once on local disk", () =>
    onLocalDisk(async (place) => {
      await createColumns(place);
      const plan = planFor(place, "append", 6, 6);
      const report = await runFleet(plan);
      await checkTransactions(report, plan, await openStore(place.uri));
      await checkRows(plan, place);
    }));

  it("keep every batch of an append exactly once on S3", () =>
    onS3Server(async (place) => {
      await createColumns(place);
      const plan = planFor(place, "append", 6, 6);
      const report = await runFleet(plan);
      await checkTransactions(report, plan, await openStore(place.uri, place));
      await checkRows(plan, place);
    }));

  it("keep every bare commit exactly once on local disk", () =>
    onLocalDisk(async (place) => {
      await createEmpty(place);
      const plan = planFor(place, "commit", 25, 8);
      await checkTransactions(await runFleet(plan), plan, await openStore(place.uri));
      await checkFiles(plan, await openStore(place.uri));
    }));

  it("keep every bare commit exactly once on S3", () =>
    onS3Server(async (place) => {
      await createEmpty(place);
      const plan = planFor(place, "commit", 17, 8);
      const store = await openStore(place.uri, place);
      await checkTransactions(await runFleet(plan), plan, store);
      await checkFiles(plan, store);
    }));

  it.skipIf(cephTools() === undefined)(
    `keep every bare commit exactly once on Ceph${cephTools() === undefined ? ` (${cephSkipReason})` : ""}`,
    () =>
      onCeph(async (place) => {
        await createEmpty(place);
        const plan = planFor(place, "commit", 17, 8);
        const store = await openStore(place.uri, place);
        await checkTransactions(await runFleet(plan), plan, store);
        await checkFiles(plan, store);
      }),
  );
});

function planFor(place: Place, how: "append" | "commit", batches: number, kills: number): FleetPlan {
  console.log(
    `${place.uri}: ${writers} writers of ${batches * stress} batches, ${kills * stress} kills, VARVE_SEED=${seed}`,
  );
  const { temporary, ...job } = place;
  return {
    job: { ...job, rowsPerBatch: 5, how },
    writers,
    batches: batches * stress,
    kills: kills * stress,
    seed,
    temporary,
  };
}

async function onLocalDisk(work: (place: Place) => Promise<void>): Promise<void> {
  await inTemporaryFolder((temporary) => work({ uri: join(temporary, "table"), temporary }));
}

async function onS3Server(work: (place: Place) => Promise<void>): Promise<void> {
  const server = await startS3Server();
  try {
    await inTemporaryFolder((temporary) =>
      work({ uri: "s3://bucket/fleet/table", s3: server.options, temporary }),
    );
  } finally {
    await server.close();
  }
}

async function onCeph(work: (place: Place) => Promise<void>): Promise<void> {
  const ceph = await startCeph(cephTools() ?? "");
  try {
    await inTemporaryFolder((temporary) =>
      work({ uri: `s3://${ceph.bucket}/fleet/table`, s3: ceph.options, temporary }),
    );
  } finally {
    await ceph.stop();
  }
}

async function inTemporaryFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "varve-fleet-"));
  try {
    await work(folder);
  } catch (error) {
    console.log(`what the failed fleet left stays in ${folder}`);
    throw error;
  }
  await rm(folder, { recursive: true, maxRetries: 5 });
}

async function createEmpty(place: Place): Promise<void> {
  const context = await openContext(place.uri, place);
  await commitNewTable(context, {
    actions: [protocol(), metadata({}, { partitionColumns: [] })],
    operation: "CREATE TABLE",
  });
}

async function createColumns(place: Place): Promise<void> {
  const columns = schema().integer("writer").integer("batch").integer("row").string("value").build();
  await createTable(await openContext(place.uri, place), { schema: columns });
}

/**
 * The log, read without varve's reader: versions without a gap, every batch's transaction once, at the
 * version that was acknowledged.
 */
async function checkTransactions(report: FleetReport, plan: FleetPlan, store: ObjectStore): Promise<void> {
  tell(report, plan);
  const log = await readIndependently(store);
  const expected = everyBatch(plan);
  expect(log.versions).toEqual(Array.from({ length: expected.length + 1 }, (_, version) => version));
  expect(log.txns.map(({ id }) => id).sort()).toEqual(expected.map(({ id }) => id).sort());
  expect(log.removes).toBe(0);
  expect(log.adds).toHaveLength(expected.length);
  const holding = new Map(log.txns.map(({ id, version }) => [id, version]));
  for (const [writer, batches] of report.acknowledged.entries()) {
    for (const { batch, outcome, version } of batches) {
      const id = `${appIdOf(writer)}@${batch}`;
      if (outcome === "committed") expect(holding.get(id), id).toBe(version);
      else expect(holding.get(id), id).toBeLessThanOrEqual(version);
    }
  }
}

/**
 * The files of bare commits: named after the batch whose transaction stands in the same version, with its
 * bytes.
 */
async function checkFiles(plan: FleetPlan, store: ObjectStore): Promise<void> {
  const log = await readIndependently(store);
  for (const { path, version } of log.adds) {
    const [, writer, batch] = /^writer (\d+)\/(\d+)-/.exec(path) ?? [];
    expect(log.txns.find((txn) => txn.version === version)?.id).toBe(`writer-${writer}@${batch}`);
    expect(JSON.parse(Buffer.from(await store.get(path)).toString())).toEqual(
      rowsOf(Number(writer), Number(batch), plan.job.rowsPerBatch),
    );
  }
}

/** Every row of every batch once, with its contents. */
async function checkRows(plan: FleetPlan, place: Place): Promise<void> {
  const found: string[] = [];
  for await (const { writer, batch, row, value } of (
    await openTable(place.uri, place.s3 === undefined ? {} : { s3: place.s3 })
  )
    .snapshot()
    .rows()) {
    found.push(JSON.stringify([Number(writer), Number(batch), Number(row), value]));
  }
  const expected = everyBatch(plan).flatMap(({ writer, batch }) =>
    rowsOf(writer, batch, plan.job.rowsPerBatch).map((one) =>
      JSON.stringify([writer, batch, one.row, one.value]),
    ),
  );
  expect(found.sort()).toEqual(expected.sort());
}

function everyBatch(
  plan: FleetPlan,
): { readonly writer: number; readonly batch: number; readonly id: string }[] {
  return Array.from({ length: plan.writers * plan.batches }, (_, index) => {
    const [writer, batch] = [Math.floor(index / plan.batches), index % plan.batches];
    return { writer, batch, id: `${appIdOf(writer)}@${batch}` };
  });
}

function tell(report: FleetReport, plan: FleetPlan): void {
  const commits = plan.writers * plan.batches;
  const rate = (commits / report.seconds).toFixed(1);
  console.log(
    `${plan.job.uri} (${plan.job.how}): ${commits} commits in ${report.seconds.toFixed(1)} s (${rate}/s), ${report.kills} kills, ${report.landedUntold} landed untold${plan.job.how === "commit" ? `, ${report.retries} retries` : ""}`,
  );
}
