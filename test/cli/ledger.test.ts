import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { varve, varveReading } from "../support/cli.ts";

const folder = mkdtempSync(join(tmpdir(), "varve-test-ledger-"));
const at = (name: string) => join(folder, name);
const [features, ledger] = [at("features"), at("ledger")];

beforeAll(async () => {
  writeFileSync(at("may.csv"), "id,city,weight\n1,Bern,1.5\n2,Chur,2.5\n");
  expect(await varve("create", features, "--from", at("may.csv"))).toMatchObject({ code: 0 });
  expect(await varve("ledger", "create", ledger)).toMatchObject({ code: 0 });
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const prediction = (predictionId: string, output: unknown) =>
  `${JSON.stringify({ predictionId, inputs: { table: `${features}@v0`, key: { id: 2 } }, output, at: "2024-05-01" })}\n`;

describe("varve ledger and reproduce", () => {
  it("record predictions of a file or standard input once, and make one again", async () => {
    writeFileSync(at("p.jsonl"), `${prediction("p", 5)}\n${prediction("q", 6)}`);
    const { stdout, code } = await varve("ledger", "record", ledger, "--from", at("p.jsonl"));
    expect([code, stdout]).toEqual([0, "version 1: 2 predictions recorded\n"]);
    const again = await varveReading(prediction("p", 5), "ledger", "record", ledger, "--json");
    expect(JSON.parse(again.stdout)).toEqual({
      outcome: "alreadyRecorded",
      version: 1,
      recorded: 0,
      alreadyRecorded: 1,
    });
    expect(await varveReading(prediction("p", 7), "ledger", "record", ledger)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("PREDICTION_EXISTS"),
    });
    const shown = await varve("ledger", "show", ledger, "p");
    expect(JSON.parse(shown.stdout)).toMatchObject({ predictionId: "p", output: 5, inputs: [{ rows: 1 }] });
    const model = `sed 's/.*"weight"://; s/}$//' | while read w; do echo "$w * 2" | sed 's/2.5 \\* 2/5/'; done`;
    const same = await varve("reproduce", ledger, "p", "--with", model);
    expect([same.stderr, same.code]).toEqual(["", 0]);
    expect(same.stdout).toBe(
      `prediction p of 2024-05-01T00:00:00.000Z: 5\n  file://${features}@v0: 1 row, the same as recorded\n    {"id":2,"city":"Chur","weight":2.5}\nthe model says the same: 5\n`,
    );
    const other = await varve("reproduce", ledger, "q", "--with", model);
    expect(other).toMatchObject({ code: 1, stderr: "" });
    expect(other.stdout).toContain("the model says something else: 5\n  $: recorded 6, now 5\n");
    const near = await varve("reproduce", ledger, "q", "--with", model, "--tolerance", "1", "--json");
    expect(near.code).toBe(0);
    expect(JSON.parse(near.stdout)).toMatchObject({ rerun: { output: 5, matches: true } });
  });

  it("record predictions of files by a key, and say what of today would have changed them", async () => {
    const own = at("bulk");
    await varve("ledger", "create", own);
    writeFileSync(at("scores.csv"), "prediction_id,nr,output\na,1,3\nb,2,5\n");
    const flags = [
      "--input",
      `${features}@v0`,
      "--key",
      "id=nr",
      "--model-name",
      "m",
      "--model-version",
      "3",
    ];
    const { stdout, stderr } = await varve("ledger", "record", own, at("scores.csv"), ...flags);
    expect([stdout, stderr]).toEqual(["version 1: 2 predictions recorded\n", ""]);
    expect(await varve("reproduce", own, "a")).toMatchObject({ code: 0 });
    const compared = ["ledger", "diff", own, "--where", "model_version = '3'"];
    const diff = await varve(
      ...compared,
      "--with-then",
      "sed 's/.*:1.5.*/3/; s/.*:2.5.*/5/'",
      "--with",
      "sed 's/.*/5/'",
    );
    expect([diff.code, diff.stderr]).toEqual([1, ""]);
    expect(diff.stdout).toContain("  $: then 3, today 5; due to data 0, program 2\n");
    expect(diff.stdout).toMatch(/\n2 predictions: 1 the same, 1 different \(1 mostly by the program\)\n$/);
    const json = await varve("ledger", "diff", own, "b", "--with", "sed 's/.*/5/'", "--json");
    expect(json.code).toBe(0);
    expect(JSON.parse(json.stdout)).toMatchObject({
      summary: { same: 1, different: 0 },
      predictions: [{ outcome: "same", data: "same", prediction: { predictionId: "b" } }],
    });
  });

  it.each([
    ["flags of files without files", ["record", "--key", "id"], "--key is for predictions from files"],
    ["files and JSON lines at once", ["record", "x.csv", "--from", "y"], "exclude each other"],
    ["a key without a table", ["record", "x.csv", "--key", "id"], "--input"],
    ["neither ids nor a condition", ["diff"], "one of the two"],
    ["ids and a condition", ["diff", "p", "--where", "true"], "one of the two"],
  ])("refuse %s", async (_, [verb = "", ...rest], text) => {
    const { code, stderr } = await varve("ledger", verb, ledger, ...rest);
    expect([code, stderr]).toEqual([expect.any(Number), expect.stringContaining(text)]);
    expect(code).not.toBe(0);
  });

  it.each([
    ["a line that is not JSON", "{\n", "Line 1 of standard input is not JSON"],
    ["a line that is not an object", "[1]\n", "Line 1 of standard input is not a JSON object"],
    [
      "a member that predictions do not have",
      '{"predictionId":"x","result":1}\n',
      'Prediction 2: Unknown option "result" of ledger.record',
    ],
    [
      "a time that is none",
      '{"predictionId":"x","output":1,"at":"v3"}\n',
      'Prediction 2: "v3" is not a time',
    ],
    ["a prediction without output", '{"predictionId":"x"}\n', "it has no output"],
  ])("refuse %s, and write nothing", async (_, lines, text) => {
    const before = (await varve("history", ledger, "--format", "json")).stdout;
    const { code, stderr } = await varveReading(prediction("new", 1) + lines, "ledger", "record", ledger);
    expect(code).toBeGreaterThan(0);
    expect(stderr).toContain(text.replace("Line 1", "Line 2"));
    expect((await varve("history", ledger, "--format", "json")).stdout).toBe(before);
  });

  it("cut what is too long to read, which --json prints", async () => {
    const own = at("long");
    await varve("ledger", "create", own);
    const line = `{"predictionId":"p","output":[${"7,".repeat(400)}7],"features":{"n":1}}\n`;
    expect(await varveReading(line, "ledger", "record", own)).toMatchObject({ code: 0 });
    const other = `printf '[${"8,".repeat(400)}8]\\n'`;
    const cut = "… (803 characters)";
    const reproduced = await varve("reproduce", own, "p", "--with", other);
    expect(reproduced.stdout.split(cut).length).toBeGreaterThan(2);
    const compared = await varve("ledger", "diff", own, "p", "--with", other);
    expect(compared.stdout.split(cut).length).toBeGreaterThan(2);
    for (const { stdout } of [reproduced, compared])
      expect(Math.max(...stdout.split("\n").map((text) => text.length))).toBeLessThan(1_000);
    const json = await varve("reproduce", own, "p", "--with", other, "--json");
    expect(JSON.parse(json.stdout).rerun.output).toHaveLength(401);
  });

  it("say which command is needed to know more, and which version is", async () => {
    const [moved, own] = [at("moved"), at("moved-ledger")];
    await varve("create", moved, "--from", at("may.csv"));
    await varve("ledger", "create", own);
    const line = JSON.stringify({
      predictionId: "p",
      output: 1,
      inputs: { table: `${moved}@v0`, key: { id: 1 } },
    });
    await varveReading(line, "ledger", "record", own);
    await varve("update", moved, "--set", "weight = 9", "--where", "id = 1");
    const compared = await varve("ledger", "diff", own, "p", "--with", "echo 2");
    expect(compared.stdout).toContain(
      "  today's data: It needs the program --with-then, which was not given.\n",
    );
    const source = at("unversioned.csv");
    writeFileSync(source, "prediction_id,id,output\nz,1,3\n");
    const unversioned = await varve("ledger", "record", ledger, source, "--input", features, "--key", "id");
    expect(unversioned).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(
        `Cannot record the predictions: the input ${features} needs the version`,
      ),
    });
    writeFileSync(source, "prediction_id,output\nz,3\n");
    const nothing = await varve(
      "ledger",
      "record",
      ledger,
      source,
      "--input",
      `${features}@v0`,
      "--where",
      "id > 9",
    );
    expect(nothing).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^varve: Cannot record the predictions: .* has no such row/),
    });
  });

  it("name a file that does not exist, and a model that fails", async () => {
    const absent = await varve("ledger", "record", ledger, "--from", at("absent.jsonl"));
    expect(absent).toMatchObject({ code: 1, stderr: expect.stringContaining("SOURCE_UNREADABLE") });
    const failed = await varve("reproduce", ledger, "p", "--with", "echo no weights >&2; exit 4");
    expect(failed).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/exit code 4.*no weights.*MODEL_FAILED/s),
    });
    const unknown = await varve("reproduce", ledger, "none");
    expect(unknown).toMatchObject({ code: 1, stderr: expect.stringContaining("PREDICTION_NOT_FOUND") });
  });
});
