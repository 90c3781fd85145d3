import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { Snapshot } from "../../src/api/shared/snapshot.ts";
import { openLog } from "../../src/log/snapshot/open-log.ts";
import { createTable } from "../../src/operations/create.ts";
import { resubmit } from "../../src/quarantine/resubmit.ts";
import { schema } from "../../src/schema/builder.ts";
import { generator } from "../support/generator.ts";
import { seed as drawn } from "../support/seed.ts";
import { emptyLedger, type Ledger, Member } from "./crew.ts";
import { openFast } from "./fast-time.ts";
import { digestOf, type FastTime, type Job, type Role, relaxed, rowText } from "./job.ts";
import { judge, type Verdict } from "./judge.ts";
import { openPlace, type Place, type StoreName, soakRates, storeNames } from "./places.ts";
import { Recorder } from "./recorder.ts";

/** One soak of one store. */
interface Plan {
  readonly store: StoreName;
  readonly minutes: number;
  readonly seed: number;
  readonly folder: string;
}

const day = 86_400_000;
/**
 * A day in four minutes: cleanup's hour is ten seconds, the half hour after which a snapshot is stale five.
 */
const factor = 360;

const crew: readonly (readonly [role: Role, batches: string])[] = [
  ["appender", "a0"],
  ["appender", "a1"],
  // The same job started twice.
  ["appender", "a1"],
  ["overwriter", "o0"],
  ["overwriter", "o1"],
  ["resubmitter", ""],
  ["alterer", ""],
  ["keeper", ""],
  ["reader", ""],
];

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      minutes: { type: "string", default: "20" },
      store: { type: "string", default: "disk" },
      seed: { type: "string", default: String(drawn) },
    },
  });
  const stores = values.store === "all" ? storeNames : storeNames.filter((name) => name === values.store);
  if (stores.length === 0)
    throw new Error(`--store must be one of ${storeNames.join(", ")} or all, not ${values.store}.`);
  for (const store of stores) {
    const folder = await mkdtemp(join(tmpdir(), `varve-soak-${store}-`));
    const plan: Plan = { store, minutes: Number(values.minutes), seed: Number(values.seed), folder };
    const isClean = await soak(plan);
    if (isClean) await rm(folder, { recursive: true, maxRetries: 5 });
    else process.exitCode = 1;
  }
}

/** Runs the crew, settles what it left, and judges; whether nothing was found. */
async function soak(plan: Plan): Promise<boolean> {
  console.log(`soak on ${plan.store} for ${plan.minutes} minutes, seed ${plan.seed}, ${plan.folder}`);
  const place = await openPlace(plan.store, plan.folder, plan.seed);
  const ledger = emptyLedger();
  try {
    const temporary = join(plan.folder, "temporary");
    await mkdir(temporary);
    // The first fast midnight, at which logs begin to expire, comes in the middle, or after a minute.
    const untilMidnight = Math.min(60_000, plan.minutes * 30_000);
    const start = Date.now();
    const time: FastTime = { start, offset: day - (start % day) - untilMidnight * factor, factor };
    const calm = await openFast({
      uri: place.uri,
      temporary,
      time,
      ...(place.calm === undefined ? {} : { s3: place.calm }),
    });
    const columns = schema()
      .string("batch")
      .integer("row")
      .string("part")
      .long("amount")
      .string("value")
      .build();
    await createTable(calm, {
      schema: columns,
      partitionBy: ["part"],
      properties: { "delta.checkpointInterval": "5", "delta.logRetentionDuration": "interval 0 hours" },
    });
    const recorders = {
      table: new Recorder(place.files, "."),
      quarantine: new Recorder(place.files, "_quarantine"),
    };
    place.proxy?.setRates(soakRates);
    await work(plan, { place, ledger, temporary, time, recorders });
    place.proxy?.setRates({});
    await settle(calm);
    const rows: string[] = [];
    const newest = await openLog(calm);
    for await (const row of Snapshot.of(newest).rows()) rows.push(rowText(row));
    ledger.reads.push({ version: newest.version, digest: digestOf(rows) });
    for (const recorder of Object.values(recorders)) await recorder.record();
    const verdict = await judge({ files: place.files, ...recorders, ledger, folder: plan.folder });
    tell(plan, { ledger, verdict, place });
    if (verdict.findings.length > 0) await keepEvidence(place, recorders, join(plan.folder, "evidence"));
    return verdict.findings.length === 0;
  } finally {
    await place.close();
  }
}

interface Scene {
  readonly place: Place;
  readonly ledger: Ledger;
  readonly temporary: string;
  readonly time: FastTime;
  readonly recorders: Readonly<Record<string, Recorder>>;
}

/** The crew at work, and what happens to it, until the time is over. */
async function work(
  { minutes, seed }: Plan,
  { place, ledger, temporary, time, recorders }: Scene,
): Promise<void> {
  const random = generator(seed);
  const members = crew.map(([role, batches], index) => {
    const job: Job = {
      role,
      batches,
      temporary,
      time,
      name: `${role} ${index}`,
      uri: place.uri,
      seed: seed + index,
      next: 0,
      ...(place.s3 === undefined ? {} : { s3: place.s3 }),
    };
    return new Member(job, ledger);
  });
  const end = performance.now() + minutes * 60_000;
  const pauses: Promise<void>[] = [];
  while (performance.now() < end) {
    await new Promise((resolve) => setTimeout(resolve, 200 + random() * 400));
    for (const recorder of Object.values(recorders)) await recorder.record();
    const member = members[Math.floor(random() * members.length)];
    const draw = random();
    if (draw < 0.06) member?.kill();
    else if (draw < 0.14 && member !== undefined)
      pauses.push(member.pause(random() < 0.3 ? random() * 15_000 : random() * 1500));
  }
  await Promise.all(pauses);
  const ends = members.map((member) => member.end(60_000));
  let isOver = false;
  const all = Promise.all(ends).finally(() => {
    isOver = true;
  });
  while (!isOver) {
    for (const recorder of Object.values(recorders)) await recorder.record();
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  await all;
}

/** Carries on with what killed resubmissions left, so that each row is open or landed. */
async function settle(calm: Awaited<ReturnType<typeof openFast>>): Promise<void> {
  await resubmit(await openLog(calm), { gate: relaxed });
}

/** Copies what a server holds, and every commit that was recorded, to where it can be looked at. */
async function keepEvidence(
  { files }: Place,
  recorders: Readonly<Record<string, Recorder>>,
  folder: string,
): Promise<void> {
  for (const path of await files.list(".")) await save(join(folder, "files", path), await files.read(path));
  for (const [name, { commits }] of Object.entries(recorders)) {
    for (const [version, text] of commits)
      await save(join(folder, `commits of ${name}`, `${version}.json`), text);
  }
}

async function save(path: string, content: Buffer | string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
}

function tell(
  { store, seed, folder }: Plan,
  { ledger, verdict, place }: { ledger: Ledger; verdict: Verdict; place: Place },
): void {
  const { findings, ...figures } = verdict;
  const counts = [...ledger.counts]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([what, times]) => `${what} ${times}`);
  console.log(
    `${store}: ${Object.entries(figures)
      .map(([name, value]) => `${name} ${value}`)
      .join(", ")}`,
  );
  console.log(`  ${counts.join(", ")}, rejected ${ledger.rejected.size}, given up ${ledger.givenUp.size}`);
  if (place.proxy !== undefined)
    console.log(`  of ${place.proxy.requests} requests: ${JSON.stringify(place.proxy.counts)}`);
  if (findings.length === 0) return;
  console.error(
    `${findings.length} findings with seed ${seed}; the table or what is left of it is in ${folder}`,
  );
  for (const finding of findings.slice(0, 20)) console.error(`- ${finding}`);
}

await main();
