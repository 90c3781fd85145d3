import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";

const root = resolve(import.meta.dirname, "..");
const read = (path: string) => readFileSync(join(root, path), "utf8");
const documents = ["README.md", "CONTRIBUTING.md", "SECURITY.md", ...below("spec", ".md")].filter(
  (path) => path !== "spec/glossary.md",
);
const entries = read("spec/glossary.md")
  .split("\n")
  .flatMap((line) => {
    const [, word, meaning] = /^\| ([^|]+?) \| ([^|]+) \|$/.exec(line) ?? [];
    return word === undefined || meaning === undefined || word === "word" ? [] : [{ word, meaning }];
  });
const words = entries.map(({ word }) => word);
const uses = [...documents, ...below("src", ".ts")]
  .map(read)
  .join("\n")
  .replace(/\s+(?:\* |\/\/ )?/g, " ");

describe("spec/glossary.md", () => {
  it("lists each word once, in alphabetical order", () => {
    expect(words.length).toBeGreaterThan(20);
    expect(words).toEqual([...new Set(words)].sort());
  });

  it.each(entries.map(({ word, meaning }) => [word, meaning] as const))(
    "explains %s in a line",
    (_, meaning) => {
      expect(meaning).toMatch(/^[A-Z].*\.$/);
    },
  );

  it.each(words)("lists %s, which the source or a document uses", (word) => {
    expect(new RegExp(`\\b${word}s?\\b`, "i").test(uses)).toBe(true);
  });

  it("lists each word that a document introduces in italics", () => {
    const introduced = documents.flatMap((path) =>
      [...read(path).matchAll(/\b(?:an?|the) \*([a-z][a-z -]*)\*/gi)].map(([, word = ""]) => word),
    );
    expect(introduced).toContain("suite");
    expect(introduced.filter((word) => !words.includes(word))).toEqual([]);
  });
});

function below(folder: string, ending: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(ending))
    .map((name) => `${folder}/${name}`);
}
