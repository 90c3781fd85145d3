import { describe, expect, it } from "vitest";
import { cellText, textTable } from "../../src/cli/shared/text-table.ts";

describe("tables on the terminal", () => {
  it("aligns columns and marks nulls", () => {
    const text = textTable(
      ["version", "what"],
      [
        [1, "append"],
        [12, null],
      ],
      { width: 80, rightAligned: new Set([0]), nullText: "-" },
    );
    expect(text).toBe(["version  what", "      1  append", "     12  -"].join("\n"));
  });

  it("never gets wider than the terminal and says where it cut", () => {
    const text = textTable(["a", "b"], [["x".repeat(200), "y".repeat(50)]], { width: 40 });
    expect(Math.max(...text.split("\n").map((line) => line.length))).toBeLessThanOrEqual(40);
    expect(text).toContain("…");
  });

  it("is drawn of a log of 150,000 versions, aligned from the first row to the last", () => {
    const rows = Array.from({ length: 150_000 }, (_, version) => [version, "WRITE"]);
    const lines = textTable(["version", "what"], rows, { width: 80, rightAligned: new Set([0]) }).split("\n");
    expect(lines.length).toBe(150_001);
    expect(lines[1]).toBe("      0  WRITE");
    expect(lines[10_001]).toBe("  10000  WRITE");
    expect(lines.at(-1)).toBe(" 149999  WRITE");
  });

  it("shows control characters instead of obeying them", () => {
    expect(cellText("a\u001b[31mb\nc")).toBe("a\\u001b[31mb\\nc");
  });
});

describe("columns that are kept", () => {
  it("keep their width, however narrow the terminal is", () => {
    const rows = [["2026-11-28T10:24:01.000Z", "x".repeat(40), "short"]];
    const kept = new Set([0]);
    const lines = textTable(["time", "operation", "rows"], rows, { width: 60, kept }).split("\n");
    expect(lines[1]).toMatch(/^2026-11-28T10:24:01\.000Z {2}x+… {2}short$/);
    const narrow = textTable(["time", "operation", "rows"], rows, { width: 30, kept }).split("\n");
    expect(narrow[1]).toMatch(/^2026-11-28T10:24:01\.000Z {2}xxxxx… {2}short$/);
  });
});
