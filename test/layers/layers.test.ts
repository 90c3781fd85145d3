import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { findBreaches, readFloors, type SourceFile, sqlBreaches } from "./rules.ts";

const root = new URL("../../", import.meta.url);
const files = filesBelow("src");
const floors = readFloors(readFileSync(new URL("spec/architecture.md", root), "utf8"));

function filesBelow(folder: string): SourceFile[] {
  return readdirSync(new URL(`${folder}/`, root), { recursive: true, encoding: "utf8" })
    .map((path) => path.replaceAll("\\", "/"))
    .filter((path) => path.endsWith(".ts"))
    .map((path) => ({ path, text: readFileSync(new URL(`${folder}/${path}`, root), "utf8") }));
}

describe("layers of src/", () => {
  it("the source breaks no rule of the house", () => {
    expect(findBreaches(files, floors)).toEqual([]);
  });

  /** A breach of each rule, planted beside the real source. */
  const planted: Readonly<Record<string, SourceFile | readonly SourceFile[]>> = {
    listed: { path: "attic/box.ts", text: "" },
    floors: { path: "schema/upwards.ts", text: 'import { openLog } from "../log/snapshot/open-log.ts";' },
    "quality knows no table": {
      path: "quality/gate/reader.ts",
      text: 'import type { LogSnapshot } from "../../log/contract.ts";',
    },
    "cli sees the public face": {
      path: "cli/commands/deeper.ts",
      text: 'import { readHistory } from "../../operations/history.ts";',
    },
    "one door to DuckDB": {
      path: "table/scan/direct.ts",
      text: 'import { DuckDBInstance } from "@duckdb/node-api";',
    },
    "one door to S3": {
      path: "log/segment/direct.ts",
      text: 'import { S3Client } from "@aws-sdk/client-s3";',
    },
    "one maker of commits": {
      path: "operations/own-commit.ts",
      text: 'import { commitTransaction } from "../table/commit/transaction.ts";',
    },
    "properties by their table": {
      path: "table/commit/own-parser.ts",
      text: 'const value = configuration["delta.appendOnly"];',
    },
    "SQL by its tag": { path: "table/scan/plain.ts", text: "session.rows(`SELECT * FROM t`);" },
    "file length": { path: "util/long.ts", text: "\n".repeat(600) },
    "folder size": Array.from({ length: 26 }, (_, index) => ({ path: `report/part-${index}.ts`, text: "" })),
    "no cycle": [
      { path: "util/first.ts", text: 'import "./second.ts";' },
      { path: "util/second.ts", text: 'import "./first.ts";' },
    ],
  };

  it.each(Object.entries(planted))("a breach of the rule %s is found", (rule, added) => {
    const rules = new Set(findBreaches([...files, ...[added].flat()], floors).map((breach) => breach.rule));
    expect([...rules]).toContain(rule);
  });

  it.each([
    'const query = "SELECT 1";',
    `const query = \`\n  (SELECT * FROM (\${rows}))\`;`,
    `await session.execute(\`DROP TABLE \${table}\`);`,
    "return text as SqlSelect;",
  ])("SQL that goes around the tag is found: %s", (text) => {
    expect(sqlBreaches({ path: "table/scan/plain.ts", text })).toHaveLength(1);
  });

  it("SQL in its tag, and a message that names a statement, are no breach", () => {
    const text = 'const query = sql`SELECT 1`; throw refused("it is not a SELECT", "Use SELECT");';
    expect(sqlBreaches({ path: "table/scan/plain.ts", text })).toEqual([]);
  });

  it("a folder of the list that is gone is found", () => {
    expect(findBreaches(files, new Map([...floors, ["attic", 99]])).map(({ file }) => file)).toEqual([
      "attic",
    ]);
  });
});
