import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createTable } from "../../src/api/create-table.ts";
import type { Table } from "../../src/api/table.ts";
import { contentFingerprint } from "../../src/fingerprint/content-fingerprint.ts";
import { sumRelation } from "../../src/fingerprint/row-sum.ts";
import { arrayOf, mapOf, schema } from "../../src/schema/builder.ts";
import type { StructType } from "../../src/schema/types.ts";
import { planScan } from "../../src/table/scan/scan.ts";
import { freshFolder } from "../operations/table-folder.ts";
import { type PlainValue, referenceFingerprint, referenceSum } from "./reference.ts";

const of = async (table: Table) => (await contentFingerprint(table.snapshot().log)).fingerprint;

const everyType = schema()
  .long("id")
  .integer("i")
  .short("s")
  .byte("b")
  .float("f")
  .double("d")
  .boolean("t")
  .string("text")
  .binary("bytes")
  .date("day")
  .timestamp("at")
  .timestampNtz("local")
  .decimal("price", 9, 2)
  .decimal("wide", 38, 0)
  .decimal("small", 4, 1)
  .decimal("middle", 18, 3)
  .column("list", arrayOf("double"))
  .column("struct", schema().string("a").float("x"))
  .column("map", mapOf("string", "long"))
  .column("deep", arrayOf(schema().column("m", mapOf("double", "string")).column("l", arrayOf("short"))))
  .build();

describe("the content fingerprint of a table", () => {
  it("is what spec/fingerprints.md says, for every type", async () => {
    await using table = await createTable(join(freshFolder(), "t"), {
      schema: everyType,
      source: [
        {
          id: -1n,
          i: 2,
          s: -3,
          b: 4,
          f: -0,
          d: Number.NaN,
          t: false,
          text: "ü\0€",
          bytes: Buffer.from([0, 1, 2, 255]),
          day: "1969-12-31",
          at: "2024-01-01T00:00:00.000001Z",
          local: "1969-12-31T23:59:59.999999",
          price: "-1.50",
          wide: "99999999999999999999999999999999999999",
          small: "0.1",
          middle: "7.000",
          list: [1.5, null, -0],
          struct: { a: null, x: 0.5 },
          map: new Map<string, bigint | null>([
            ["b", 1n],
            ["a", null],
          ]),
          deep: [
            {
              m: new Map([
                [2, "two"],
                [-1, "one"],
              ]),
              l: [],
            },
            null,
            { m: null, l: null },
          ],
        },
        { f: Number.NaN },
      ],
    });
    const micros = BigInt(Date.UTC(2024, 0, 1)) * 1000n + 1n;
    const row: PlainValue[] = [
      -1n,
      2n,
      -3n,
      4n,
      -0,
      Number.NaN,
      false,
      "ü\0€",
      Buffer.from([0, 1, 2, 255]),
      -1n,
      micros,
      -1n,
      -150n,
      10n ** 38n - 1n,
      1n,
      7000n,
      [1.5, null, -0],
      [null, 0.5],
      [
        ["a", null],
        ["b", 1n],
      ],
      // Keys of maps are in the order of the bits of numbers, as signed integers.
      [
        [
          [
            [-1, "one"],
            [2, "two"],
          ],
          [],
        ],
        null,
        [null, null],
      ],
    ];
    const other = everyType.fields.map(({ name }) => (name === "f" ? Number.NaN : null));
    const log = table.snapshot().log;
    await using session = await (await log.context.engine()).open();
    const relation = await planScan(session, log);
    for (const [index, field] of everyType.fields.entries()) {
      const alone: StructType = { type: "struct", fields: [field] };
      const { sum } = await sumRelation(session, relation, alone);
      expect(sum, field.name).toBe(referenceSum(alone, [[row[index] ?? null], [other[index] ?? null]]));
    }
    expect(await of(table)).toBe(referenceFingerprint(everyType, [row, other]));
  });
});
