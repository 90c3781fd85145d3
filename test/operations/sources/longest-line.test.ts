import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createTable, openTable } from "../../../src/index.ts";
import { serializeActions } from "../../../src/protocol/action-json.ts";
import { longestLine } from "../../../src/protocol/text-lines.ts";
import { dataFiles, freshFolder, rowsOf } from "../table-folder.ts";

describe("a commit with a line that no reader would take", () => {
  it("is refused before it lands, and leaves the table and no file behind", async () => {
    const folder = join(freshFolder(), "t");
    const table = await createTable(folder, { source: [{ id: 1n }] });
    await expect(
      table.append([{ id: 2n }], { userMetadata: "é".repeat(longestLine / 2) }),
    ).rejects.toMatchObject({
      code: "LIMIT_EXCEEDED",
      data: { action: "commitInfo", limit: longestLine },
      message: expect.stringContaining("Nothing was committed."),
    });
    expect(await rowsOf(await openTable(folder))).toHaveLength(1);
    expect(dataFiles(folder)).toHaveLength(1);
    await table.close();
  });

  it("has one byte more than the longest that is written", () => {
    const line = (bytes: number) => {
      const shell = '{"commitInfo":{"x":""}}'.length;
      return serializeActions([{ kind: "commitInfo", info: { x: "x".repeat(bytes - shell) } }]);
    };
    expect(line(longestLine)).toHaveLength(longestLine + 1);
    expect(() => line(longestLine + 1)).toThrow(/The action commitInfo has 67108865 bytes/);
  });
});

describe("a commit of more text than one string of JavaScript holds well", () => {
  it("is written whole, line by line in order", () => {
    const actions = Array.from({ length: 5 }, (_, index) => ({
      kind: "commitInfo" as const,
      info: { x: String(index).repeat(16 * 1024 * 1024) },
    }));
    const bytes = Buffer.from(serializeActions(actions));
    const length = 16 * 1024 * 1024 + 24;
    const first = [0, 1, 2, 3, 4].map((line) => String(bytes.subarray(line * length, line * length + 22)));
    expect(first).toEqual([0, 1, 2, 3, 4].map((line) => `{"commitInfo":{"x":"${line}${line}`));
    expect(bytes.at(-1)).toBe(10);
    expect(bytes.length).toBe(5 * length);
  });
});
