import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
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

describe("the examples in doc comments", () => {
  it("stand at each public verb", () => {
    const verbs = (prefix: string, prototype: object) =>
      Object.getOwnPropertyNames(prototype)
        .filter((name) => name !== "constructor")
        .filter((name) => typeof Object.getOwnPropertyDescriptor(prototype, name)?.value === "function")
        .map((name) => `${prefix}.${name}`);
    const functions = (entry: object) =>
      Object.entries(entry).flatMap(([name, value]) =>
        typeof value === "function" && !/^[A-Z]/.test(name) ? [name] : [],
      );
    const helpers = ["isVarveError", "arrayOf", "mapOf", "parseJson", "stringifyJson", "toJsonValue"];
    const readers = ["metricValue", "metricValues", "serializeSchema", "typeText", "summarizeVerdict"];
    const named = new Set(found.map(({ name }) => name));
    const wanted = [
      ...functions({ ...varve, ...suites, ...report }),
      ...verbs("table", varve.Table.prototype).map((name) => name.replace("table.", "")),
      ...verbs("snapshot", varve.Snapshot.prototype).map((name) => name.replace("snapshot.", "")),
      ...verbs("staged", varve.StagedRows.prototype).map((name) => name.replace("staged.", "")),
      ...verbs("result", varve.QueryResult.prototype).map((name) => name.replace("result.", "")),
    ].filter((name) => ![...helpers, ...readers].includes(name));
    expect(wanted.filter((name) => !named.has(name))).toEqual([]);
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
