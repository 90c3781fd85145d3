import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { findFeature, tableFeatures } from "../../src/protocol/features.ts";

const page = readFileSync(new URL("../../spec/features.md", import.meta.url), "utf8");
const rows = [...page.matchAll(/^\| (\w+) \| (yes|no) \| (enforced|kept|refused) \|.*\|(.*)\|$/gm)].map(
  ([, name = "", read, written, tests = ""]) => ({
    name,
    read,
    written,
    tests: [...tests.matchAll(/`([^`]+)`/g)].map(([, test = ""]) => test),
  }),
);

describe("spec/features.md", () => {
  it("has one row for each feature, and no other", () => {
    expect(rows.map(({ name }) => name).sort()).toEqual(tableFeatures.map(({ name }) => name).sort());
  });

  it.each(rows)("tells the truth about $name", ({ name, read, written }) => {
    const feature = findFeature(name);
    expect(read).toBe(feature?.unreadable === undefined ? "yes" : "no");
    expect(written).toBe(feature?.write);
  });

  it.each(rows)("names tests of $name that there are and that speak of it", ({ name, written, tests }) => {
    for (const test of tests) {
      const file = new URL(
        test.endsWith(".ts") ? `../${test}` : `../fixtures/tables/${test}/_delta_log/`,
        import.meta.url,
      );
      expect(existsSync(file), test).toBe(true);
      if (test.endsWith(".ts"))
        expect(readFileSync(file, "utf8").toLowerCase(), test).toContain(words[name] ?? name.toLowerCase());
    }
    if (written !== "refused")
      expect(tests, "a feature that is written has tests of its own").not.toEqual([]);
  });
});

/** How tests call a feature whose name they need not spell. */
const words: Readonly<Record<string, string>> = {
  allowColumnDefaults: "default",
  checkConstraints: "constraint",
  generatedColumns: "generat",
  identityColumns: "identity",
  variantType: "variant",
};
