import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { ObjectStore } from "../../src/storage/object-store.ts";
import { openStore } from "../../src/storage/open-store.ts";
import type { S3Options } from "../../src/storage/s3-options.ts";
import { openContext } from "../../src/table/open-context.ts";
import { commitNewTable } from "../../src/table/transaction.ts";
import { cephSkipReason, cephTools, startCeph } from "../support/ceph.ts";
import { metadata, protocol } from "../support/commit-tools.ts";
import { startS3Server } from "../support/s3-server.ts";
import { readIndependently } from "./independent-log.ts";
import { appIdOf, rowsOf } from "./jobs.ts";
import { type FleetPlan, type FleetReport, runFleet } from "./writers.ts";

/** `VARVE_STRESS=N` multiplies the batches and the kills: the long run is `npm run stress`. */
const stress = Number(process.env["VARVE_STRESS"] ?? 1);
const writers = 8;

interface Place {
  readonly uri: string;
  readonly s3?: S3Options;
}

describe("eight writer processes on one table, some killed at random", () => {
  it("keep every commit exactly once on local disk", () =>
    onLocalDisk(async (place) => {
      await createEmpty(place);
      const plan = planFor(place, "commit", 20, 8);
      await checkCommits(await runFleet(plan), plan, await openStore(place.uri));
    }));

  it("keep every commit exactly once on S3", () =>
    onS3Server(async (place) => {
      await createEmpty(place);
      const plan = planFor(place, "commit", 15, 8);
      await checkCommits(await runFleet(plan), plan, await openStore(place.uri, place));
    }));

  it.skipIf(cephTools() === undefined)(
    `keep every commit exactly once on Ceph${cephTools() === undefined ? ` (${cephSkipReason})` : ""}`,
    () =>
      onCeph(async (place) => {
        await createEmpty(place);
        const plan = planFor(place, "commit", 10, 8);
        await checkCommits(await runFleet(plan), plan, await openStore(place.uri, place));
      }),
  );
});

function planFor(place: Place, how: "append" | "commit", batches: number, kills: number): FleetPlan {
  const seed = Number(process.env["VARVE_SEED"] ?? Math.floor(Math.random() * 2 ** 32));
  console.log(`${place.uri}: ${writers} writers of ${batches * stress} batches, ${kills * stress} kills, VARVE_SEED=${seed}`);
  return { job: { ...place, rowsPerBatch: 5, how }, writers, batches: batches * stress, kills: kills * stress, seed };
}

async function onLocalDisk(work: (place: Place) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "varve-fleet-"));
  try {
    await work({ uri: join(folder, "table") });
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function onS3Server(work: (place: Place) => Promise<void>): Promise<void> {
  const server = await startS3Server();
  try {
    await work({ uri: "s3://bucket/fleet/table", s3: server.options });
  } finally {
    await server.close();
  }
}

async function onCeph(work: (place: Place) => Promise<void>): Promise<void> {
  const ceph = await startCeph(cephTools() ?? "");
  try {
    await work({ uri: `s3://${ceph.bucket}/fleet/table`, s3: ceph.options });
  } finally {
    await ceph.stop();
  }
}

async function createEmpty(place: Place): Promise<void> {
  const context = await openContext(place.uri, place);
  await commitNewTable(context, { actions: [protocol(), metadata({}, { partitionColumns: [] })], operation: "CREATE TABLE" });
}

async function checkCommits(report: FleetReport, plan: FleetPlan, store: ObjectStore): Promise<void> {
  tell(report, plan);
  const log = await readIndependently(store);
  const expected = everyBatch(plan);
  expect(log.versions).toEqual(Array.from({ length: expected.length + 1 }, (_, version) => version));
  expect(log.txns.map(({ id }) => id).sort()).toEqual(expected.map(({ id }) => id).sort());
  expect(log.removes).toBe(0);
  expect(log.adds).toHaveLength(expected.length);
  const told = report.acknowledged.flatMap((batches, writer) =>
    batches.map(({ batch, outcome, version }) => ({ id: `${appIdOf(writer)}@${batch}`, outcome, version })),
  );
  for (const { id, outcome, version } of told) {
    const held = log.txns.find((txn) => txn.id === id);
    if (outcome === "committed") expect(held, id).toEqual({ id, version });
    else expect(held?.version, id).toBeLessThanOrEqual(version);
  }
  for (const { path, version } of log.adds) {
    const [, writer, batch] = /^writer (\d+)\/(\d+)-/.exec(path) ?? [];
    expect(log.txns.find((txn) => txn.version === version)?.id).toBe(`writer-${writer}@${batch}`);
    expect(JSON.parse(Buffer.from(await store.get(path)).toString())).toEqual(rowsOf(Number(writer), Number(batch), plan.job.rowsPerBatch));
  }
}

function everyBatch(plan: FleetPlan): { readonly writer: number; readonly batch: number; readonly id: string }[] {
  return Array.from({ length: plan.writers * plan.batches }, (_, index) => {
    const [writer, batch] = [Math.floor(index / plan.batches), index % plan.batches];
    return { writer, batch, id: `${appIdOf(writer)}@${batch}` };
  });
}

function tell(report: FleetReport, plan: FleetPlan): void {
  const commits = plan.writers * plan.batches;
  const rate = (commits / report.seconds).toFixed(1);
  console.log(
    `${plan.job.uri} (${plan.job.how}): ${commits} commits in ${report.seconds.toFixed(1)} s (${rate}/s), ${report.kills} kills, ${report.landedUntold} landed untold, ${report.retries} retries`,
  );
}
