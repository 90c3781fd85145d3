import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createTable } from "../../../src/api/create-table.ts";
import { runSuite } from "../../../src/api/shared/run-suite.ts";
import type { Source } from "../../../src/api/shared/table-options.ts";
import { openSession } from "../../../src/engine/session/session.ts";
import { check, suite } from "../../../src/quality/suite/builder.ts";
import { schema } from "../../../src/schema/builder.ts";
import { sql } from "../../../src/sql/sql.ts";
import { quoteText } from "../../../src/sql/sql-text.ts";
import { freshFolder } from "../table-folder.ts";

const half = "60000000000000000000000000000000000000";
const sum = "120000000000000000000000000000000000000";
const most = "99999999999999999999999999999999999999";
const widest = "170141183460469231731687303715884105727";
const decimals = `SELECT sum(x) AS v FROM (VALUES (${half}::DECIMAL(38,0)), (${half})) t(x)`;

/** Files that a source reads are in a folder of their own. */
const file = (name: string, text = "a\n1\n"): string => {
  const path = join(freshFolder(), name);
  writeFileSync(path, text);
  return path;
};

async function parquet(): Promise<string> {
  const path = join(freshFolder(), "wide.parquet");
  await using session = await openSession();
  await session.execute(
    sql`COPY (SELECT list_sum([CAST(${quoteText(half)} AS DECIMAL(38,0)), CAST(${quoteText(half)} AS DECIMAL(38,0))]) AS v)
      TO ${quoteText(path)} (FORMAT parquet)`,
  );
  return path;
}

const misfits: readonly (readonly [name: string, source: () => Promise<Source>, value: string])[] = [
  ["a sum of decimals in SQL", async () => ({ sql: decimals }), sum],
  [
    "a sum of integers in SQL",
    async () => ({ sql: `SELECT sum(x) AS v FROM (VALUES (${most}::HUGEINT), (1)) t(x)` }),
    "100000000000000000000000000000000000000",
  ],
  ["the widest integer of SQL", async () => ({ sql: `SELECT ${widest}::HUGEINT AS v` }), widest],
  [
    "an unsigned integer of SQL",
    async () => ({ sql: `SELECT 340282366920938463463374607431768211455::UHUGEINT AS v` }),
    "340282366920938463463374607431768211455",
  ],
  [
    "a sum in SQL over a file",
    async () => {
      const csv = file("a.csv");
      return { sql: `SELECT list_sum([${half}::DECIMAL(38,0), ${half}]) AS v FROM f`, files: { f: csv } };
    },
    sum,
  ],
  [
    "an integer in SQL over a file",
    async () => {
      const csv = file("a.csv");
      return { sql: `SELECT ${widest}::HUGEINT AS v FROM f`, files: { f: csv } };
    },
    widest,
  ],
  ["a decimal in a Parquet file", async () => ({ parquet: await parquet() }), sum],
];

const decimalTable = () => createTable(join(freshFolder(), "t"), { schema: schema().decimal("v", 38, 0) });

describe("a number with more digits than a decimal has", () => {
  it.each(misfits)("%s is refused, naming column and value", async (_, source, value) => {
    const failure = {
      code: "SCHEMA_MISMATCH",
      data: { column: ["v"], expected: "decimal(38,0)", found: value },
    };
    const table = await decimalTable();
    await expect(table.append(await source())).rejects.toMatchObject(failure);
    expect(await table.count()).toBe(0);
    await expect(createTable(join(freshFolder(), "new"), { source: await source() })).rejects.toMatchObject(
      failure,
    );
  });

  it.each(misfits)(
    "%s is set aside where the suite says so, and keeps its digits",
    async (_, source, value) => {
      const table = await decimalTable();
      const gate = suite("aside", [check.notNull("v", { onFail: "warn" })], {
        onMisfit: "quarantine",
        maxBadShare: 1,
      });
      await table.append(await source(), { gate });
      expect(await table.count()).toBe(0);
      const [row] = await table.quarantine.read();
      expect(row?.["payload"]).toContain(value);
    },
  );

  it.each([
    [
      "in a list",
      `SELECT [x] AS v FROM (${decimals.replace("AS v", "AS x")})`,
      schema().column("v", {
        type: "array",
        elementType: { type: "decimal", precision: 38, scale: 0 },
        containsNull: true,
      }),
    ],
    [
      "in a struct",
      `SELECT {'a': ${widest}::HUGEINT} AS v`,
      schema().column("v", schema().decimal("a", 38, 0)),
    ],
  ])("%s is refused too", async (_, text, columns) => {
    const table = await createTable(join(freshFolder(), "t"), { schema: columns });
    await expect(table.append({ sql: text })).rejects.toMatchObject({ code: "SCHEMA_MISMATCH" });
  });

  it("does not keep the widest that fit from landing", async () => {
    const table = await decimalTable();
    await table.append({ sql: `SELECT ${most}::HUGEINT AS v UNION ALL SELECT -${most}::HUGEINT` });
    await table.append({
      sql: `SELECT sum(v) AS v FROM (VALUES (${half}::DECIMAL(38,0)), (${most.replace(/^9/, "3")})) t(v)`,
    });
    const values: unknown[] = [];
    for await (const row of table.rows()) values.push(row["v"]);
    expect(values.sort()).toEqual([`-${most}`, most, most].sort());
  });

  it("is tested by a suite over any source like other numbers", async () => {
    const tests = suite("wide", [
      check.between("v", { min: 0, max: 5 }),
      check.measure("sum", "v", { max: 1 }),
      check.measure("mean", "v", { max: 1e40 }),
    ]);
    const report = await runSuite(tests, { sql: `SELECT unnest([${widest}::HUGEINT, ${widest}]) AS v` });
    expect(report.checks.map(({ success }) => success)).toEqual([false, false, true]);
  });
});
