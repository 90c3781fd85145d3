import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { tableFeatures } from "../../src/log/features.ts";
import { writerFeatures } from "../../src/table/writer-features.ts";

const page = readFileSync(new URL("../../spec/features.md", import.meta.url), "utf8");
const rows = [...page.matchAll(/^\| (\w+) \| (yes|no) \| (enforced|kept|refused) \|/gm)].map(([, name = "", read, written]) => ({
  name,
  read,
  written,
}));

describe("spec/features.md", () => {
  it("has one row for each feature, and no other", () => {
    expect(rows.map(({ name }) => name).sort()).toEqual(tableFeatures.map(({ name }) => name).sort());
  });

  it.each(rows)("tells the truth about $name", ({ name, read, written }) => {
    const reading = tableFeatures.find((feature) => feature.name === name);
    expect(read).toBe(reading?.side === "reader" && reading.refused !== undefined ? "no" : "yes");
    expect(written).toBe(writerFeatures[name]?.support ?? "refused");
  });
});
