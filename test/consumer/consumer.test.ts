import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("../../", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "varve-test-consumer-"));

/** A project that has varve installed as it is shipped, beside the packages that it depends on. */
beforeAll(() => {
  const modules = join(folder, "node_modules");
  const varve = join(modules, "varve");
  mkdirSync(varve, { recursive: true });
  cpSync(join(root, "package.json"), join(varve, "package.json"));
  cpSync(join(root, "dist"), join(varve, "dist"), { recursive: true });
  for (const name of readdirSync(join(root, "node_modules")))
    if (!name.startsWith(".") && name !== "varve")
      symlinkSync(join(root, "node_modules", name), join(modules, name));
  cpSync(fileURLToPath(new URL("project/", import.meta.url)), folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "consumer", type: "module" }));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Compiles files of the project, by the compiler that varve itself is built with. */
function compile(files: readonly string[], options: object, name: string) {
  const compilerOptions = {
    target: "ES2022",
    lib: ["ES2023", "ESNext.Disposable"],
    types: ["node"],
    strict: true,
    skipLibCheck: true,
    ...options,
  };
  writeFileSync(join(folder, `${name}.json`), JSON.stringify({ compilerOptions, files }));
  const tsc = join(root, "node_modules", ".bin", "tsc");
  const run = spawnSync(tsc, ["-p", `${name}.json`], { cwd: folder, encoding: "utf8" });
  return `${run.stdout}${run.stderr}`;
}

const nodeNext = { module: "NodeNext", moduleResolution: "NodeNext" };
const bundler = { module: "ESNext", moduleResolution: "bundler" };

describe("a project that uses varve", () => {
  it.each([
    ["NodeNext resolution", nodeNext, false],
    ["NodeNext resolution and exact optional properties", nodeNext, true],
    ["bundler resolution", bundler, false],
    ["bundler resolution and exact optional properties", bundler, true],
  ])("compiles with %s, and what is varve's own does not", (name, resolution, exact) => {
    const options = { ...resolution, exactOptionalPropertyTypes: exact, noEmit: true };
    expect(compile(["consumer.ts"], options, name.replaceAll(" ", "-"))).toBe("");
  });

  it("finds declarations without fault in the shipped files themselves", () => {
    const shipped = ["index", "suite", "store", "report", "types"].map(
      (entry) => `node_modules/varve/dist/${entry}.d.ts`,
    );
    const options = { ...nodeNext, skipLibCheck: false, noEmit: true, exactOptionalPropertyTypes: true };
    const faults = compile(shipped, options, "shipped");
    expect(faults.split("\n").filter((line) => line.startsWith("node_modules/varve/"))).toEqual([]);
  });

  it("compiles as CommonJS, and runs: require loads the ES module", () => {
    expect(compile(["consumer.cts"], { ...nodeNext, outDir: "out" }, "commonjs")).toBe("");
    const script = 'require("./out/consumer.cjs").use()';
    const run = spawnSync(process.execPath, ["--input-type=commonjs", "-e", script], {
      cwd: folder,
      encoding: "utf8",
    });
    expect(run).toMatchObject({ status: 0, stdout: "2 rows, rejected", stderr: "" });
  });
});
