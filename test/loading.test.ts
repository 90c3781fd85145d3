import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createTable } from "../src/index.ts";
import { mainFile } from "./support/cli.ts";
import { loadedPackages } from "./support/loaded-packages.ts";

const folder = mkdtempSync(join(tmpdir(), "varve-test-loading-"));
const table = join(folder, "table");
const engine = ["@duckdb/node-api", "@duckdb/node-bindings"];
const log = ["fast-json-stable-stringify", "lossless-json", "uuid"];

beforeAll(async () => {
  const made = await createTable(table, { source: [{ id: 1 }] });
  await made.append([{ id: 2 }]);
  await made.monitors.create({ name: "ids", baseline: { version: 0 }, alerts: [{ when: "broken" }] });
  await made.monitors.run("ids");
  await made.monitors.create({ name: "quiet", baseline: { version: 0 } });
  await made.monitors.run("quiet");
  await made.monitors.mute("ids", { by: "ann", reason: "test" });
  await made.close();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const script = (text: string): string[] => ["--input-type=module", "-e", text];

describe("what is loaded", () => {
  it.each([
    ["import varve", script('import "varve"'), log],
    ["import varve/suite", script('import "varve/suite"'), ["fast-json-stable-stringify", "lossless-json"]],
    ["import varve/store", script('import "varve/store"'), ["uuid"]],
    ["import varve/report", script('import "varve/report"'), ["lossless-json"]],
    [
      "a table that is opened",
      script(`import { openTable } from "varve"; await openTable(${JSON.stringify(table)});`),
      log,
    ],
    ["varve --help", [mainFile, "--help"], ["commander", "lossless-json", "uuid"]],
    ["varve --version", [mainFile, "--version"], ["commander", "lossless-json", "uuid"]],
    ["varve history", [mainFile, "history", table], ["cli-table3", "commander", ...log]],
    ["varve monitor list", [mainFile, "monitor", "list", table], ["cli-table3", "commander", ...log]],
    ["varve monitor show", [mainFile, "monitor", "show", table, "ids"], ["cli-table3", "commander", ...log]],
    ["varve monitor alerts", [mainFile, "monitor", "alerts", table], ["cli-table3", "commander", ...log]],
    [
      "varve monitor run, of a version that was compared",
      [mainFile, "monitor", "run", table, "quiet"],
      ["commander", ...log],
    ],
  ])("%s: neither engine nor Arrow nor the AWS SDK", (_, args, packages) => {
    expect(loadedPackages(...args).packages).toEqual([...packages].sort());
  });

  it("a query loads the engine, and neither Arrow nor the AWS SDK", () => {
    const text = `import { openTable } from "varve";
      const table = await openTable(${JSON.stringify(table)});
      for await (const row of table.snapshot().rows({ where: "id = 1" })) if (row.id !== 1n) throw new Error("not the row");
      await table.close();`;
    const { packages } = loadedPackages(...script(text));
    expect(packages).toEqual(expect.arrayContaining(engine));
    expect(packages).not.toContain("apache-arrow");
    expect(packages.filter((name) => name.startsWith("@aws-sdk/") || name.startsWith("@smithy/"))).toEqual(
      [],
    );
  });

  it.each([
    ["plain", "views.arrow", false],
    ["LZ4", "lz4.arrow", false],
    ["Zstandard", "zstd.arrow", true],
  ])("a file of %s Arrow loads the decoder of Zstandard only where it needs it", (_, name, needs) => {
    const file = fileURLToPath(new URL(`fixtures/arrow/${name}`, import.meta.url));
    const text = `import { createTable } from "varve";
      const table = await createTable(${JSON.stringify(join(folder, name))}, { source: { arrow: ${JSON.stringify(file)} } });
      await table.close();`;
    const { packages } = loadedPackages(...script(text));
    expect(packages).toContain("apache-arrow");
    expect(packages.includes("zstddec")).toBe(needs);
  });

  it("import varve reads some tens of files, not one for each source", () => {
    expect(loadedPackages(...script('import "varve"')).ownFiles).toBeLessThanOrEqual(100);
  });
});
