import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { run } from "../../src/cli/run.ts";
import { createTable, schema } from "../../src/index.ts";
import { freshFolder } from "../operations/table-folder.ts";

/** The engine's words for types that Delta names, its SQL functions, and SQL that varve wrote. */
const engineWords =
  /\b(?:BIGINT|VARCHAR|U?HUGEINT|TINYINT|SMALLINT|BLOB|VARIANT|INT(?:8|16|32|64)|STRUCT\(|MAP\()|WITH TIME ZONE|DECIMAL\(|\b(?:read_parquet|read_csv|read_json|json_transform|COPY|PRAGMA|rowid)\b|__varve|FROM \(|SELECT \*/;
/** Options as the library has them. */
const libraryWords =
  /\b(?:mergeSchema|overwriteSchema|replaceWhere|partitionBy|batchId|userMetadata|targetFileBytes|memoryLimit|upgradeProtocol|registerConstraints|nullText|inputFormat|gateOptions|set header)\b|\[object |undefined|object of class Object|\n +at /;

/** One thing with the plural of its noun, or with a plural verb. */
const plurals =
  /(?<![\d,.])1 (?:rows|files|checks|failing checks|findings|commits|checkpoints|cells|values|versions|names)\b|(?<![\d,.])1 of [\d,]+ rows fail\b|of 1 (?:rows|checks)\b/;

let folder: string;
let printed: string;
let files = 0;

const file = (name: string, text: string): string => {
  const path = join(folder, `${files++}-${name}`);
  writeFileSync(path, text);
  return path;
};

/** What a command printed, without the names of files, and without the SQL that it was given. */
async function output(...args: readonly string[]): Promise<string> {
  printed = "";
  process.exitCode = undefined;
  await run(args);
  process.exitCode = undefined;
  return printed.replaceAll(folder, "");
}

function wrongWords(text: string): readonly string[] {
  return [engineWords, libraryWords, plurals].flatMap((pattern) => pattern.exec(text)?.[0] ?? []);
}

beforeEach(async () => {
  const write = (chunk: unknown): boolean => {
    printed += typeof chunk === "string" ? chunk : "";
    return true;
  };
  vi.spyOn(process.stdout, "write").mockImplementation(write);
  vi.spyOn(process.stderr, "write").mockImplementation(write);
  folder = freshFolder();
  const columns = schema()
    .long("id")
    .integer("i")
    .short("s")
    .byte("b")
    .double("d")
    .decimal("m", 10, 2)
    .date("day")
    .timestamp("at")
    .column("ntz", "timestamp_ntz")
    .boolean("ok")
    .string("text")
    .struct("st", schema().long("a").string("b").build())
    .array("li", "long")
    .map("ma", "string", "long")
    .binary("bi");
  const table = await createTable(join(folder, "t"), { schema: columns });
  await table.append([{ id: 1n, text: "x", st: { a: 1, b: "b" }, li: [1], m: "1.00", i: 1, s: 1, b: 1 }]);
  await table.close();
});
afterEach(() => {
  vi.restoreAllMocks();
});

const deep = `${"[".repeat(200)}1${"]".repeat(200)}`;

/** Values that their columns cannot hold, as JSON. */
const misfits: readonly (readonly [column: string, json: string])[] = [
  ["id", '"x"'],
  ["id", "1.5"],
  ["id", "99999999999999999999999"],
  ["i", "3000000000"],
  ["s", "40000"],
  ["b", "300"],
  ["d", '"x"'],
  ["m", "1.234"],
  ["day", '"2024-13-01"'],
  ["at", '"noon"'],
  ["ntz", '"noon"'],
  ["ok", '"perhaps"'],
  ["text", "5"],
  ["text", '{"a":1}'],
  ["st", "5"],
  ["st", '{"a":"x"}'],
  ["st", '{"a":1,"zz":2}'],
  ["st", '{"a":1,"A":2}'],
  ["li", "5"],
  ["li", '["x"]'],
  ["ma", '{"k":"x"}'],
  ["bi", "5"],
  ["nul\\u0000l", "5"],
  ["", "5"],
  ["deep", deep],
  ["new", '{"a":[{"b":1}]}'],
];

describe("messages speak Delta's words for types, and the terminal's for options", () => {
  it("of values that do not fit, in JSON lines and CSV", async () => {
    for (const [column, json] of misfits) {
      const line = file("rows.ndjson", `{"${column}":${json}}\n`);
      const cell = `"${json.replace(/^"(.*)"$/, "$1").replaceAll('"', '""')}"`;
      const csv = file("rows.csv", `"${column}"\n${cell}\n`);
      for (const source of [line, csv]) {
        const text = await output("append", join(folder, "t"), source);
        expect({ column, json, text, wrong: wrongWords(text) }).toEqual({ column, json, text, wrong: [] });
      }
    }
  });

  it("of files whose columns do not fit, and of later rows that do not fit earlier ones", async () => {
    const other = join(folder, "other");
    const rows = file("rows.ndjson", '{"id":"x","st":{"a":"x","zz":1}}\n');
    await output("create", other, "--from", rows);
    const parquet = join(folder, "other.parquet");
    await output("show", other, "--output", parquet);
    const t = join(folder, "t");
    const commands: readonly (readonly string[])[] = [
      ["append", t, parquet],
      ["append", t, parquet, "--merge-schema"],
      ["append", t, file("new.csv", "id,new\n1,x\n")],
      ["overwrite", t, file("w.csv", "id\n1\n"), "--where", "id = 5"],
      ["overwrite", t, file("w.csv", "id\n1\n"), "--where", "id ="],
      ["overwrite", t, file("w.csv", "id\n1\n"), "--where", "id = 'x'"],
      ["overwrite", t, file("w.csv", "id\n1\n"), "--where", "id = 1", "--overwrite-schema"],
      ["append", t, file("b.csv", "id\n1\n"), "--batch-id", "x", "--txn", "a:1"],
      ["append", t, file("b.csv", "id\n1\n"), "--target-file-size", "0"],
      ["append", t, file("b.csv", "id\n1\n"), "--memory-limit", "1MB"],
      ["append", t, file("twice.csv", "id,ID\n1,2\n")],
      ["append", t, file("bad.parquet", "PAR1xxxxPAR1")],
      ["create", join(folder, "n1"), "--from", file("m.ndjson", '{"a":1}\n{"a":"x"}\n')],
      ["create", join(folder, "n2"), "--from", file("m.ndjson", '{"a":1}\n{"a":{"b":1}}\n')],
      ["create", join(folder, "n3"), "--from", file("m.ndjson", '{"a":{"x":1,"X":2}}\n')],
      ["create", join(folder, "n4"), "--from", file("m.ndjson", `{"a":${deep}}\n`)],
      ["create", join(folder, "n5"), "--from", parquet, "--partition-by", "st"],
      ["show", `${t}@99`],
      ["show", `${t}@yesterday`],
      ["show", t, "--where", "id = 'x'"],
      ["show", t, "--where", "nope"],
      ["quarantine", "resubmit", t, "--all"],
    ];
    for (const command of commands) {
      const text = await output(...command);
      expect({ command, text, wrong: wrongWords(text) }).toEqual({ command, text, wrong: [] });
    }
  });

  it("in what writes, quarantines, staging and fsck say of one row", async () => {
    const t = join(folder, "one");
    const suite = file(
      "suite.json",
      '{"maxBadShare":1,"checks":[{"kind":"expect_column_values_to_be_between","params":{"column":"a","min_value":0},"onFail":"quarantine"}]}',
    );
    const commands: readonly (readonly string[])[] = [
      ["create", t, "--from", file("a.csv", "a\n1\n")],
      ["append", t, file("b.csv", "a\n-1\n"), "--suite", suite],
      ["check", suite, file("b.csv", "a\n-1\n")],
      ["quarantine", "resubmit", t, "--all"],
      ["quarantine", "repair", t, "--all", "--set", "a=2"],
      ["quarantine", "discard", t, "--all"],
      ["quarantine", "reopen", t, "--all"],
      ["quarantine", "resubmit", t, "--all"],
      ["quarantine", "purge", t, "--older-than", "0m"],
      ["stage", t, file("c.csv", "a\n1\n"), "--id", "one"],
      ["staged", "audit", t, "one", "--suite", suite],
      ["staged", "publish", t, "one"],
      ["append", t, file("d.csv", "1\n"), "--names", "a,b"],
      ["fsck", t],
      ["diff", t, "0", "--rows"],
    ];
    for (const command of commands) {
      const text = await output(...command);
      expect({ command, text, wrong: wrongWords(text) }).toEqual({ command, text, wrong: [] });
    }
  });

  it("in profiles, schemas, descriptions, suggestions and results of tests", async () => {
    const t = join(folder, "t");
    const check = (kind: string, params: object) =>
      file("suite.json", JSON.stringify({ checks: [{ kind: `expect_column_${kind}`, params }] }));
    const commands: readonly (readonly string[])[] = [
      ["profile", t],
      ["profile", t, "--format", "json"],
      ["profile", file("p.csv", "a,b,c,d,e\n1,1.5,2024-01-01,x,true\n"), "--format", "csv"],
      ["suggest", t, "--extended"],
      ["schema", t],
      ["describe", t],
      ["check", check("values_to_be_between", { column: "text", min_value: 0 }), t],
      ["check", check("values_to_be_in_set", { column: "id", value_set: ["a"] }), t],
      ["check", check("values_to_match_regex", { column: "li", regex: "a" }), t],
      ["check", check("values_to_be_of_type", { column: "id", type_: "string" }), t],
      ["check", check("mean_to_be_between", { column: "text", min_value: 0 }), file("s.csv", "text\nx\n")],
    ];
    for (const command of commands) {
      const text = await output(...command);
      expect({ command, text, wrong: wrongWords(text) }).toEqual({ command, text, wrong: [] });
    }
  });

  it("in what a query holds, where only the query's own text is shown", async () => {
    const bound = ["--table", `t=${join(folder, "t")}`];
    const text = await output("query", "SELECT CAST('x' AS LONG)\nFROM t", ...bound);
    expect(text).toBe(
      "varve: Conversion error: Could not convert string 'x' to long\n  line 1: SELECT CAST('x' AS LONG)\n                 ^ [SQL_FAILED]\n",
    );
    for (const format of ["json", "csv", "parquet", "arrow", "table"]) {
      const shown = await output("query", "SELECT\n CAST(text AS LONG) FROM t", ...bound, "--format", format);
      expect({ format, shown }).toEqual({
        format,
        shown: expect.stringContaining("line 2:  CAST(text AS LONG)"),
      });
    }
    expect(await output("show", join(folder, "t"), "--where", "text + 1 > 0")).toContain(
      "line 1: text + 1 > 0",
    );
    const missing = await output("query", "SELECT * FROM x");
    expect(missing).toContain("Bind it with --table x=URI.");
  });
});

describe("hints", () => {
  it("tell how to add a nested field, and how to select a version or a time that exists", async () => {
    const t = join(folder, "t");
    const nested = file("n.ndjson", '{"id":2,"st":{"a":1,"zz":2}}\n');
    expect(await output("append", t, nested)).toMatch(
      /Column st\.zz of .* is no field of column st, a struct<a: long, b: string>. Leave it out, or write with --merge-schema to add it\./,
    );
    expect(await output("append", t, nested, "--merge-schema")).toContain("version 2: 1 row");
    expect(await output("show", `${t}@99`)).toContain("To select a version, write @v99.");
    expect(await output("show", `${t}@yesterday`)).toContain(
      "A version is written as v12, a time as 2024-06-01T00:00:00Z.",
    );
    expect(await output("show", `${t}@2001-01-01`)).toMatch(
      /is before the first version in the log\. Readable versions: 0 to 2, committed from \S+Z to \S+Z\./,
    );
  });

  it("say that a limit of memory is too small, and not that a file is damaged", async () => {
    const text = await output("append", join(folder, "t"), file("b.csv", "id\n1\n"), "--memory-limit", "1MB");
    expect(text).toContain("[MEMORY_LIMIT_TOO_SMALL]");
    expect(text).toContain("--memory-limit");
  });
});
