import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TableLog } from "../../src/api/groups/table-log.ts";
import { TableMetrics } from "../../src/api/groups/table-metrics.ts";
import { TableQuarantine } from "../../src/api/groups/table-quarantine.ts";
import { TableStaging } from "../../src/api/groups/table-staging.ts";
import { TableSuite } from "../../src/api/groups/table-suite.ts";
import * as varve from "../../src/index.ts";
import * as report from "../../src/report.ts";
import * as suites from "../../src/suite.ts";
import { type ConsumerProject, consumerProject } from "../support/consumer-project.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const options = { module: "NodeNext", moduleResolution: "NodeNext", outDir: "." };

let project: ConsumerProject;
beforeAll(() => {
  project = consumerProject();
});
afterAll(() => project.remove());

/** An example of a doc comment, and what the comment belongs to. */
interface Example {
  readonly file: string;
  readonly name: string;
  readonly code: string;
}

/** The examples in the doc comments of the source, each with the name of the declaration below it. */
function examples(): Example[] {
  return readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts"))
    .flatMap((file) => {
      const text = readFileSync(join(root, "src", file), "utf8");
      const comments = text.matchAll(
        /\/\*\*((?:(?!\*\/)[\s\S])*?)@example((?:(?!\*\/)[\s\S])*)\*\/\s*(?:export )?(?:async )?(?:function )?\*?(\w+)/g,
      );
      return [...comments].map(([, , comment = "", name = ""]) => ({ file, name, code: codeOf(comment) }));
    });
}

function codeOf(comment: string): string {
  const lines = comment.split("\n").map((line) => line.replace(/^\s*\* ?/, ""));
  return /```ts\n([\s\S]*?)```/.exec(lines.join("\n"))?.[1] ?? "";
}

/** A module that runs an example over a fresh table `orders`. */
function moduleOf({ code }: Example): string {
  const imports = code.match(/^import .*;$/gm) ?? [];
  const body = code.replace(/^import .*;\n/gm, "");
  return [
    ...imports,
    'import { freshOrders } from "./orders.js";',
    "const orders = await freshOrders();",
    `{\n${body}}`,
    "await orders.close();\n",
  ].join("\n");
}

const found = examples();

/** Functions that turn one value into another, which their signature tells. */
const helpers = new Set([
  ...["isVarveError", "arrayOf", "mapOf", "typeText", "serializeSchema", "summarizeVerdict"],
  ...["parseJson", "stringifyJson", "toJsonValue", "metricValue", "metricValues"],
]);

const classes: readonly (readonly [string, object])[] = [
  ["api/table.ts", varve.Table.prototype],
  ["api/shared/snapshot.ts", varve.Snapshot.prototype],
  ["api/groups/staged-rows.ts", varve.StagedRows.prototype],
  ["api/groups/table-log.ts", TableLog.prototype],
  ["api/groups/table-metrics.ts", TableMetrics.prototype],
  ["api/groups/table-quarantine.ts", TableQuarantine.prototype],
  ["api/groups/table-staging.ts", TableStaging.prototype],
  ["api/groups/table-suite.ts", TableSuite.prototype],
  ["query/query-result.ts", varve.QueryResult.prototype],
];

describe("the examples in doc comments", () => {
  it("stand at each public verb", () => {
    const functions = (entry: object) =>
      Object.entries(entry).flatMap(([name, value]) =>
        typeof value === "function" && !/^[A-Z]/.test(name) ? [name] : [],
      );
    const named = new Set(found.map(({ name }) => name));
    const wanted = functions({ ...varve, ...suites, ...report }).filter((name) => !helpers.has(name));
    expect(wanted.filter((name) => !named.has(name))).toEqual([]);
  });

  it.each(classes)("stand at each method of %s", (file, prototype) => {
    const named = new Set(found.filter((example) => example.file === file).map(({ name }) => name));
    const methods = Object.entries(Object.getOwnPropertyDescriptors(prototype)).flatMap(
      ([name, { value }]) => (typeof value === "function" && name !== "constructor" ? [name] : []),
    );
    expect(methods.length).toBeGreaterThan(2);
    expect(methods.filter((name) => !named.has(name))).toEqual([]);
  });

  it("compile against the shipped package, and run", () => {
    const folder = join(project.folder, "examples");
    mkdirSync(folder);
    cpSync(fileURLToPath(new URL("orders.ts", import.meta.url)), join(folder, "orders.ts"));
    const files = found.map((example, index) => {
      const name = `${example.file.replace(/\W+/g, "-")}-${example.name}-${index}`;
      writeFileSync(join(folder, `${name}.ts`), moduleOf(example));
      return name;
    });
    expect(files.length).toBeGreaterThan(60);
    const sources = ["orders", ...files].map((name) => `examples/${name}.ts`);
    expect(project.compile(sources, { ...options, rootDir: "." }, "examples")).toBe("");
    writeFileSync(join(folder, "all.mjs"), runAll(files));
    const run = spawnSync(process.execPath, ["all.mjs"], { cwd: folder, encoding: "utf8" });
    expect({ status: run.status, stderr: run.stderr }).toEqual({ status: 0, stderr: "" });
  });
});

/** Runs the modules one after the other, and says which one failed. */
function runAll(files: readonly string[]): string {
  return `for (const name of ${JSON.stringify(files)})
    await import(\`./\${name}.js\`).catch((error) => {
      console.error(name, error);
      process.exitCode = 1;
    });\n`;
}

describe("the files of spec/examples", () => {
  const names = readdirSync(join(root, "spec", "examples")).filter((file) => file.endsWith(".ts"));

  it.each(names)("%s compiles against the shipped package, and runs", (file) => {
    const name = file.replace(/\.ts$/, "");
    cpSync(join(root, "spec", "examples", file), join(project.folder, file));
    expect(project.compile([file], options, name)).toBe("");
    const run = spawnSync(process.execPath, [`${name}.js`], { cwd: project.folder, encoding: "utf8" });
    expect({ status: run.status, stderr: run.stderr }).toEqual({ status: 0, stderr: "" });
  });
});
