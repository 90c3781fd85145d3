import { join } from "node:path";
import { expect, it } from "vitest";
import { createTable } from "../../../src/api/create-table.ts";
import { schema } from "../../../src/schema/builder.ts";
import { freshFolder } from "../table-folder.ts";

it.each([
  ["a sum of 95 integers", `amount${"+0".repeat(94)} > -1`, "an expression that becomes too long"],
  ["a sum of 600 integers", `amount${"+0".repeat(599)} > -1`, "more than 100 nested expressions"],
])(
  "a table with a constraint that would keep the engine busy is not written: %s",
  async (_name, constraint, reason) => {
    const properties = { "delta.constraints.costly": constraint };
    const table = await createTable(join(freshFolder(), "t"), {
      schema: schema().long("amount"),
      properties,
    });
    await expect(table.append([{ amount: 1 }])).rejects.toMatchObject({
      code: "UNSUPPORTED_FEATURE",
      message: expect.stringContaining(reason),
    });
    await table.close();
  },
);

it("a constraint over a sum of 40 integers is held", async () => {
  const properties = { "delta.constraints.sum": `amount${"+1".repeat(39)} > 0` };
  const table = await createTable(join(freshFolder(), "t"), { schema: schema().long("amount"), properties });
  await table.append([{ amount: 1 }]);
  await expect(table.append([{ amount: -39 }])).rejects.toMatchObject({ code: "CONSTRAINT_VIOLATED" });
  await table.close();
});
