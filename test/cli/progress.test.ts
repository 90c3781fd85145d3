import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { afterAll, describe, expect, it } from "vitest";
import { ended, startVarve, varve } from "../support/cli.ts";

const folder = mkdtempSync(join(tmpdir(), "varve-test-progress-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const rows = Array.from({ length: 120_000 }, (_, id) => ({ id, text: `row ${id} `.repeat(8) }));
const file = (name: string, content: string): string => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
};
const lines = `${rows.map((row) => JSON.stringify(row)).join("\n")}\n`;
const ndjson = file("rows.ndjson", lines);
const csv = file("rows.csv", `id,text\n${rows.map(({ id, text }) => `${id},${text}`).join("\n")}\n`);
const suite = file(
  "suite.json",
  '{"checks":[{"kind":"expect_column_values_to_not_be_null","params":{"column":"id"}}]}',
);

/** The states of the progress line that the command drew on a terminal of this width, in their order. */
async function frames(width: number, args: readonly string[], input?: string): Promise<readonly string[]> {
  const child = startVarve(args, { stdin: input === undefined ? "ignore" : "pipe", terminalWidth: width });
  if (input !== undefined) child.stdin?.end(input);
  const { code, stderr } = await ended(child);
  expect({ code, stderr }).toMatchObject({ code: 0 });
  return stderr
    .split("\u001b[1G")
    .map((frame) => stripVTControlCharacters(frame).trim())
    .filter((frame) => frame !== "");
}

const share = (frame: string): number => Number(/(\d+) %/.exec(frame)?.[1]);

describe("the progress line on a terminal", () => {
  const commands: readonly (readonly [string, readonly string[]])[] = [
    ["append of CSV", ["create", join(folder, "a"), "--from", csv]],
    ["append of JSON lines", ["create", join(folder, "b"), "--from", ndjson]],
    ["check", ["check", suite, ndjson]],
  ];
  for (const [name, args] of commands) {
    it(`starts empty, moves forward while reading, and ends full: ${name}`, async () => {
      const drawn = await frames(60, args);
      const shares = drawn.map(share);
      expect(drawn[0]).toContain("-".repeat(16));
      expect(shares[0]).toBe(0);
      expect(shares).toEqual(shares.toSorted((a, b) => a - b));
      expect(drawn.at(-1)).toContain("=".repeat(16));
      expect(shares.at(-1)).toBe(100);
      expect(drawn.join("\n")).toMatch(/reading .* of \d+\.\d MB/);
    });
  }

  it("fits 60 columns, and narrower terminals", async () => {
    for (const width of [60, 30]) {
      const drawn = await frames(width, ["create", join(folder, `w${width}`), "--from", ndjson]);
      expect(drawn.filter((frame) => frame.length > Math.min(60, width))).toEqual([]);
    }
    const wide = await frames(200, ["create", join(folder, "w200"), "--from", ndjson]);
    expect(wide.filter((frame) => frame.length > 60)).toEqual([]);
  });

  it("counts the bytes of standard input, whose size is unknown", async () => {
    const drawn = await frames(
      60,
      ["create", join(folder, "c"), "--from", "-", "--input-format", "ndjson"],
      lines,
    );
    expect(drawn.join("\n")).toMatch(/standard input +\d+\.\d MB/);
  });

  it("moves while fsck reads files", async () => {
    const drawn = await frames(60, ["fsck", join(folder, "a")]);
    expect(share(drawn[0] ?? "")).toBe(0);
    expect(drawn.join("\n")).toContain("1 of 1 file");
  });

  it("is not drawn with --quiet, or where nobody looks", async () => {
    expect((await varve("check", suite, ndjson)).stderr).toBe("");
    expect(await frames(60, ["check", suite, ndjson, "--quiet"])).toEqual([]);
  });
});
