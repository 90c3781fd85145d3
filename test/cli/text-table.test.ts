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

  it("shows control characters instead of obeying them", () => {
    expect(cellText("a\u001b[31mb\nc")).toBe("a\\u001b[31mb\\nc");
  });
});
