import { spawnSync } from "node:child_process";
import { cpSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ConsumerProject, consumerProject } from "../support/consumer-project.ts";

let project: ConsumerProject;
beforeAll(() => {
  project = consumerProject();
  cpSync(fileURLToPath(new URL("project/", import.meta.url)), project.folder, { recursive: true });
});
afterAll(() => project.remove());

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
    expect(project.compile(["consumer.ts"], options, name.replaceAll(" ", "-"))).toBe("");
  });

  it("finds declarations without fault in the shipped files themselves", () => {
    const shipped = ["index", "suite", "store", "report", "types"].map(
      (entry) => `node_modules/varve/dist/${entry}.d.ts`,
    );
    const options = { ...nodeNext, skipLibCheck: false, noEmit: true, exactOptionalPropertyTypes: true };
    const faults = project.compile(shipped, options, "shipped");
    expect(faults.split("\n").filter((line) => line.startsWith("node_modules/varve/"))).toEqual([]);
  });

  it("compiles as CommonJS, and runs: require loads the ES module", () => {
    expect(project.compile(["consumer.cts"], { ...nodeNext, outDir: "out" }, "commonjs")).toBe("");
    const script = 'require("./out/consumer.cjs").use()';
    const run = spawnSync(process.execPath, ["--input-type=commonjs", "-e", script], {
      cwd: project.folder,
      encoding: "utf8",
    });
    expect(run).toMatchObject({ status: 0, stdout: "2 rows, rejected", stderr: "" });
  });
});
