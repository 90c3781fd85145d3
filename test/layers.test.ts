import { readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const source = resolve(dirname(fileURLToPath(import.meta.url)), "../src");

/** Lower imports nothing higher; folders of one layer do not import each other. */
const layerOf: Readonly<Record<string, number>> = {
  "errors.ts": 0,
  util: 0,
  storage: 1,
  schema: 1,
  engine: 1,
  log: 2,
  table: 3,
  query: 4,
  quality: 4,
  operations: 5,
  reproduce: 6,
  drift: 6,
  api: 7,
  report: 7,
  "index.ts": 8,
  cli: 9,
};

/** Pairs of one layer that may meet, with the reason. */
const sameLayerAllowed: ReadonlySet<string> = new Set(["util>errors.ts"]);

interface Import {
  readonly from: string;
  readonly to: string;
}

function sourceFiles(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    return statSync(path).isDirectory() ? sourceFiles(path) : path.endsWith(".ts") ? [path] : [];
  });
}

function importsOf(file: string): Import[] {
  const text = readFileSync(file, "utf8");
  const found = text.matchAll(/(?:\bfrom\s+|\bimport\s*\(?\s*)"(\.{1,2}\/[^"]+)"/g);
  return [...found].map((match) => ({ from: relative(source, file), to: relative(source, resolve(dirname(file), match[1] ?? "")) }));
}

const top = (path: string): string => path.split("/")[0] ?? "";
const files = sourceFiles(source);
const imports = files.flatMap(importsOf);

describe("layers of src/", () => {
  it("every file belongs to a known layer", () => {
    expect(files.map((file) => top(relative(source, file))).filter((name) => layerOf[name] === undefined)).toEqual([]);
  });

  it("a folder imports only from layers below it", () => {
    const breaches = imports.filter(({ from, to }) => {
      const [a, b] = [top(from), top(to)];
      if (a === b || sameLayerAllowed.has(`${a}>${b}`)) return false;
      return (layerOf[b] ?? 99) >= (layerOf[a] ?? -1);
    });
    expect(breaches).toEqual([]);
  });

  it("only the engine imports the DuckDB driver, only storage the S3 client", () => {
    const foreign = files.flatMap((file) => {
      const text = readFileSync(file, "utf8");
      const folder = top(relative(source, file));
      return [
        ...(text.includes('"@duckdb/') && folder !== "engine" ? [`${file}: duckdb`] : []),
        ...(text.includes('"@aws-sdk/') && folder !== "storage" ? [`${file}: aws`] : []),
      ];
    });
    expect(foreign).toEqual([]);
  });

  it("no function, class or constant is exported that no other file names", () => {
    const others = ["src", "test", "bench"].flatMap((folder) => sourceFiles(resolve(source, "..", folder)));
    const words = new Map(others.map((file) => [file, new Set(readFileSync(file, "utf8").match(/\w+/g))]));
    const unused = files.flatMap((file) => {
      const names = readFileSync(file, "utf8").matchAll(/^export (?:async )?(?:function\*?|class|const) (\w+)/gm);
      const isNamed = (name: string) => others.some((other) => other !== file && words.get(other)?.has(name) === true);
      return [...names].flatMap(([, name = ""]) => (isNamed(name) ? [] : [`${relative(source, file)}: ${name}`]));
    });
    expect(unused).toEqual([]);
  });

  it("files import each other without cycles", () => {
    const edges = new Map<string, string[]>();
    for (const { from, to } of imports) edges.set(from, [...(edges.get(from) ?? []), to]);
    const state = new Map<string, "open" | "done">();
    const cycles: string[] = [];
    const visit = (file: string, trail: readonly string[]): void => {
      if (state.get(file) === "done") return;
      if (state.get(file) === "open") {
        cycles.push([...trail.slice(trail.indexOf(file)), file].join(" > "));
        return;
      }
      state.set(file, "open");
      for (const next of edges.get(file) ?? []) visit(next, [...trail, file]);
      state.set(file, "done");
    };
    for (const file of edges.keys()) visit(file, []);
    expect(cycles).toEqual([]);
  });

  it("no file passes 600 lines", () => {
    expect(files.filter((file) => readFileSync(file, "utf8").split("\n").length > 600)).toEqual([]);
  });
});
