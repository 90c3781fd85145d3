import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { describe, expect, it } from "vitest";
import { createTable } from "../../src/api/create-table.ts";
import { openTable } from "../../src/api/open-table.ts";
import { openLog } from "../../src/log/snapshot/open-log.ts";
import type { GateOutcome } from "../../src/quality/gate/verdict.ts";
import type { SuiteJson } from "../../src/quality/model/suite.ts";
import { defineSuite } from "../../src/quality/suite/define.ts";
import { schema } from "../../src/schema/builder.ts";
import { openContext } from "../../src/table/definition/open-context.ts";
import { existingTarget } from "../../src/write/plan/batch-target.ts";
import { addedRows, batchTests } from "../../src/write/plan/plan-rows.ts";
import type { RowsBefore } from "../../src/write/plan/write-plan.ts";
import { withRowsBefore } from "../../src/write/stages/judge-rows.ts";
import { runPlan } from "../../src/write/write-pipeline.ts";
import { dataFiles, filesBelow, freshFolder, rowsOf } from "./table-folder.ts";

const gate: SuiteJson = {
  name: "amounts",
  checks: [
    {
      kind: "expect_column_values_to_be_between",
      params: { column: "amount", min_value: 0 },
      onFail: "quarantine",
    },
  ],
};

async function parquetOf(select: string): Promise<string> {
  const file = join(freshFolder(), "rows.parquet");
  const connection = await (await DuckDBInstance.create(":memory:")).connect();
  await connection.run(`COPY (${select}) TO '${file}' (FORMAT parquet)`);
  connection.closeSync();
  return file;
}

/** Appends a file that another one takes the place of once its rows were tested. */
async function appendSwapped(before: string, after: string, suite?: SuiteJson) {
  const [file, other] = [await parquetOf(before), await parquetOf(after)];
  const folder = join(freshFolder(), "t");
  const table = await createTable(folder, { schema: schema().long("id").long("amount") });
  const appended = table.append(
    { parquet: file },
    {
      ...(suite === undefined ? {} : { gate: suite }),
      onProgress: ({ phase }) => {
        if (phase === "writing") copyFileSync(other, file);
      },
    },
  );
  return { folder, appended };
}

const rows = (count: number, bad: string) =>
  `SELECT i AS id, CASE WHEN ${bad} THEN -1 ELSE i END AS amount FROM range(${count}) r(i)`;

async function holdsNothing(folder: string): Promise<void> {
  expect((await openTable(folder)).snapshot().version).toBe(0);
  expect(await rowsOf(await openTable(folder))).toEqual([]);
  expect(dataFiles(folder)).toEqual([]);
  expect(filesBelow(folder).filter((file) => file.includes("staging"))).toEqual([]);
}

describe("a batch whose rows do not add up", () => {
  it("is not committed where fewer rows were written than came, and no gate was asked", async () => {
    const { folder, appended } = await appendSwapped(rows(100, "false"), rows(99, "false"));
    await expect(appended).rejects.toMatchObject({
      code: "ROWS_UNACCOUNTED",
      data: { rows: 100, clean: 99, quarantined: 0, dropped: 0 },
    });
    await holdsNothing(folder);
  });

  it("is not committed where a clean row is missing beside those that are set aside", async () => {
    const { folder, appended } = await appendSwapped(rows(100, "i < 5"), rows(99, "i < 5"), gate);
    await expect(appended).rejects.toMatchObject({
      code: "ROWS_UNACCOUNTED",
      data: { rows: 100, clean: 94, quarantined: 5, dropped: 0 },
    });
    await holdsNothing(folder);
  });

  it("is not committed where as many rows, but others, would go to quarantine", async () => {
    const { folder, appended } = await appendSwapped(rows(100, "i < 5"), rows(100, "i >= 95"), gate);
    await expect(appended).rejects.toMatchObject({
      code: "ROWS_UNACCOUNTED",
      data: { setAside: { rows: 5 }, written: { rows: 5 } },
    });
    await holdsNothing(folder);
  });

  it("is split as ever where its CSV file is in a folder that reads as a column", async () => {
    const folder = join(freshFolder(), "id=7", "x=1");
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "rows.csv"), "id,amount\n1,5\n2,-5\n");
    const table = await createTable(join(freshFolder(), "t"), { schema: schema().long("id").long("amount") });
    const { gate: verdict } = await table.append({ csv: join(folder, "rows.csv") }, { gate });
    expect([verdict?.clean, verdict?.quarantined]).toEqual([1, 1]);
    expect(await rowsOf(await openTable(table.uri))).toEqual([{ id: 1n, amount: 5n }]);
  });

  it("is refused by name where a file whose rows may be set aside is named twice", async () => {
    const file = await parquetOf(rows(10, "i = 3"));
    const table = await createTable(join(freshFolder(), "t"), { schema: schema().long("id").long("amount") });
    await expect(table.append({ parquet: [file, file] }, { gate })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      data: { file },
    });
    expect(await table.append({ parquet: [file, file] })).toMatchObject({ rows: 20 });
  });
});

describe("a batch of which rows were set aside before it was tested", () => {
  const misfits = { rows: 2, checks: [] };

  async function write(suiteJson: SuiteJson, before: RowsBefore) {
    const folder = join(freshFolder(), "t");
    await (await createTable(folder, { schema: schema().long("id").long("amount") })).close();
    const target = await existingTarget(await openLog(await openContext(folder)));
    const tests = batchTests(defineSuite(suiteJson), { before });
    const source = [{ id: 1n, amount: 1n }];
    return { folder, written: runPlan(addedRows(target, { source, tests })) };
  }

  it("is rejected where they alone are too many, and nothing is left of it", async () => {
    const tests: SuiteJson = { ...gate, onMisfit: "quarantine", maxBadShare: 0.5 };
    const { folder, written } = await write(tests, misfits);
    await expect(written).rejects.toMatchObject({
      code: "BATCH_REJECTED",
      data: { reasons: ["2 of 3 rows were set aside, more than the 50 % that maxBadShare allows"] },
    });
    await holdsNothing(folder);
  });

  it("counts them among its rows where they are few enough", async () => {
    const { written } = await write({ ...gate, onMisfit: "quarantine", maxBadShare: 0.7 }, misfits);
    expect((await written).gate).toMatchObject({ rows: 3, clean: 1, quarantined: 2, dropped: 0 });
  });

  it("is no batch where the counts of its verdict do not add up", async () => {
    const { written } = await write({ ...gate, onMisfit: "quarantine" }, { rows: 0, checks: [] });
    const verdict = (await written).gate;
    const odd = { ...verdict, clean: 7 } as unknown as GateOutcome;
    expect(() => withRowsBefore(odd, misfits, defineSuite(gate))).toThrow(
      /varve internal error: a batch's rows/,
    );
  });
});
