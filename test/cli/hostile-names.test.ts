import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { buildProgram } from "../../src/cli/program.ts";
import { run } from "../../src/cli/run.ts";
import { textTable } from "../../src/cli/shared/text-table.ts";
import { createTable, openTable, schema } from "../../src/index.ts";
import { escapeMarkup } from "../../src/report/show.ts";
import { visible, visibleLines } from "../../src/report/visible-text.ts";
import { freshFolder } from "../operations/table-folder.ts";
import { varve } from "../support/cli.ts";

/**
 * Colours, a cleared screen by C1, a turned direction, nothing of some width, a bell, an erased character, a
 * line written over, a tab, and a line that looks like the program's own.
 */
const controls = "\u001b[31m\u009b2J\u202e\u200b\u0007\u007f";
const evil = `${controls}\r\t\nforged`;
const obeyed =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: exactly these must not arrive
  /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]|^forged/m;
// biome-ignore lint/suspicious/noControlCharactersInRegex: what JSON itself escapes
const raw = /[\u0000-\u0008\u000b-\u001f]/;

/** What a terminal obeys, but line feeds and tabs. */
const terminal =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: exactly these must not arrive
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/;

const column = `name${evil}`;
let folder: string;
let table: string;
let printed: string;

async function cli(...args: readonly string[]): Promise<string> {
  printed = "";
  process.exitCode = undefined;
  await run(args);
  process.exitCode = undefined;
  return printed;
}

beforeEach(() => {
  const write = (chunk: unknown): boolean => {
    printed += typeof chunk === "string" ? chunk : Buffer.from(chunk as Uint8Array).toString("utf8");
    return true;
  };
  vi.spyOn(process.stdout, "write").mockImplementation(write);
  vi.spyOn(process.stderr, "write").mockImplementation(write);
  folder = freshFolder();
  table = join(folder, `table${evil}`);
});

afterEach(() => {
  vi.restoreAllMocks();
});

/** Every command that does something, with the names of its groups. */
function leafCommands(command: Command, path = ""): string[] {
  return command.commands.flatMap((inner) => {
    const name = `${path}${inner.name()}`;
    return inner.commands.length === 0 ? [`${name} `] : leafCommands(inner, `${name} `);
  });
}

const file = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};

const hostilePrediction = JSON.stringify({
  predictionId: evil,
  inputs: [{ name: evil, rows: [{ [column]: evil }] }],
  output: evil,
  model: { name: evil },
});

const suiteJson = {
  name: `suite${evil}`,
  maxBadShare: 1,
  checks: [
    {
      id: `check${evil}`,
      kind: "expect_column_values_to_be_between",
      params: { column: "id", min_value: 0 },
      onFail: "quarantine",
    },
    { id: `warn${evil}`, kind: "expect_column_values_to_not_be_null", params: { column }, onFail: "warn" },
  ],
} as const;

/** A table whose every name and value holds what a terminal would obey. */
async function makeTable(): Promise<void> {
  const made = await createTable(table, {
    schema: schema()
      .long("id")
      .string(column, { metadata: { comment: evil } }),
    name: `table${evil}`,
    description: `description${evil}`,
    properties: {
      "delta.enableChangeDataFeed": "true",
      [`property${evil}`]: `value${evil}`,
      "delta.columnMapping.mode": "name",
    },
  });
  await made.append(
    [
      { id: 1, [column]: `cell${evil}` },
      { id: -1, [column]: null },
    ],
    { gate: suiteJson, batchId: `batch${evil}` },
  );
  await made.append([{ id: 2, [column]: `=1+1${evil}` }]);
  await made.suite.set(suiteJson);
  await made.staging.stage([{ id: 3, [column]: evil }], { id: "s1" });
  await made.close();
  mkdirSync(join(table, `stray${evil}`));
  writeFileSync(join(table, `stray${evil}`, `part${evil}.parquet`), "PAR1");
}

describe("names and values that a terminal would obey", () => {
  it("never reach it, whatever the command", async () => {
    await makeTable();
    const suite = file(`suite${evil}.json`, JSON.stringify(suiteJson));
    const batch = file(`batch${evil}.ndjson`, `${JSON.stringify({ id: -4, [column]: evil })}\n`);
    const misfit = file(`misfit${evil}.ndjson`, `${JSON.stringify({ id: evil, [`other${evil}`]: evil })}\n`);
    const reject = file(
      "reject.json",
      JSON.stringify({
        ...suiteJson,
        checks: suiteJson.checks.map((check) => ({ ...check, onFail: "reject" })),
      }),
    );
    const runs = join(folder, `runs${evil}`);
    const set = join(folder, `set${evil}`);
    const commands: readonly (readonly string[])[] = [
      ["show", table],
      ["show", table, "--where", `nowhere${evil} = 1`],
      ["show", table, "--columns", `nowhere${evil}`],
      ["show", `${table}@v99`],
      ["show", join(folder, `absent${evil}`)],
      ["query", "SELECT * FROM t", "--table", `t=${table}`],
      ["point-in-time", batch, "--time", evil, "--feature", `${table},time=${evil},key=id`],
      ["point-in-time", batch, "--time", evil, "--feature", `${table},${evil}`],
      ["query", `SELECT ${evil}`, "--table", `t=${table}`],
      ["query", `SELECT 1 AS "${evil}", '${evil}' AS b`],
      ["history", table],
      ["history", table, "--format", "json"],
      ["describe", table],
      ["describe", table, "--json"],
      ["schema", table],
      ["schema", table, "--format", "json"],
      ["diff", table, "0", "1"],
      ["diff", table, "0", "1", "--rows"],
      ["changes", table, "--from", "1"],
      ["staged", "list", table],
      ["staged", "show", table, "s1"],
      ["staged", "audit", table, "s1", "--suite", suite],
      ["staged", "show", table, `no${evil}`],
      ["staged", "query", table, "s1", "SELECT * FROM staged"],
      ["staged", "query", table, "s1", `SELECT ${evil}`],
      ["staged", "audit", table, "s1", "--suite", `no${evil}.json`],
      ["staged", "publish", table, "s1"],
      ["staged", "publish", table, `no${evil}`],
      ["staged", "discard", table, `no${evil}`],
      ["quarantine", "list", table],
      ["quarantine", "show", table],
      ["quarantine", "show", table, "--batch", `no${evil}`],
      ["check", suite, batch],
      ["check", suite, batch, "--format", "junit"],
      ["check", suite, batch, "--format", "json"],
      ["quarantine", "list", table, "--format", "json"],
      ["quarantine", "export", table, "--id", `no${evil}`],
      ["quarantine", "repair", table, "--all", "--set", `${column}=${evil}`],
      ["quarantine", "repair", table, "--all", "--set", `no${evil}=1`],
      ["quarantine", "repair", table, "--all", "--set", evil],
      ["quarantine", "resubmit", table, "--all"],
      ["quarantine", "resubmit", table, "--all", "--suite", suite],
      ["quarantine", "discard", table, "--all", "--note", evil],
      ["quarantine", "reopen", table, "--all", "--note", evil],
      ["quarantine", "purge", table, "--older-than", evil],
      ["quarantine", "purge", table, "--older-than", "1d"],
      ["check", misfit, batch],
      ["profile", table],
      ["profile", table, "--columns", `no${evil}`],
      ["profile", batch, "--format", "jsonl"],
      ["suggest", table],
      ["suggest", table, "--format", "table"],
      ["suggest", batch, "--name", evil, "--format", "table"],
      ["metrics", table],
      ["suite", "show", table],
      ["suite", "set", table, misfit],
      ["suite", "set", table, suite, "--constraints"],
      ["fsck", table],
      ["run", "--runs", runs, "--run-id", "h1", "--name", evil, "--param", `a${evil}=${evil}`].concat(
        ["--input", `t=${table}@v1`, "--output", `o=${evil}`, "--model-name", evil, "--env", evil],
        ["--", "true", evil],
      ),
      ["run", "--runs", runs, "--input", `${evil}=${table}`, "--", evil],
      ["run", "--runs", runs, "--", evil],
      ["runs", "list", runs],
      ["runs", "list", table],
      ["runs", "show", runs, "h1"],
      ["runs", "show", runs, `no${evil}`],
      ["runs", "history", runs, "m"],
      ["runs", "history", runs, evil],
      ["runs", "regression", runs, "m", "--better", "lower"],
      ["runs", "regression", runs, evil, "--name", evil],
      ["pin", "add", table, evil],
      ["pin", "add", table, "p1", "--reason", evil, "--owner", evil],
      ["show", `${table}@p1`],
      ["pin", "list", table],
      ["pin", "check", table],
      ["pin", "remove", table, `no${evil}`],
      ["pin", "remove", table, "p1", "--dry-run"],
      ["show", `${table}@no`],
      ["fsck", table, "--format", "json"],
      ["append", table, batch, "--suite", suite],
      ["append", table, misfit],
      ["append", table, batch, "--suite", reject],
      ["append", table, join(folder, `absent${evil}.csv`)],
      ["append", table, batch, "--json", "--batch-id", evil, "--message", evil],
      ["append", table, batch, "--txn", evil],
      ["overwrite", table, misfit],
      ["overwrite", table, batch, "--where", evil],
      ["create", table, "--from", batch],
      ["stage", table, misfit],
      ["stage", table, batch, "--id", `s2${evil}`],
      ["stage", table, batch, "--id", "s3"],
      ["staged", "discard", table, "s3"],
      ["suite", "remove", table],
      ["update", table, "--set", "id=id + 1", "--where", evil],
      ["update", table, "--set", "id=id + 1", "--where", "id = 2"],
      ["merge", table, batch, "--on", evil, "--update-all"],
      ["merge", table, batch, "--on", "false", "--set", `${column}=${evil}`],
      ["merge", table, batch, "--on", "false", "--insert-all", "--dry-run"],
      ["delete", table, "--where", evil],
      ["delete", table, "--where", "id > 0", "--dry-run"],
      ["sql", `SELECT * FROM t WHERE ${evil}`, "--table", `t=${table}`],
      ["sql", "DESCRIBE HISTORY t", "--table", `t=${table}`],
      ["optimize", table, "--where", evil],
      ["optimize", table, "--message", evil],
      ["alter", table, "--drop-column", evil],
      ["alter", table, "--description", evil],
      ["clone", table, `${table}-clone`, "--property", `x=${evil}`, "--message", evil],
      ["convert", table, "--partition-by", evil],
      ["convert", table, "--message", evil],
      ["generate", table],
      ["fingerprint", table],
      ["fingerprint", table, "--content", "--json"],
      ["verify", table],
      ["verify", table, "--against", evil],
      ["verify", table, "--against", `${table}-clone`],
      ["verify", table, "--against", `varve-content-1:${evil}`, "--json"],
      ["clone", table, `${table}-${evil}`],
      ["vacuum", table, "--list", "--message", evil],
      ["vacuum", table, "--inventory", evil],
      ["restore", table, evil],
      ["restore", table, "1", "--message", evil],
      ["tail", table, "--from", "latest"],
      ["tail", table, "--from", evil],
      ["ledger", "create", `${table}-ledger`],
      [
        "ledger",
        "record",
        `${table}-ledger`,
        "--from",
        file(`predictions${evil}`, `{"predictionId":"${evil}`),
      ],
      ["ledger", "record", `${table}-ledger`, "--from", file("predictions", hostilePrediction)],
      ["ledger", "show", `${table}-ledger`, evil],
      ["reproduce", `${table}-ledger`, evil],
      ["reproduce", `${table}-ledger`, evil, "--with", `echo '${evil}'`],
      ["ledger", "diff", `${table}-ledger`, evil, "--with", `printf '%s\\n' '${JSON.stringify(evil)}'`],
      ["ledger", "diff", `${table}-ledger`, "--where", evil],
      ["lineage", table, "--ledger", `${table}-ledger`, "--runs", runs],
      ["lineage", table, "--ledger", evil],
      ["drift", `${table}@v0`, table],
      ["drift", batch, misfit, "--by", evil],
      ["drift", misfit, "--bins", "--output", `${table}-bins.json`],
      ["drift", `${table}-bins.json`, batch],
      ["drift", batch, misfit, "--by", evil, "--format", "html"],
      ["drift", batch, misfit, "--slice", `${evil}=true`],
      ["monitor", "alerts", table, "--monitor", evil],
      ["monitor", "mute", table, evil, "--reason", evil],
      ["monitor", "acknowledge", table, evil, "--reason", evil],
      ["monitor", "unmute", table, evil, "--by", evil],
      ["model", "evaluate", batch, "--problem", "multiclass", "--target", column, "--prediction", column],
      ["model", "evaluate", batch, "--problem", "binary", "--target", evil, "--score", evil],
      [
        ...["model", "evaluate", `${table}-ledger`, "--ledger", "--problem", "binary", "--target", evil],
        ...["--score", evil, "--by", evil, "--outcomes", batch, "--on", evil, "--model-name", evil],
      ],
      ["model", "estimate", batch, "--baseline", misfit, "--score", evil, "--target", evil],
      [
        ...["model", "compare", batch, "--problem", "multiclass", "--target", column, "--on", column],
        ...["--prediction", column, "--challenger", misfit, "--by", evil, "--runs", `${table}-compared`],
      ],
      [
        ...[
          "model",
          "compare",
          batch,
          "--problem",
          "binary",
          "--target",
          evil,
          "--on",
          evil,
          "--score",
          evil,
        ],
        ...["--metrics", evil, "--champion-run", evil, "--runs", runs],
      ],
      ["monitor", "create", table, "m", "--baseline", "v0", "--by", column],
      ["monitor", "create", table, evil, "--baseline", "v0"],
      ["monitor", "create", table, "n", "--baseline", `pin:${evil}`],
      ["monitor", "create", table, "--file", evil],
      ["monitor", "list", table],
      ["monitor", "run", table, "m"],
      ["monitor", "run", table, "n"],
      ["monitor", "run", table, evil],
      ["monitor", "backfill", table, "m"],
      ["monitor", "backfill", table, "--file", evil],
      ["monitor", "show", table, "m"],
      ["monitor", "show", table, "m", "--version", "v1"],
      ["monitor", "show", table, evil],
      ["monitor", "rebaseline", table, "m"],
      ["monitor", "rebaseline", table, "m", "--baseline", evil],
      ["monitor", "remove", table, "m"],
      ["monitor", "remove", table, evil],
      ["training-set", "create", evil, "SELECT * FROM t", "--input", `t=${table}`, "--folder", set],
      ["training-set", "create", "s", `SELECT ${evil}`, "--input", `t=${table}`, "--folder", set],
      ["training-set", "create", "s", `SELECT id, '${evil}' AS "${evil}" FROM t`].concat([
        "--input",
        `t=${table}@v4`,
        "--folder",
        set,
      ]),
      ["training-set", "show", set],
      ["training-set", "check", set],
      ["training-set", "check", evil],
      ["training-set", "recreate", set, "--folder", `${set}-again`],
      ["rejections", "purge", table],
      ["suite", "show", table],
      [`no${evil}`],
      ["show", `--no${evil}`],
      ["show", table, "--format", `no${evil}`],
      ["--help"],
    ];
    const leaves = leafCommands(buildProgram()).filter(
      (name) => !commands.some((words) => words.join(" ").startsWith(name)),
    );
    expect(leaves).toEqual([]);
    const said: string[] = [];
    for (const command of commands) {
      const text = await cli(...command);
      said.push(text);
      expect({ command, text: obeyed.exec(text)?.[0] }).toEqual({ command, text: undefined });
    }
    const html = await cli("check", suite, batch, "--format", "html");
    // Carriage returns and tabs are blanks in markup.
    expect(html.replaceAll("\r", "")).not.toMatch(terminal);
    expect(said.join("").split("\\u001b[31m").length).toBeGreaterThan(40);
    expect(said.join("")).toContain("\\u202e");
  });

  it("never reach it from the built program, on either stream", async () => {
    const made = await createTable(table, { schema: schema().long("id"), description: evil });
    await made.close();
    for (const command of [
      ["describe", table],
      ["show", table, "--where", evil],
      ["show", join(folder, `absent${evil}`)],
      [evil],
    ]) {
      const { stdout, stderr } = await varve(...command);
      expect({ command, text: obeyed.exec(stdout + stderr)?.[0] }).toEqual({ command });
      expect(stdout + stderr).toMatch(/31m|%5B31m/);
    }
  });

  it("of a log made by somebody else neither: features, paths, authors and constraints", async () => {
    const log = join(folder, "foreign", "_delta_log");
    mkdirSync(log, { recursive: true });
    const metaData = {
      id: `id${evil}`,
      format: { provider: "parquet", options: {} },
      schemaString: JSON.stringify({
        type: "struct",
        fields: [{ name: "id", type: "long", nullable: true, metadata: {} }],
      }),
      partitionColumns: [],
      configuration: { [`delta.constraints.c${evil}`]: `id > '${evil}'` },
    };
    const actions = (features: readonly string[]) => [
      {
        commitInfo: {
          operation: `WRITE${evil}`,
          engineInfo: `engine${evil}`,
          userMetadata: evil,
          userName: evil,
        },
      },
      {
        protocol: {
          minReaderVersion: 3,
          minWriterVersion: 7,
          readerFeatures: features,
          writerFeatures: features,
        },
      },
      { metaData },
      {
        add: {
          path: `part${encodeURIComponent(evil)}.parquet`,
          partitionValues: {},
          size: 1,
          modificationTime: 0,
          dataChange: true,
        },
      },
    ];
    for (const features of [[], [`feature${evil}`]]) {
      writeFileSync(
        join(log, "00000000000000000000.json"),
        actions(features)
          .map((action) => `${JSON.stringify(action)}\n`)
          .join(""),
      );
      for (const command of ["show", "history", "describe", "schema", "fsck", "profile", "metrics"]) {
        const text = await cli(command, join(folder, "foreign"));
        expect({ command, text: obeyed.exec(text)?.[0] }).toEqual({ command, text: undefined });
      }
    }
    writeFileSync(join(log, "00000000000000000000.json"), `{"add":{"path":1,"x":"${evil}`);
    expect(await cli("show", join(folder, "foreign"))).not.toMatch(obeyed);
  });

  it("stay exact in formats for programs", async () => {
    await makeTable();
    const expected = [
      { id: 1, [column]: `cell${evil}` },
      { id: 2, [column]: `=1+1${evil}` },
    ];
    for (const format of ["json", "jsonl"]) {
      const text = await cli("show", table, "--format", format);
      expect(text).not.toMatch(raw);
      const rows =
        format === "json"
          ? JSON.parse(text)
          : text
              .trimEnd()
              .split("\n")
              .map((line) => JSON.parse(line));
      expect([...rows].sort((a, b) => a.id - b.id)).toEqual(expected);
    }
    const entries = JSON.parse(await cli("history", table, "--format", "json"));
    const own = await openTable(table);
    expect(entries.length).toBe((await own.history()).length);
    await own.close();
    expect(await cli("show", table, "--format", "csv", "--where", "id = 1")).toContain(`cell${evil}`);
  });
});

describe("--safe-csv", () => {
  it("puts an apostrophe before text that a spreadsheet would run, in rows and in lists, and leaves numbers", async () => {
    const sql = `SELECT '=1+1' AS "=a", '+1' AS b, '-1' AS c, '@x' AS d, chr(9) || 'x' AS e, chr(13) || 'x' AS f, -5 AS g, 'plain -1' AS h, NULL::VARCHAR AS i`;
    expect(await cli("query", sql, "--format", "csv", "--safe-csv")).toBe(
      `'=a,b,c,d,e,f,g,h,i\n'=1+1,'+1,'-1,'@x,'\tx,"'\rx",-5,plain -1,\n`,
    );
    expect(await cli("query", sql, "--format", "csv")).toContain("=1+1,+1,-1,@x");
    const list = join(folder, "list");
    await cli("create", list, "--from", file("rows.ndjson", '{"id":1}\n'), "-m", "=1+1");
    expect(await cli("history", list, "--format", "csv", "--safe-csv")).toContain("'=1+1");
    expect(await cli("history", list, "--format", "csv")).not.toContain("'=1+1");
    expect(await cli("query", "--help")).toContain("--safe-csv");
  });
});

describe("a terminal as standard output", () => {
  beforeEach(() => {
    Object.defineProperty(process.stdout, "isTTY", { value: true, configurable: true });
  });
  afterEach(() => Reflect.deleteProperty(process.stdout, "isTTY"));

  it("gets formats for programs with what it would obey written out, and no bytes", async () => {
    await makeTable();
    for (const format of ["csv", "json", "jsonl"]) {
      for (const command of [
        ["show", table],
        ["history", table],
      ]) {
        const text = await cli(...command, "--format", format);
        expect({ command, format, text: terminal.exec(text)?.[0] }).toEqual({ command, format });
      }
    }
    expect(await cli("quarantine", "export", table)).not.toMatch(terminal);
    for (const format of ["parquet", "arrow"]) {
      const text = await cli("show", table, "--format", format);
      expect(text).toBe(
        `varve: The format ${format} is binary and is not written to a terminal. Write it to a file with --output, or into a pipe. [INVALID_ARGUMENT]\n`,
      );
      const output = join(folder, `rows.${format}`);
      expect(await cli("show", table, "--format", format, "--output", output)).toBe("");
      expect(readFileSync(output).length).toBeGreaterThan(100);
    }
  });
});

describe("the door to the terminal", () => {
  it("is one: no other part of the program writes to standard output or standard error", () => {
    const root = fileURLToPath(new URL("../../src", import.meta.url));
    const files = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((name) =>
      name.endsWith(".ts"),
    );
    const doors = files.filter((name) =>
      /^(?! *(?:\*|\/\*\*)).*(?:\b(?:stdout|stderr)\.write\b|\bconsole\.|\bemitWarning\b)/m.test(
        readFileSync(join(root, name), "utf8"),
      ),
    );
    // What no caller asked to be told is a warning of the process, with what is hidden escaped.
    expect(doors.sort()).toEqual([join("cli", "shared", "print.ts"), join("report", "process-warning.ts")]);
  });
});

describe("what hides in text", () => {
  it("is written out: controls, directions, no width, tags, halves of characters; JSON stays the same", () => {
    expect(visible(`a${controls}\n\t\u200e\u{e0041}\ud800b`)).toBe(
      "a\\u001b[31m\\u009b2J\\u202e\\u200b\\u0007\\u007f\\n\\t\\u200e\\udb40\\udc41\\ud800b",
    );
    const json = JSON.stringify({ [evil]: `${evil}\u{e0041}` }, undefined, 2);
    expect(visibleLines(json)).not.toMatch(obeyed);
    expect(JSON.parse(visibleLines(json))).toEqual(JSON.parse(json));
    expect(escapeMarkup(controls)).not.toMatch(obeyed);
    expect(visible("Zürich 東京 😀 עברית")).toBe("Zürich 東京 😀 עברית");
  });

  it("in headings of tables is written out as in cells", () => {
    expect(textTable([evil], [[evil]], { width: 200 })).not.toMatch(obeyed);
  });
});
