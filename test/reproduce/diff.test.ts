import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createTable } from "../../src/api/create-table.ts";
import { createLedger } from "../../src/api/ledger.ts";
import { schema } from "../../src/schema/builder.ts";
import { freshFolder } from "../operations/table-folder.ts";

type Row = Readonly<Record<string, unknown>>;
const weight = (row: Row) => Number(row["weight"]);

/** A table whose weights are changed after `weight * 2` was predicted of two of them. */
async function predicted() {
  const folder = freshFolder();
  const table = await createTable(join(folder, "features"), {
    schema: schema().long("id").double("weight"),
  });
  const { version } = await table.append([1, 2, 3].map((id) => ({ id, weight: id })));
  const ledger = await createLedger(join(folder, "ledger"));
  const record = (id: number) => ({
    predictionId: `p${id}`,
    inputs: { table: table.uri, version, key: { id } },
    output: { score: id * 2 },
    model: { name: "m", version: String(id) },
  });
  await ledger.record([record(1), record(2)]);
  await table.update({ set: { weight: "weight + 10" }, where: "id = 1" });
  return { folder, table, version, ledger };
}

const recorded = (row: Row) => ({ score: weight(row) * 2 });

describe("comparing predictions with what today would say", () => {
  it("tells the part of the data from that of the program, whatever the order", async () => {
    const { ledger } = await predicted();
    const today = (row: Row) => ({ score: weight(row) * 3 });
    const { predictions, summary } = await ledger.diff(["p1", "p2"], { recorded, today });
    // then 1*2 = 2, data alone 11*2 = 22, program alone 1*3 = 3, both 11*3 = 33
    expect(predictions[0]).toMatchObject({
      outcome: "different",
      data: "changed",
      versions: [2],
      reproduces: true,
      differences: [
        { path: "$.score", recorded: 2, reproduced: 33, due: { data: (20 + 30) / 2, program: (1 + 11) / 2 } },
      ],
    });
    expect(predictions[0]?.evaluated).toEqual([
      { today: [], output: { score: 2 } },
      { today: ["data"], output: { score: 22 } },
      { today: ["program"], output: { score: 3 } },
      { today: ["data", "program"], output: { score: 33 } },
    ]);
    expect(predictions[1]).toMatchObject({
      data: "same",
      differences: [{ recorded: 4, reproduced: 6, due: { data: 0, program: 2 } }],
    });
    expect(summary).toEqual({ same: 0, different: 2, notEvaluated: 0, dueTo: { data: 1, program: 1 } });
  });

  it("tells data, model and code apart when each mixture can be run", async () => {
    const { ledger } = await predicted();
    // code(model * weight): then identity and 2, today +100 and 3
    const { predictions } = await ledger.diff("p1", {
      recorded,
      todaysModel: (row) => ({ score: weight(row) * 3 }),
      todaysCode: (row) => ({ score: weight(row) * 2 + 100 }),
      today: (row) => ({ score: weight(row) * 3 + 100 }),
    });
    const [difference] = predictions[0]?.differences ?? [];
    expect(difference).toMatchObject({
      recorded: 2,
      reproduced: 133,
      due: { data: 25, model: 6, code: 100 },
    });
    expect(predictions[0]?.evaluated).toHaveLength(8);
  });

  it.each(["todaysModel", "todaysCode"])("refuses %s beside today without the other", async (name) => {
    const { ledger } = await predicted();
    await expect(ledger.diff("p1", { recorded, today: recorded, [name]: recorded })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      message: expect.stringContaining(`${name} (--with-todays-`),
    });
  });

  it("gives shares of what is no number, and finds equal what is within the tolerance", async () => {
    const { ledger } = await predicted();
    const label = (limit: number) => (row: Row) => (weight(row) > limit ? "late" : "in time");
    await ledger.record({
      predictionId: "label",
      inputs: { table: (await ledger.get("p1")).inputs[0]?.table ?? "", version: 1, key: { id: 1 } },
      output: "in time",
    });
    const { predictions } = await ledger.diff("label", { recorded: label(5), today: label(0) });
    expect(predictions[0]?.differences).toEqual([
      { path: "$", recorded: "in time", reproduced: "late", due: { data: 0.5, program: 0.5 } },
    ]);
    const near = (row: Row) => ({ score: weight(row) * 2 + 0.001 });
    const within = await ledger.diff("p2", { recorded, today: near, tolerance: { absolute: 0.01 } });
    expect(within.summary).toMatchObject({ same: 1, different: 0 });
    const beyond = await ledger.diff("p2", { recorded, today: near, tolerance: { absolute: 0.0001 } });
    expect(beyond.summary).toMatchObject({ same: 0, different: 1, dueTo: { program: 1 } });
  });

  it("takes the recorded output for the recorded program, and names what it cannot tell", async () => {
    const { ledger } = await predicted();
    const today = (row: Row) => ({ score: weight(row) * 3 });
    const { predictions } = await ledger.diff(["p1", "p2"], { today });
    expect(predictions[0]).toMatchObject({ outcome: "different", reproduces: undefined });
    expect(predictions[0]?.differences).toEqual([
      { path: "$.score", recorded: 2, reproduced: 33, due: undefined },
    ]);
    expect(predictions[0]?.evaluated[1]).toEqual({
      today: ["data"],
      reason: expect.stringContaining("needs the program recorded"),
    });
    // The data are the same, so all of the difference is the program's.
    expect(predictions[1]?.differences).toMatchObject([{ due: { data: 0, program: 2 } }]);
    const { summary, predictions: none } = await ledger.diff(["p1", "p2"]);
    expect(summary).toEqual({ same: 1, different: 0, notEvaluated: 1, dueTo: {} });
    expect(none.map(({ data }) => data)).toEqual(["changed", "same"]);
  });

  it("says that the recorded program does not say what was recorded", async () => {
    const { ledger } = await predicted();
    const { predictions } = await ledger.diff("p2", { recorded: () => ({ score: 5 }) });
    expect(predictions[0]).toMatchObject({ reproduces: false, outcome: "same" });
  });

  it("names rows and tables that are gone, then or today", async () => {
    const { folder, table, ledger } = await predicted();
    await table.delete("id = 1");
    const today = recorded;
    const [first] = (await ledger.diff("p1", { recorded, today })).predictions;
    expect(first).toMatchObject({ outcome: "notEvaluated", data: "gone" });
    expect(first?.evaluated[3]?.reason).toContain("no such row any more");
    await table.vacuum({ retainHours: 0, retentionCheck: false });
    await table.close();
    const [second] = (await ledger.diff("p1", { recorded, today })).predictions;
    expect(second?.evaluated[2]?.reason).toContain("are gone");
    rmSync(join(folder, "features"), { recursive: true });
    const [third] = (await ledger.diff("p2", { recorded, today })).predictions;
    expect(third).toMatchObject({ outcome: "notEvaluated", data: "gone" });
    expect(third?.evaluated[3]?.reason).toContain("cannot be read");
  });

  it("selects by a condition, runs a command once for all, and splits what it prints", async () => {
    const { folder, table, version, ledger } = await predicted();
    await ledger.record({
      predictionId: "both",
      inputs: { table: table.uri, version, where: "id <> 2" },
      output: [1, 3],
      // The first, so that the outputs of the next begin behind its two.
      at: "2020-01-01",
      model: { name: "m", version: "2" },
    });
    const [script, runs] = [join(folder, "m.sh"), join(folder, "runs")];
    writeFileSync(
      script,
      `echo run >> '${runs}'; while read -r line; do echo "$line" | sed 's/.*"weight":\\([0-9.]*\\).*/\\1/'; done\n`,
    );
    const { predictions, summary } = await ledger.diff(
      { where: "model_version = '2' AND model_name = 'm'" },
      { today: { command: `sh '${script}'` } },
    );
    expect(predictions.map(({ prediction }) => prediction.predictionId).sort()).toEqual(["both", "p2"]);
    const outputs = predictions.map(({ prediction, evaluated }) => [
      prediction.predictionId,
      evaluated.at(-1)?.output,
    ]);
    expect(Object.fromEntries(outputs)).toEqual({ both: [11, 3], p2: 2 });
    expect(summary.different).toBe(2);
    const { readFileSync } = await import("node:fs");
    expect(readFileSync(runs, "utf8")).toBe("run\nrun\n");
  });

  it.each([
    ["an unknown id", ["nope"], {}, "PREDICTION_NOT_FOUND"],
    ["a condition that selects nothing", { where: "model_version = 'x'" }, {}, "PREDICTION_NOT_FOUND"],
    ["a condition that selects too many", { where: "true" }, { limit: 1 }, "INVALID_ARGUMENT"],
    [
      "a condition that reads a file",
      { where: "output IN (FROM read_text('/etc/passwd'))" },
      {},
      "SQL_REFUSED",
    ],
    ["a model that fails", ["p1"], { today: { command: "exit 3" } }, "MODEL_FAILED"],
    [
      "a model that hangs",
      ["p1"],
      { today: { command: "sleep 60", timeoutMilliseconds: 200 } },
      "MODEL_FAILED",
    ],
    ["no program", ["p1"], { today: 1 as never }, "INVALID_ARGUMENT"],
    ["a tolerance below 0", ["p1"], { tolerance: { absolute: -1 } }, "INVALID_ARGUMENT"],
  ])("refuses %s", async (_, selection, options, code) => {
    const { ledger } = await predicted();
    await expect(ledger.diff(selection, options)).rejects.toMatchObject({ code });
  });
});
