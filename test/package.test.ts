import { execFileSync, spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));
const manifest = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
const lock = JSON.parse(readFileSync(new URL("../package-lock.json", import.meta.url), "utf8"));

describe("the package", () => {
  it("depends on nothing but the parts that were chosen", () => {
    expect(Object.keys(manifest.dependencies).sort()).toEqual([
      "@aws-sdk/client-s3",
      "@duckdb/node-api",
      "@duckdb/node-bindings",
      "apache-arrow",
      "cli-progress",
      "cli-table3",
      "commander",
      "fast-json-stable-stringify",
      "lossless-json",
      "uuid",
      "zstddec",
    ]);
  });

  it("names every dependency by its exact version", () => {
    const versions = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies });
    expect(versions.filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(String(version)))).toEqual([]);
  });

  it("locks packages without naming a registry", () => {
    const resolved = Object.values(lock.packages).filter(
      (entry) => typeof entry === "object" && entry !== null && "resolved" in entry,
    );
    expect(resolved).toEqual([]);
  });

  it("uses every dependency somewhere in the source", () => {
    const source = new URL("../src/", import.meta.url);
    const files = readdirSync(source, { recursive: true, encoding: "utf8" }).filter((file) =>
      file.endsWith(".ts"),
    );
    const imported = files
      .flatMap(
        (file) => readFileSync(new URL(file, source), "utf8").match(/(?:from|import\() ?"[^."][^"]*"/g) ?? [],
      )
      .join("\n");
    const unused = Object.keys(manifest.dependencies).filter((name) => !imported.includes(`"${name}"`));
    expect(unused).toEqual([]);
  });

  it("packs the built program with its types, and no sources, source maps, tests or fixtures", () => {
    const [packed] = JSON.parse(
      execFileSync("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], {
        cwd: root,
        encoding: "utf8",
      }),
    );
    const files: string[] = packed.files.map((file: { path: string }) => file.path);
    expect(files).toEqual(
      expect.arrayContaining([
        "dist/index.js",
        "dist/index.d.ts",
        "dist/cli/main.js",
        "README.md",
        "LICENSE",
      ]),
    );
    expect(files.filter((file) => /^dist\/.*(?<!\.d)\.(ts|map)$/.test(file))).toEqual([]);
    expect(files.filter((file) => !/^(dist|spec)\//.test(file)).sort()).toEqual([
      "CHANGELOG.md",
      "LICENSE",
      "README.md",
      "package.json",
    ]);
    const scripts = files.filter((file) => file.endsWith(".js") && !/^dist\/chunks\/[\w.-]+\.js$/.test(file));
    expect(scripts.sort()).toEqual([
      "dist/cli/main.js",
      "dist/index.js",
      "dist/report.js",
      "dist/store.js",
      "dist/suite.js",
    ]);
    expect(files.filter((file) => file.endsWith(".d.ts")).sort()).toEqual([
      "dist/index.d.ts",
      "dist/report.d.ts",
      "dist/store.d.ts",
      "dist/suite.d.ts",
      "dist/types.d.ts",
    ]);
  });

  it("is an ES module that CommonJS can require", () => {
    const script = 'process.stdout.write(typeof require("varve").openTable)';
    const run = spawnSync(process.execPath, ["--input-type=commonjs", "-e", script], {
      cwd: root,
      encoding: "utf8",
    });
    expect(run).toMatchObject({ status: 0, stdout: "function", stderr: "" });
  });

  it("has no side effects when imported, but for the command line", () => {
    expect(manifest.sideEffects).toEqual([`./${manifest.bin.varve}`]);
  });

  it("starts the command line with the Node of the user's path", () => {
    expect(readFileSync(new URL("../dist/cli/main.js", import.meta.url), "utf8").split("\n")[0]).toBe(
      "#!/usr/bin/env node",
    );
  });
});
