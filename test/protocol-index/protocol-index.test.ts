import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { allMentions, commentsIn, mentionsIn, protocolIndex, sections } from "./protocol-index.ts";

const root = new URL("../../", import.meta.url);
const page = readFileSync(new URL("spec/protocol-index.md", root), "utf8");
const mentions = allMentions();

describe("spec/protocol-index.md", () => {
  it("is what the comments give now; otherwise run: npm run protocol-index", () => {
    expect(page).toBe(protocolIndex(mentions));
  });

  it("names sections that PROTOCOL.md has", () => {
    const titles = new Set(sections.map(({ title }) => title));
    expect(mentions.filter(({ section }) => !titles.has(section))).toEqual([]);
  });

  it("misses no comment that names the protocol and a title", () => {
    const texts = ["src", "test"].flatMap((folder) =>
      readdirSync(new URL(folder, root), { recursive: true, encoding: "utf8" })
        .filter((name) => name.endsWith(".ts") && !name.startsWith("protocol-index"))
        .map((name) => readFileSync(new URL(`${folder}/${name}`, root), "utf8")),
    );
    const loose = texts
      .flatMap(commentsIn)
      .flatMap((comment) => comment.match(/PROTOCOL\.md(?! ")[^"'`.]{0,60}["'][A-Z][^"'`]*["']/g) ?? []);
    expect(loose).toEqual([]);
  });

  it.each([
    ["reconciliation with deletion vectors", "src/log/replay/memory-files.ts"],
    ["in-commit timestamps", "src/log/segment/commit-timestamp.ts"],
    ["sidecar", "src/log/checkpoint/checkpoint-write.ts"],
    ["nested field ids", "src/schema/column-mapping.ts"],
    ["writer version 7 features", "src/protocol/features.ts"],
    ["log compaction", "src/log/segment/segment.ts"],
    ["high-water mark of an identity column", "src/table/rules/write-rules.ts"],
    ["base row ids", "src/table/commit/row-ids.ts"],
    ["top level of a V2 checkpoint", "src/log/checkpoint/checkpoint-write.ts"],
    ["type widening", "src/schema/type-widening.ts"],
  ])("leads from '%s' to %s, and to a test, in one step", (words, file) => {
    const hits = page.split("\n").filter((line) => line.toLowerCase().includes(words.toLowerCase()));
    expect(hits[0]).toContain(`\`${file}\``);
    expect(hits[0]).toMatch(/`test\/[^`]+\.test\.ts`/);
  });
});

describe("mentionsIn", () => {
  it("finds sections and rules over several lines of a comment", () => {
    const source =
      '/**\n * Keeps it. PROTOCOL.md "Row IDs", "Row\n * Tracking" and "Actions": the\n * mark. More.\n */';
    expect(mentionsIn(source)).toEqual(
      ["Row IDs", "Row Tracking", "Actions"].map((section) => ({ section, rule: "the mark" })),
    );
  });

  it("finds no section in a text of code", () => {
    expect(mentionsIn('const text = "see PROTOCOL.md";\nconst other = "Actions";')).toEqual([]);
  });
});
