import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createTable } from "../../../src/api/create-table.ts";
import { check, suite } from "../../../src/quality/suite/builder.ts";
import { schema } from "../../../src/schema/builder.ts";
import { sample } from "../../support/sample.ts";
import { freshFolder, rowsOf } from "../table-folder.ts";

/** Names that SQL, the gate or the quarantine use for something else, and names that need quotes. */
const names = [
  "plain",
  "file",
  "row",
  "rows",
  "value",
  "key_0",
  "n",
  "before",
  "staged",
  "size",
  "errors",
  "payload",
  "select",
  "a.b",
  'q"u',
  "position of file",
];

/** All that looks at groups, other tables, order and functions, over one column. */
function rules(column: string) {
  const four = (batch: { readonly numRows: number }) => Array.from({ length: batch.numRows }, () => 4n);
  const quoted = `"${column.replaceAll('"', '""')}"`;
  return suite("rules", [
    check.unique(column, { id: "unique", onFail: "quarantine" }),
    check.between(column, { min: 0 }, { id: "low", onFail: "tag", where: `${quoted} IS NOT NULL` }),
    check.increasing(column, { id: "order", onFail: "warn" }),
    check.existsIn([column], "this", [column], { id: "known", onFail: "warn" }),
    check.noOutliers(column, { id: "outlier", onFail: "warn" }),
    check.repairedBy("four", four, check.between(column, { max: 4 }, { id: "repaired" })),
    check.predicate(
      "odd",
      [column],
      (batch) =>
        Array.from({ length: batch.numRows }, (_, at) => Number(batch.getChild(column)?.get(at)) % 2 === 0),
      {
        id: "odd",
        onFail: "warn",
      },
    ),
  ]);
}

describe("a table whose columns are called as the gate's own", () => {
  it.each(sample(names, 4))("is tested, set aside and resubmitted like any other: %s", async (column) => {
    let columns = schema();
    for (const name of names) columns = columns.long(name);
    const table = await createTable(join(freshFolder(), "t"), { schema: columns });
    const row = (value: number) => Object.fromEntries(names.map((name) => [name, BigInt(value)]));
    await table.append([row(1)]);
    const { gate } = await table.append([1, 2, 2, -3, 5].map(row), {
      gate: rules(column),
      mergeSchema: true,
    });
    expect(gate?.checks.map(({ id, unexpected, repaired }) => [id, unexpected, repaired])).toEqual([
      ["unique", 2, 0],
      ["low", 1, 0],
      ["order", 1, 0],
      ["known", 4, 0],
      ["outlier", 1, 0],
      ["repaired", 0, 1],
      ["odd", 2, 0],
    ]);
    expect((await rowsOf(table)).map((found) => [found[column], found["_failed_checks"]])).toEqual([
      [1n, null],
      [1n, null],
      [-3n, ["low"]],
      [4n, null],
    ]);
    expect((await table.quarantine.read()).map(({ payload }) => JSON.parse(String(payload))[column])).toEqual(
      [2, 2],
    );
    for (const [index, { quarantine_id: id }] of (await table.quarantine.read()).entries())
      expect(
        await table.quarantine.repair(
          { ids: [String(id)] },
          { [column]: `"${column.replaceAll('"', '""')}" + ${index + 1}` },
        ),
      ).toBe(1);
    expect(
      await table.quarantine.resubmit({
        all: true,
        gate: suite("again", [check.unique(column, { acrossTable: true })]),
      }),
    ).toMatchObject({
      landed: 1,
      stillBad: 1,
    });
    await table.close();
  });
});
