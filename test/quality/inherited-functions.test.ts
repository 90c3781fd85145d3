import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createTable, schema } from "../../src/index.ts";
import { freshFolder } from "../operations/table-folder.ts";

const open = () => createTable(join(freshFolder(), "t"), { schema: schema().long("id") });

describe("a name that every object inherits", () => {
  it.each([
    [
      "checks[0].params.function",
      { kind: "expect_rows_to_satisfy_function", params: { column_list: ["id"], function: "constructor" } },
    ],
    [
      "checks[0].repair.function",
      {
        kind: "expect_column_values_to_be_between",
        params: { column: "id", min_value: 5 },
        onFail: "repair",
        repair: { with: "function", function: "toString" },
      },
    ],
  ] as const)("is no function that was given: %s", async (path, check) => {
    await using table = await open();
    await expect(table.append([{ id: 1 }], { gate: { name: "s", checks: [check] } })).rejects.toMatchObject({
      code: "SUITE_INVALID",
      message: expect.stringMatching(new RegExp(`${path.replace(/[[\].]/g, "\\$&")}.*is given`)),
    });
  });
});
