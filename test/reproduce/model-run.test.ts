import { rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createTable } from "../../src/api/create-table.ts";
import { createLedger } from "../../src/api/ledger.ts";
import { recordRun } from "../../src/api/records/runs.ts";
import { schema } from "../../src/schema/builder.ts";
import { freshFolder } from "../operations/table-folder.ts";

/** A run that made a model of a table, and an empty ledger. */
async function trained() {
  const folder = freshFolder();
  const table = await createTable(join(folder, "features"), { schema: schema().long("id").double("weight") });
  await table.append([{ id: 1, weight: 1.5 }]);
  const file = join(folder, "model.bin");
  writeFileSync(file, "weights");
  const ledger = await createLedger(join(folder, "ledger"));
  const inputs = { table: table.uri, version: 1, key: { id: 1 } };
  return { folder, table, file, ledger, inputs, runs: join(folder, "runs") };
}

describe("the run that made a prediction's model", () => {
  it("is the one that the prediction names", async () => {
    const { table, file, ledger, inputs, runs } = await trained();
    const { run } = await recordRun({ runId: "r7", inputs: table.uri, model: file }, { runs });
    const model = { name: "m", file, run: "r7", runs };
    await ledger.record({ predictionId: "a", inputs, output: 1, model });
    expect((await ledger.get("a")).model).toMatchObject({ run: "r7", runs: `file://${runs}` });
    expect((await ledger.reproduce("a")).madeBy).toEqual({
      runId: "r7",
      runs: `file://${runs}`,
      run,
      isSameModel: true,
    });
  });

  it("is found by the model's hash, first below the table of the first input", async () => {
    const { table, file, ledger, inputs, runs } = await trained();
    await recordRun({ runId: "maker", inputs: table.uri, model: file, startedAt: 1_000 });
    await recordRun({ runId: "user", inputs: table.uri, model: file, startedAt: 2_000 });
    await recordRun({ runId: "elsewhere", inputs: table.uri, model: file }, { runs });
    await ledger.record({ predictionId: "a", inputs, output: 1, model: { file } });
    expect((await ledger.reproduce("a")).madeBy).toMatchObject({ runId: "maker", isSameModel: true });
    expect((await ledger.reproduce("a", { runs })).madeBy).toMatchObject({ runId: "elsewhere" });
  });

  it("is missed if the place of its record cannot be opened", async () => {
    const { folder, ledger, inputs } = await trained();
    const loop = join(folder, "loop");
    const model = { name: "m", run: "r7", runs: loop };
    await ledger.record({ predictionId: "a", inputs, output: 1, model });
    symlinkSync("loop", loop);
    const { madeBy, inputs: read } = await ledger.reproduce("a");
    expect(madeBy).toMatchObject({ runId: "r7", problem: expect.stringContaining("loop") });
    expect(read[0]?.data).toHaveLength(1);
  });

  it("is missed if it is named and gone, and the rows are given back all the same", async () => {
    const { table, file, ledger, inputs, runs } = await trained();
    await recordRun({ runId: "r7", inputs: table.uri, model: file }, { runs });
    await ledger.record({ predictionId: "a", inputs, output: 1, model: { file, run: "r8", runs } });
    const { madeBy, inputs: read } = await ledger.reproduce("a");
    expect(madeBy).toMatchObject({ runId: "r8", problem: expect.stringContaining('no run "r8"') });
    expect(madeBy?.run).toBeUndefined();
    expect(read[0]?.data).toHaveLength(1);
    rmSync(runs, { recursive: true });
    expect((await ledger.reproduce("a")).madeBy).toMatchObject({
      problem: expect.stringContaining("There is no runs table"),
    });
  });

  it("is told if its model is another one, and unknown where nothing is recorded", async () => {
    const { table, file, ledger, inputs, runs } = await trained();
    await recordRun({ runId: "r7", inputs: table.uri, model: file }, { runs });
    writeFileSync(file, "other weights");
    await ledger.record({ predictionId: "a", inputs, output: 1, model: { file, run: "r7", runs } });
    expect((await ledger.reproduce("a")).madeBy).toMatchObject({ runId: "r7", isSameModel: false });
    await ledger.record({ predictionId: "b", inputs, output: 1, model: { file } });
    await ledger.record({ predictionId: "c", inputs, output: 1 });
    expect((await ledger.reproduce("b")).madeBy).toBeUndefined();
    expect((await ledger.reproduce("c")).madeBy).toBeUndefined();
  });
});
