import { join } from "node:path";
import { afterAll, beforeAll, describe, it } from "vitest";
import { freshFolder } from "../operations/table-folder.ts";
import { type S3Server, startS3Server } from "../support/s3-server.ts";
import { seed as first } from "../support/seed.ts";
import { runModel } from "./run.ts";

/** VARVE_MODEL_SEEDS and VARVE_MODEL_STEPS make it longer. */
const count = Number(process.env["VARVE_MODEL_SEEDS"] ?? "12");
const steps = Number(process.env["VARVE_MODEL_STEPS"] ?? "12");
/** Seeds that found something once: a restore brings back a column that was dropped. */
const kept = [15_835_543];
const seeds = Array.from({ length: count }, (_, index) => first + index);

let server: S3Server;
beforeAll(async () => {
  server = await startS3Server();
});
afterAll(() => server.close());

describe("a table after random operations is what a model of it in memory is", () => {
  it.each([...kept, ...seeds])("on disk, seed %i", async (seed) => {
    await runModel(join(freshFolder(), "t"), { seed, steps });
  });

  it.each(seeds.filter((_, index) => index % 4 === 0))("on S3, seed %i", async (seed) => {
    await runModel(`s3://bucket/model-${seed}`, {
      seed: seed + 1_000_000,
      steps,
      options: { s3: server.options },
    });
  });
});
