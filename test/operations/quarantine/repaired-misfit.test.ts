import { join } from "node:path";
import { expect, it } from "vitest";
import { createTable, schema, suite } from "../../../src/index.ts";
import { freshFolder, rowsOf } from "../table-folder.ts";

it.each([
  ["a text that is no number", "'abc'", "abc"],
  ["a number with too many digits", "99999999999999999999", "99999999999999999999"],
])(
  "a repair with %s keeps the row in the quarantine, until one fits",
  async (_name, expression, observed) => {
    const folder = join(freshFolder(), "t");
    await using table = await createTable(folder, { schema: schema().long("id").long("n") });
    const gate = suite("s", [], { onMisfit: "quarantine", maxBadShare: 1 });
    await table.append([{ id: 1, n: "x" }] as never, { gate });
    expect(await table.quarantine.repair({}, { n: expression })).toBe(1);
    expect(await table.quarantine.resubmit()).toMatchObject({ landed: 0, stillBad: 1 });
    expect(await rowsOf(table)).toEqual([]);
    const [row, ...others] = await table.quarantine.read();
    expect(others).toEqual([]);
    expect(row).toMatchObject({
      status: "open",
      attempt: 2,
      errors: [{ columns: ["n"], observed_value: observed }],
    });
    expect(await table.quarantine.repair({}, { n: "7" })).toBe(1);
    expect(await table.quarantine.resubmit()).toMatchObject({ landed: 1, stillBad: 0 });
    expect(await rowsOf(table)).toEqual([{ id: 1n, n: 7n }]);
  },
);
