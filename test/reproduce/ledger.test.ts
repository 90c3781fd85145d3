import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { createTable } from "../../src/api/create-table.ts";
import { createLedger, openLedger } from "../../src/api/ledger.ts";
import { openTable } from "../../src/api/open-table.ts";
import type { Prediction } from "../../src/reproduce/prediction.ts";
import { schema } from "../../src/schema/builder.ts";
import { dataFiles, freshFolder } from "../operations/table-folder.ts";
import { isRunning } from "../support/processes.ts";

const rows = [
  { id: 1n, city: "Bern", weight: 1.5 },
  { id: 2n, city: "Chur", weight: 2.5 },
  { id: 3n, city: "Bern", weight: 3.5 },
];

/** A table of three rows, and an empty ledger beside it. */
async function recorded() {
  const folder = freshFolder();
  const table = await createTable(join(folder, "features"), {
    schema: schema().long("id").string("city").double("weight"),
  });
  const { version } = await table.append(rows);
  const ledger = await createLedger(join(folder, "ledger"));
  return { folder, table, version, ledger, uri: table.uri };
}

/** What `find` answers once it is not empty; its last answer after so many tries. */
async function until<T>(find: () => T, tries = Number.POSITIVE_INFINITY): Promise<T> {
  for (let left = tries; ; left--) {
    const found = find();
    if (found || left <= 1) return found;
    await wait(50);
  }
}

const count = async (uri: string) => (await openTable(uri)).count();

describe("recording predictions", () => {
  it("keeps what the rows of a key were, and gives them back after the table changed", async () => {
    const { table, version, ledger, uri } = await recorded();
    const inputs = { table: `${uri}@v${version}`, key: { id: 2 } };
    const at = new Date("2024-05-01T10:00:00Z");
    const prediction = { predictionId: "p", inputs, features: [2.5], output: { late: 0.25 }, at };
    expect(await ledger.record(prediction)).toEqual({
      outcome: "recorded",
      version: 1,
      recorded: 1,
      alreadyRecorded: 0,
    });
    await table.update({ set: { weight: "0" } });
    await table.delete("id = 2");
    await table.optimize();
    const reproduction = await (await openLedger(ledger.uri)).reproduce("p");
    expect(reproduction.inputs.map(({ data }) => data)).toEqual([[rows[1]]]);
    expect(reproduction).toMatchObject({
      prediction: { predictionId: "p", features: [2.5], output: { late: 0.25 }, at },
      inputs: [{ table: uri, version, key: { id: 2 }, rows: 1 }],
      model: "notRecorded",
      code: "notRecorded",
    });
  });

  it("takes several inputs: rows by key, by condition and by value", async () => {
    const { version, ledger, uri } = await recorded();
    const inputs = [
      { name: "one", table: uri, version, key: { city: "Bern", id: 3n } },
      { name: "city", table: uri, version, where: "city = 'Bern' -- all of them" },
      { name: "given", rows: [{ a: 1, b: [new Date(0)] }] },
    ];
    await ledger.record({ predictionId: "p", inputs, output: 1 });
    const reproduction = await ledger.reproduce("p", {
      model: (row) => Object.entries(row).map(([name, list]) => [name, (list as unknown[]).length]),
    });
    expect(reproduction.inputs.map(({ data }) => data)).toEqual([
      [rows[2]],
      [rows[0], rows[2]],
      [{ a: 1, b: ["1970-01-01T00:00:00.000Z"] }],
    ]);
    expect(reproduction.rerun?.output).toEqual([
      ["one", 1],
      ["city", 2],
      ["given", 1],
    ]);
  });

  it("refuses inputs of one name, of which a model would get only the last", async () => {
    const { version, ledger, uri } = await recorded();
    const byKey = { table: uri, version, key: { id: 1 } };
    for (const names of [
      ["a", "a"],
      ["1", undefined],
    ]) {
      const inputs = [
        { name: names[0], ...byKey },
        { name: names[1], rows: [{ x: 1 }] },
      ];
      await expect(ledger.record({ predictionId: "p", inputs, output: 1 })).rejects.toMatchObject({
        code: "PREDICTION_INVALID",
        message: expect.stringContaining(`"${names[0]}"`),
      });
    }
  });

  it("keeps arrays of numbers and sets as arrays, and refuses what it could not give back", async () => {
    const { ledger } = await recorded();
    const features = [new Float32Array([0.5, 2]), new Set([1n]), new Uint8Array([1]).buffer];
    await ledger.record({ predictionId: "p", features, output: new BigInt64Array([5n]) });
    expect(await ledger.get("p")).toMatchObject({ features: [[0.5, 2], [1], "AQ=="], output: [5] });
    const deep = (levels: number) =>
      Array.from({ length: levels }).reduce<unknown>((inner) => [inner], "x".repeat(2000));
    await ledger.record({ predictionId: "deep", features: deep(900), output: 1 });
    expect(await ledger.get("deep")).toMatchObject({ features: deep(900) });
    for (const output of [Promise.resolve(1), deep(1001)])
      await expect(ledger.record({ predictionId: "q", output })).rejects.toMatchObject({
        code: "PREDICTION_INVALID",
        message: expect.stringContaining("its output cannot be written as JSON"),
      });
  });

  it("says by its own name which column a key does not fit", async () => {
    const { version, ledger, uri } = await recorded();
    const inputs = { table: uri, version, key: { id: "1" } };
    await expect(ledger.record({ predictionId: "p", inputs, output: 1 })).rejects.toMatchObject({
      code: "PREDICTION_INVALID",
      message: expect.stringMatching(/key \(id\) does not fit its column.*id long/),
    });
  });

  it("reads tables whose columns have the names that a query uses", async () => {
    const { folder, ledger } = await recorded();
    const struct = {
      type: "struct",
      fields: [{ name: "t", type: "long", nullable: true, metadata: {} }],
    } as const;
    const columns = schema()
      .column("t", struct)
      .column("k", struct)
      .long("key")
      .long("hash")
      .long("__varve_key");
    const table = await createTable(join(folder, "names"), { schema: columns });
    const row = { t: { t: 1n }, k: { t: 2n }, key: 3n, hash: 4n, __varve_key: 5n };
    const { version } = await table.append([row, { ...row, key: 30n }]);
    const key = { key: 3, hash: 4, __varve_key: 5 };
    const place = { table: table.uri, version };
    const inputs = [
      { ...place, key },
      { ...place, where: "t.t = 1 AND k.t = 2 AND key = 3" },
    ];
    await ledger.record({ predictionId: "p", inputs, output: 1 });
    const { inputs: found } = await ledger.reproduce("p");
    expect(found.map(({ data }) => data)).toEqual([[row], [row]]);
  });

  it("writes an id once: the same content is no second row, other content an error", async () => {
    const { version, ledger, uri } = await recorded();
    const prediction = { predictionId: "p", inputs: { table: uri, version, key: { id: 1 } }, output: 1 };
    await ledger.record(prediction);
    expect(await ledger.record({ output: 1, inputs: [prediction.inputs], predictionId: "p" })).toEqual({
      outcome: "alreadyRecorded",
      version: 1,
      recorded: 0,
      alreadyRecorded: 1,
    });
    const others: Prediction[] = [
      { ...prediction, predictionId: "new" },
      { ...prediction, output: 2 },
    ];
    await expect(ledger.record(others)).rejects.toMatchObject({
      code: "PREDICTION_EXISTS",
      data: { predictionId: "p" },
    });
    expect(await count(ledger.uri)).toBe(1);
    expect(await ledger.record([prediction, { ...prediction, predictionId: "new" }])).toMatchObject({
      outcome: "recorded",
      recorded: 1,
      alreadyRecorded: 1,
    });
    const twice: Prediction[] = [
      { predictionId: "x", output: 1 },
      { predictionId: "x", output: 2 },
    ];
    await expect(ledger.record(twice)).rejects.toMatchObject({ code: "PREDICTION_EXISTS" });
    expect(await ledger.record([twice[0], twice[0]] as Prediction[])).toMatchObject({ recorded: 1 });
    expect(await count(ledger.uri)).toBe(3);
  });

  it("records an id once when writers race, and refuses the other content", async () => {
    const { ledger } = await recorded();
    const writers = await Promise.all(Array.from({ length: 4 }, () => openLedger(ledger.uri)));
    const same = await Promise.all(writers.map((writer) => writer.record({ predictionId: "p", output: 1 })));
    expect(same.reduce((sum, result) => sum + result.recorded, 0)).toBe(1);
    const outcomes = await Promise.allSettled(
      writers.map((writer, index) => writer.record({ predictionId: "q", output: index })),
    );
    const refused = outcomes.filter((outcome) => outcome.status === "rejected");
    expect(refused.map(({ reason }) => (reason as { code: string }).code)).toEqual(
      Array(3).fill("PREDICTION_EXISTS"),
    );
    expect(await count(ledger.uri)).toBe(2);
  });

  it("takes many from an iterable in one commit, with inputs of any key", async () => {
    const { version, ledger, uri } = await recorded();
    async function* many() {
      for (let number = 0; number < 25_000; number++)
        yield {
          predictionId: `p${number}`,
          inputs: { table: uri, version, key: { id: (number % 3) + 1 } },
          output: number,
        };
    }
    expect(await ledger.record(many())).toMatchObject({ version: 1, recorded: 25_000 });
    const { inputs, prediction } = await ledger.reproduce("p24999");
    expect([prediction.output, inputs[0]?.data]).toEqual([24_999, [rows[0]]]);
  });

  it.each([
    ["a version that does not exist", { version: 9, key: { id: 1 } }],
    ["no version", { key: { id: 1 } }],
    ["a column that does not exist", { version: 1, key: { nr: 1 } }],
    ["a value that its column cannot hold", { version: 1, key: { id: "x" } }],
    ["a key without a row", { version: 1, key: { id: 7 } }],
    ["a null that no row has", { version: 1, key: { city: null } }],
    ["a key of nested values", { version: 1, key: { id: [1] } }],
    ["a condition that selects nothing", { version: 1, where: "id > 7" }],
    ["a condition that is not one", { version: 1, where: "1); DROP TABLE t; --" }],
    ["a condition that reads a file", { version: 1, where: "id IN (FROM read_text('/etc/passwd'))" }],
    ["a condition whose answer changes", { version: 1, where: "random() < 2" }],
    ["a condition that is a number", { version: 1, where: "id + 7" }],
    ["both key and condition", { version: 1, key: { id: 1 }, where: "id = 1" }],
    ["neither key nor condition", { version: 1 }],
  ])("refuses an input with %s, and writes nothing", async (_, input) => {
    const { ledger, uri } = await recorded();
    const good = { predictionId: "good", output: 1 };
    const bad = { predictionId: "bad", inputs: { table: uri, ...input }, output: 1 } as unknown as Prediction;
    await expect(ledger.record([good, bad])).rejects.toMatchObject({
      code: "PREDICTION_INVALID",
      data: { predictionId: "bad" },
    });
    expect(await count(ledger.uri)).toBe(0);
  });

  it("refuses a file of the model with a hash of its own, which would be replaced", async () => {
    const { ledger } = await recorded();
    const model = { file: "model.json", hash: "sha256:00" };
    await expect(ledger.record({ predictionId: "p", output: 1, model })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      message: expect.stringContaining("ledger.record: The option model has a file and a hash"),
    });
    expect(await count(ledger.uri)).toBe(0);
  });

  it("refuses what is no ledger, and a ledger at a version", async () => {
    const { ledger, uri } = await recorded();
    await expect(openLedger(uri)).rejects.toMatchObject({ code: "SCHEMA_MISMATCH" });
    await expect(openLedger(`${ledger.uri}@v0`)).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    await expect(openLedger(freshFolder())).rejects.toMatchObject({ code: "NOT_A_TABLE" });
    await expect(createLedger(ledger.uri)).rejects.toMatchObject({ code: "TABLE_EXISTS" });
    await expect(ledger.get("none")).rejects.toMatchObject({ code: "PREDICTION_NOT_FOUND" });
    await expect(ledger.record({ predictionId: "", output: 1 })).rejects.toMatchObject({
      code: "PREDICTION_INVALID",
    });
  });
});

describe("reproducing a prediction", () => {
  it.each([
    ["inputs", "not JSON"],
    ["inputs", "{}"],
    ["inputs", '[{"rows":1,"fingerprint":"x"}]'],
    ["inputs", '[{"rows":1,"fingerprint":"x","table":"t","tableId":"i","version":1,"where":1}]'],
    ["model", '{"file":1}'],
    ["output", "{"],
  ])("names the column of a ledger whose %s another program made %s", async (column, text) => {
    const { ledger } = await recorded();
    await ledger.record({ predictionId: "p", output: 1, model: { name: "m" } });
    const table = await openTable(ledger.uri);
    await table.update({ set: { [column]: `'${text}'` } });
    await expect(ledger.reproduce("p")).rejects.toMatchObject({
      code: "DATA_FILE_CORRUPT",
      data: { column: [column] },
    });
  });

  it("says that rows are gone after a vacuum, and that a version or table is", async () => {
    const { folder, table, version, ledger, uri } = await recorded();
    await ledger.record({ predictionId: "p", inputs: { table: uri, version, where: "true" }, output: 1 });
    for (const file of dataFiles(join(folder, "features"))) rmSync(join(folder, "features", file));
    const gone = (what: string) => ({ code: "PREDICTION_NOT_REPRODUCIBLE", data: { gone: [what] } });
    await expect(ledger.reproduce("p")).rejects.toMatchObject(gone("rows"));
    await table.close();
    rmSync(join(folder, "features"), { recursive: true });
    await expect(ledger.reproduce("p")).rejects.toMatchObject(gone("table"));
    const again = await createTable(uri, { schema: schema().long("id").string("city").double("weight") });
    await expect(ledger.reproduce("p")).rejects.toMatchObject(gone("version"));
    await again.append(rows);
    await expect(ledger.reproduce("p")).rejects.toMatchObject(gone("table"));
  });

  it("reads the rows from a pin once the version is gone, even with its table", async () => {
    const { folder, table, version, ledger, uri } = await recorded();
    await table.pins.add("model-7", { version });
    const inputs = [
      { table: uri, version, key: { id: 2 } },
      { table: uri, version, where: "city = 'Bern'" },
    ];
    await ledger.record({ predictionId: "p", inputs, output: 1 });
    const read = async () => (await ledger.reproduce("p")).inputs.map(({ data, pin }) => [data, pin]);
    const [one, two] = [[rows[1]], [rows[0], rows[2]]];
    expect(await read()).toEqual([
      [one, undefined],
      [two, undefined],
    ]);
    await table.delete("true");
    await table.vacuum({ retainHours: 0, retentionCheck: false });
    await table.close();
    expect(await read()).toEqual([
      [one, "model-7"],
      [two, "model-7"],
    ]);
    rmSync(join(folder, "features", "_delta_log"), { recursive: true });
    expect(await read()).toEqual([
      [one, "model-7"],
      [two, "model-7"],
    ]);
    rmSync(join(folder, "features", "_pins"), { recursive: true });
    await expect(read()).rejects.toMatchObject({
      code: "PREDICTION_NOT_REPRODUCIBLE",
      data: { gone: ["table"] },
    });
  });

  it("reads the rows from a pin if the table's log is damaged, and else says so", async () => {
    const { folder, table, version, ledger, uri } = await recorded();
    await ledger.record({ predictionId: "p", inputs: { table: uri, version, key: { id: 2 } }, output: 1 });
    await table.pins.add("model-7", { version });
    await table.close();
    writeFileSync(join(folder, "features", "_delta_log", "00000000000000000001.json"), "no JSON");
    expect((await ledger.reproduce("p")).inputs).toMatchObject([{ pin: "model-7", data: [rows[1]] }]);
    rmSync(join(folder, "features", "_pins"), { recursive: true });
    await expect(ledger.reproduce("p")).rejects.toMatchObject({
      code: "PREDICTION_NOT_REPRODUCIBLE",
      message: expect.stringContaining("not JSON"),
      data: { gone: ["version"] },
    });
  });

  it("says that rows differ when a file was replaced by one with other values", async () => {
    const { folder, version, ledger, uri } = await recorded();
    const other = await createTable(join(folder, "other"), {
      schema: schema().long("id").string("city").double("weight"),
    });
    await other.append(rows.map((row) => ({ ...row, weight: row.weight + 1 })));
    await ledger.record({ predictionId: "p", inputs: { table: uri, version, key: { id: 1 } }, output: 1 });
    const [from = "", to = ""] = ["other", "features"].map((name) =>
      join(folder, name, dataFiles(join(folder, name))[0] ?? ""),
    );
    const { copyFileSync } = await import("node:fs");
    copyFileSync(from, to);
    await expect(ledger.reproduce("p")).rejects.toMatchObject({
      code: "PREDICTION_NOT_REPRODUCIBLE",
      message: expect.stringContaining("fingerprint"),
    });
  });

  it("runs a function again, and compares exactly or within a tolerance", async () => {
    const { version, ledger, uri } = await recorded();
    const inputs = { table: uri, version, where: "city = 'Bern'" };
    await ledger.record({ predictionId: "p", inputs, output: [{ s: 1.5 }, { s: 3.5 }] });
    const model = (row: Readonly<Record<string, unknown>>) => ({ s: Number(row["weight"]) + 0.001 });
    const { rerun } = await ledger.reproduce("p", { model });
    expect(rerun).toEqual({
      output: [{ s: 1.501 }, { s: 3.501 }],
      matches: false,
      differences: [
        { path: "$[0].s", recorded: 1.5, reproduced: 1.501 },
        { path: "$[1].s", recorded: 3.5, reproduced: 3.501 },
      ],
    });
    const matches = async (tolerance: { absolute?: number; relative?: number }) =>
      (await ledger.reproduce("p", { model, tolerance })).rerun?.matches;
    expect(await matches({ absolute: 0.01 })).toBe(true);
    expect(await matches({ relative: 0.001 })).toBe(true);
    expect(await matches({ relative: 0.0005 })).toBe(false);
    await expect(matches({ absolute: -1 })).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    await expect(
      ledger.reproduce("p", {
        model: () => {
          throw new Error("no weights");
        },
      }),
    ).rejects.toMatchObject({ code: "MODEL_FAILED", message: expect.stringContaining("no weights") });
  });

  it("compares what a function says of the only row with the prediction itself", async () => {
    const { version, ledger, uri } = await recorded();
    await ledger.record({ predictionId: "p", inputs: { table: uri, version, key: { id: 2 } }, output: 2 });
    const { rerun } = await ledger.reproduce("p", { model: ({ id }) => Number(id) });
    expect(rerun).toEqual({ output: 2, matches: true, differences: [] });
  });

  it("compares long integers within a tolerance by every digit", async () => {
    const { ledger } = await recorded();
    const output = 2n ** 60n;
    await ledger.record({ predictionId: "p", features: 1, output });
    const matches = async (said: bigint | number, absolute: number) =>
      (await ledger.reproduce("p", { model: () => said, tolerance: { absolute } })).rerun?.matches;
    expect(await matches(output + 100n, 50)).toBe(false);
    expect(await matches(output - 100n, 100)).toBe(true);
    expect(await matches(2 ** 53 - 1, 1)).toBe(false);
    expect(await matches(2 ** 60, 1)).toBe(true);
  });

  it("runs a command on JSON lines, with every digit of long integers", async () => {
    const { folder, table, ledger, uri } = await recorded();
    const { version } = await table.append([{ id: 9007199254740993n, city: "Ürg", weight: 4 }]);
    const script = join(folder, "predict.sh");
    writeFileSync(script, `while read -r line; do echo "warm" >&2; echo "$line"; done\n`);
    const inputs = { table: uri, version, where: "id > 100" };
    const output = { id: 9007199254740993n, city: "Ürg", weight: 4 };
    await ledger.record({ predictionId: "p", inputs, output });
    const shell = await ledger.reproduce("p", { model: { command: `sh '${script}'` } });
    expect(shell.rerun).toEqual({ output, matches: true, differences: [] });
    const listed = await ledger.reproduce("p", { model: { command: ["sh", "predict.sh"], folder } });
    expect(listed.rerun?.matches).toBe(true);
  });

  it.each([
    ["fails", "echo broken >&2; exit 3", { exitCode: 3, stderr: "broken\n" }, "exit code 3"],
    ["prints what is not JSON", "echo hello", { line: 1 }, "not JSON"],
    ["prints too few lines", "cat > /dev/null", { expected: 3, predictions: 0 }, "0 predictions for 3"],
    ["prints too many lines", "cat; echo 1", { expected: 3, predictions: 4 }, "4 predictions for 3"],
    ["does not exist", "varve-no-such-program", { exitCode: 127 }, "exit code 127"],
  ])("reports a command that %s", async (_, command, data, text) => {
    const { version, ledger, uri } = await recorded();
    await ledger.record({ predictionId: "p", inputs: { table: uri, version, where: "true" }, output: 1 });
    await expect(ledger.reproduce("p", { model: { command } })).rejects.toMatchObject({
      code: "MODEL_FAILED",
      message: expect.stringContaining(text),
      data,
    });
  });

  it("runs no row of a function after it is cancelled", async () => {
    const { ledger } = await recorded();
    await ledger.record({ predictionId: "p", inputs: { rows: [{ a: 1 }, { a: 2 }] }, output: [1, 2] });
    const stop = new AbortController();
    let calls = 0;
    const model = () => {
      calls++;
      stop.abort();
      return 1;
    };
    await expect(ledger.reproduce("p", { model, signal: stop.signal })).rejects.toMatchObject({
      code: "CANCELLED",
    });
    expect(calls).toBe(1);
  });

  it("refuses a time limit beyond that of timers, which would end the command at once", async () => {
    const { ledger } = await recorded();
    await ledger.record({ predictionId: "p", features: 1, output: 1 });
    const run = (timeoutMilliseconds: number) =>
      ledger.reproduce("p", { model: { command: "sleep 0.1; echo 1", timeoutMilliseconds } });
    await expect(run(2 ** 31)).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      message: expect.stringContaining("2147483647"),
    });
    expect((await run(2 ** 31 - 1)).rerun?.matches).toBe(true);
  });

  it.each([
    ["an argument that no program can get", { command: ["echo", "a\0"] }, "cannot be started"],
    ["a folder that is not there", { command: "echo 1", folder: "/no/such" }, "in the folder /no/such"],
    ["text that is not UTF-8", { command: "printf '\"\\377\"'" }, "UTF-8"],
  ])("reports a command with %s", async (_, model, text) => {
    const { ledger } = await recorded();
    await ledger.record({ predictionId: "p", features: 1, output: 1 });
    await expect(ledger.reproduce("p", { model })).rejects.toMatchObject({
      code: "MODEL_FAILED",
      message: expect.stringContaining(text),
    });
  });

  it.each([
    ["in its group", "sleep 15 & echo 1"],
    ["in another", "setsid sleep 15 & echo 1"],
  ])(
    "waits a moment for what a command that has ended left running, %s",
    async (_, command) => {
      const ledger = await createLedger(join(freshFolder(), "ledger"));
      await ledger.record({ predictionId: "a", inputs: { rows: [{ x: 1 }] }, output: 1 });
      const { rerun } = await ledger.reproduce("a", { model: { command } });
      expect(rerun).toMatchObject({ output: 1, matches: true });
    },
    30_000,
  );

  it("stops a command that hangs, with what it started", async () => {
    const { folder, ledger } = await recorded();
    await ledger.record({ predictionId: "p", features: 1, output: 1 });
    await expect(
      ledger.reproduce("p", { model: { command: "sleep 600 | cat", timeoutMilliseconds: 200 } }),
    ).rejects.toMatchObject({ code: "MODEL_FAILED", data: { timeoutMilliseconds: 200 } });
    const file = join(folder, "pid");
    const stop = new AbortController();
    const command = `(sh -c 'echo $$ > "${file}"; exec sleep 600') | cat`;
    const run = ledger.reproduce("p", { model: { command }, signal: stop.signal });
    const pid = Number(await until(() => existsSync(file) && readFileSync(file, "utf8").trim()));
    expect(isRunning(pid)).toBe(true);
    stop.abort();
    await expect(run).rejects.toMatchObject({ code: "CANCELLED" });
    const ended = await until(() => !isRunning(pid), 100);
    if (!ended) process.kill(pid);
    expect(ended).toBe(true);
    const aborted = AbortSignal.abort();
    await expect(
      ledger.reproduce("p", { model: { command: "sleep 600" }, signal: aborted }),
    ).rejects.toMatchObject({ code: "CANCELLED" });
    await expect(ledger.reproduce("p", { model: { command: "" } })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
    });
  });

  it("compares the recorded files of model and code before it runs them", async () => {
    const { folder, ledger } = await recorded();
    mkdirSync(join(folder, "m"));
    const [model, code] = [join(folder, "m", "model.bin"), join(folder, "m", "predict.py")];
    writeFileSync(model, "weights 1");
    writeFileSync(code, "print(1)");
    const prediction = { predictionId: "p", features: { x: 2 }, output: 4 };
    await ledger.record({
      ...prediction,
      model: { name: "m", version: "1", file: model },
      code: { file: code },
    });
    const run = (row: Readonly<Record<string, unknown>>) => Number(row["x"]) * 2;
    expect(await ledger.reproduce("p", { model: run })).toMatchObject({
      model: "same",
      code: "same",
      rerun: { matches: true },
    });
    writeFileSync(model, "weights 2");
    rmSync(code);
    expect(await ledger.reproduce("p")).toMatchObject({ model: "changed", code: "missing" });
    mkdirSync(code);
    expect(await ledger.reproduce("p")).toMatchObject({ code: "missing" });
    rmSync(join(folder, "m"), { recursive: true });
    writeFileSync(join(folder, "m"), "");
    expect(await ledger.reproduce("p")).toMatchObject({ model: "missing", code: "missing" });
    await expect(ledger.reproduce("p", { model: run })).rejects.toMatchObject({
      code: "PREDICTION_NOT_REPRODUCIBLE",
      data: { gone: ["model", "code"] },
    });
    const other = { ...prediction, predictionId: "q", model: { file: join(folder, "no-such-file") } };
    await expect(ledger.record(other)).rejects.toMatchObject({ code: "PREDICTION_INVALID" });
  });
});
