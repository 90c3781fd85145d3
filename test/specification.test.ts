import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";

const root = resolve(import.meta.dirname, "..");
const guarantees = readFileSync(join(root, "spec/invariants.md"), "utf8")
  .split("\n")
  .flatMap((line) => {
    const [, number, , tests = ""] = /^\| I(\d+) \| (.*) \| (.*) \|$/.exec(line) ?? [];
    return number === undefined ? [] : [{ number: Number(number), tests }];
  });
const paths = readdirSync(join(root, "test"), { recursive: true, encoding: "utf8" });

const documents = [
  "README.md",
  "CHANGELOG.md",
  "CONTRIBUTING.md",
  "SECURITY.md",
  ...readdirSync(join(root, "spec")).map((name) => `spec/${name}`),
].filter((name) => name.endsWith(".md"));

describe("what the documents name", () => {
  it.each(documents)("in %s are files and folders that there are", (document) => {
    const named = readFileSync(join(root, document), "utf8").matchAll(
      /`((?:src|test|spec|bench)\/[\w./*-]*)`/g,
    );
    const absent = [...named].flatMap(([, path = ""]) => (existsSync(join(root, path)) ? [] : [path]));
    expect(absent).toEqual([]);
  });
});

describe("the guarantees of spec/invariants.md", () => {
  it("have each number once, in order", () => {
    expect(guarantees).not.toEqual([]);
    expect(guarantees.map(({ number }) => number)).toEqual(guarantees.map((_, index) => index + 1));
  });

  it.each(guarantees.map(({ number, tests }) => [number, tests] as const))(
    "I%i names tests that there are",
    (_, tests) => {
      const names = [...tests.matchAll(/`([\w./-]+\.ts)`/g)].map(([, name = ""]) =>
        name.replace(/^test\//, ""),
      );
      const files = names.map((name) => paths.filter((path) => `/${path}`.endsWith(`/${name}`)));
      expect(names.filter((_name, index) => files[index]?.length === 0)).toEqual([]);
      expect(names.length > 0 || /\bS\b/.test(tests)).toBe(true);
      const text = files
        .flat()
        .map((path) => readFileSync(join(root, "test", path), "utf8"))
        .join("\n");
      const quoted = [...tests.matchAll(/"([^"]+)"/g)].flatMap(([, name = ""]) =>
        name.split("…").map((part) => part.trim()),
      );
      expect(quoted.filter((name) => !text.includes(name))).toEqual([]);
    },
  );
});
