import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { textTable } from "../../src/cli/shared/text-table.ts";
import {
  createLedger,
  isVarveError,
  type Ledger,
  openRuns,
  openTable,
  recordRun,
  type Table,
} from "../../src/index.ts";
import { type DelayModel, expectedDelay, terms, trainDelayModel } from "./delay-model.ts";
import { flightsFile, flightsSuite, monthlyBatches } from "./flights.ts";
import { count, print, say, width } from "./show.ts";

/** The version of the demo's table that has January to April. */
const springVersion = 4;
const trainedOn = ["date", "delay", "distance"];
const code = fileURLToPath(new URL("delay-model.ts", import.meta.url));

/**
 * The demo's second half: a prediction is reproduced after all that it was made from has left the table.
 *
 * @returns its id
 */
export async function predictAndReproduce(flights: Table, folder: string): Promise<string> {
  await mkdir(folder);
  say(`A model of delays: January to April, as a table of its own in ${folder}/flights`);
  await flights.clone(join(folder, "flights"), { version: springVersion, deep: true });
  const table = await openTable(join(folder, "flights"));
  const { version } = table.snapshot();
  const pin = await table.pins.add("spring", { reason: "the model of delays is trained on it" });
  print(`version ${version} is pinned as ${pin.name}: ${pin.filesLinked} files linked, nothing copied`);

  say("Training on the pinned flights, and a record of the run");
  const model = await train(table, folder);
  say(
    "Predictions for the flights that left Honolulu on April 30, each recorded with its rows, model and code",
  );
  const ledger = await createLedger(join(folder, "predictions"));
  const chosen = await predict(table, ledger, { model, version, file: join(folder, "model.json") });
  say("Life goes on: two months come, Honolulu is deleted, files are written again, nothing old is kept");
  await moveOn(table, version);
  say(`Why did the model say ${chosen.delay.toFixed(3)} minutes for ${chosen.id}?`);
  await reproduce(ledger, chosen.id, { table, file: join(folder, "model.json") });
  await table.close();
  return chosen.id;
}

async function train(table: Table, folder: string): Promise<DelayModel> {
  const start = performance.now();
  const pinned = await table.pins.open("spring");
  const model = await trainDelayModel(pinned.batches({ columns: trainedOn }));
  const file = join(folder, "model.json");
  await writeFile(file, JSON.stringify(model));
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  print(`${count(model.flights)} flights in ${seconds} s; delay in minutes =`);
  const rows = terms.map((term, index) => [term, (model.coefficients[index] ?? 0).toFixed(5)]);
  print(textTable(["term", "coefficient"], rows, { width, rightAligned: new Set([1]) }));
  const { run } = await recordRun({
    name: "delays",
    inputs: { name: "flights", table: `${table.uri}@spring` },
    model: { name: "delays", version: "1", file },
    code,
    metrics: { flights: model.flights, deviation: model.deviation },
  });
  const commit = run.environment.git?.commit.slice(0, 12) ?? run.environment.gitReason;
  print(
    `run ${run.runId} of version ${run.inputs[0]?.version}; git: ${commit}; ${run.model?.hash?.slice(0, 19)}…`,
  );
  return model;
}

interface Predicting {
  readonly model: DelayModel;
  /** File of the model. */
  readonly file: string;
  readonly version: number;
}

/** Records a prediction for each flight, and returns one of them. */
async function predict(
  table: Table,
  ledger: Ledger,
  { model, file, version }: Predicting,
): Promise<{ readonly id: string; readonly delay: number }> {
  const pinned = await table.pins.open("spring");
  const predictions: { readonly predictionId: string; readonly output: { readonly delay: number } }[] = [];
  for await (const row of pinned.rows({
    where: "month = '2001-04' AND origin = 'HNL' AND date >= '2001-04-30'",
  })) {
    const { date, origin, destination } = row;
    const output = { delay: expectedDelay(model, row) };
    const predictionId = `${origin}-${destination} ${String(date).slice(0, 16)}`;
    const inputs = { table: table.uri, version, key: { month: "2001-04", date, origin, destination } };
    predictions.push({
      predictionId,
      output,
      ...{ inputs, model: { name: "delays", version: "1", file }, code: { file: code } },
    });
  }
  const { recorded } = await ledger.record(predictions);
  const [first] = predictions;
  if (first === undefined) throw new Error("no flight left Honolulu on 2001-04-30");
  print(`${recorded} predictions recorded in ${ledger.uri}`);
  return { id: first.predictionId, delay: first.output.delay };
}

async function moveOn(table: Table, version: number): Promise<void> {
  for (const batch of monthlyBatches().slice(springVersion)) {
    const source = { sql: batch.sql, files: { flights: flightsFile() } };
    const { rows, version } = await table.append(source, { batchId: batch.id, gate: flightsSuite });
    print(`version ${version}: ${count(rows)} flights of ${batch.month} appended`);
  }
  const deleted = await table.delete("origin = 'HNL'");
  print(`version ${deleted.version}: ${count(deleted.rowsDeleted)} flights deleted`);
  const optimized = await table.optimize({ zorderBy: ["origin"] });
  print(
    `version ${optimized.version}: ${optimized.filesRemoved} files became ${optimized.filesAdded}, in the order of origins`,
  );
  const { files, pinnedVersions } = await table.vacuum({ retainHours: 0, retentionCheck: false });
  print(
    `${files.length} files vacuumed; version ${version} is kept by ${pinnedVersions.flatMap(({ pins }) => pins)}`,
  );
  print(`reading version ${version}: ${await refusal(table, version)}`);
}

/** The error of a version that cannot be read any more. */
async function refusal(table: Table, version: number): Promise<string> {
  try {
    await (await table.at(version)).count("delay > 0");
  } catch (error) {
    if (isVarveError(error, "DATA_FILE_MISSING")) return error.message;
    throw error;
  }
  throw new Error(`version ${version} can still be read`);
}

async function reproduce(
  ledger: Ledger,
  id: string,
  { table, file }: { readonly table: Table; readonly file: string },
): Promise<void> {
  const model: DelayModel = JSON.parse(await readFile(file, "utf8"));
  const { prediction, inputs, rerun, ...states } = await ledger.reproduce(id, {
    model: (flight) => ({ delay: expectedDelay(model, flight) }),
  });
  const [input] = inputs;
  print(`the flight, from the pin ${input?.pin}, with the fingerprint that was recorded:`);
  print(
    `  ${JSON.stringify(input?.data[0], (_, value) => (typeof value === "bigint" ? Number(value) : value))}`,
  );
  print(
    `model ${prediction.model?.name} ${prediction.model?.version}: ${states.model}; code: ${states.code}`,
  );
  const runs = await (await openRuns(table.uri)).list({ name: "delays" });
  const run = runs.find((each) => each.model?.hash === prediction.model?.hash);
  const again = await trainDelayModel((await table.pins.open("spring")).batches({ columns: trainedOn }));
  const isSame = JSON.stringify(again) === JSON.stringify(model);
  print(
    `made by run ${run?.runId}; trained again on its pin: ${isSame ? "the same model" : "another model"}`,
  );
  print(`said then: ${JSON.stringify(prediction.output)}`);
  print(`says now:  ${JSON.stringify(rerun?.output)}: ${rerun?.matches === true ? "the same" : "another"}`);
}
