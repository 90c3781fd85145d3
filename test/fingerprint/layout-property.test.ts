import { join } from "node:path";
import { expect, it } from "vitest";
import { createTable } from "../../src/api/create-table.ts";
import { schema } from "../../src/schema/builder.ts";
import { freshFolder } from "../operations/table-folder.ts";
import fc from "../support/fast-check.ts";
import { type PlainValue, referenceFingerprint } from "./reference.ts";

const columns = schema().string("part").long("id").double("x").string("text").boolean("flag");
const doubles = fc.constantFrom(0, -0, Number.NaN, Number.POSITIVE_INFINITY, 0.1, -1e300, 5e-324);
const nullable = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: null, freq: 4 });
const row = fc.record({
  part: nullable(fc.constantFrom("a", "b/%c", "ü")),
  id: nullable(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })),
  x: nullable(doubles),
  text: nullable(fc.string({ unit: "grapheme", maxLength: 6 })),
  flag: nullable(fc.boolean()),
});
const layout = fc.record({
  rows: fc.array(row, { maxLength: 30 }),
  batches: fc.integer({ min: 1, max: 4 }),
  partitionBy: fc.constantFrom([], ["part"], ["part", "flag"]),
  properties: fc.constantFrom<Record<string, string>>(
    {},
    { "delta.columnMapping.mode": "name" },
    { "delta.columnMapping.mode": "id", "delta.enableDeletionVectors": "true" },
    { "delta.enableDeletionVectors": "true" },
  ),
  after: fc.subarray(["delete", "optimize", "record", "purge"] as const),
});

it("rows have the fingerprint of their values in every layout, before and after each change of it", async () => {
  await fc.assert(
    fc.asyncProperty(layout, async ({ rows, batches, partitionBy, properties, after }) => {
      const values = rows.map(({ part, id, x, text, flag }): PlainValue[] => [part, id, x, text, flag]);
      const expected = referenceFingerprint(columns.build(), values);
      await using table = await createTable(join(freshFolder(), "t"), {
        schema: columns,
        partitionBy,
        properties,
      });
      // Marked rows are deleted again, so that files have deletion vectors, or were written again.
      const marked = after.includes("delete") ? rows.map((own) => ({ ...own, text: "to be deleted" })) : [];
      const all = [...rows, ...marked].reverse();
      const size = Math.ceil(all.length / batches) || 1;
      for (let start = 0; start < all.length; start += size)
        await table.append(all.slice(start, start + size));
      if (marked.length > 0) await table.delete("text = 'to be deleted'");
      expect((await table.contentFingerprint()).fingerprint).toBe(expected);
      if (after.includes("record")) await table.fingerprints.record();
      if (after.includes("optimize")) await table.optimize();
      if (after.includes("purge")) await table.optimize({ purge: true });
      expect((await table.contentFingerprint()).fingerprint).toBe(expected);
    }),
    { numRuns: 12 },
  );
});
