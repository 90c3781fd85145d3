import { spawn } from "node:child_process";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { createTable, runSuite } from "../../src/index.ts";
import { check, suite } from "../../src/quality/builder.ts";
import { makeParquet } from "../data.ts";
import { type BenchContext, contest, type Figure, medianSeconds, type Workload } from "../harness.ts";

const rows = 2_000_000;
const classes = Array.from({ length: 12 }, (_, at) => `class ${at}`);

/** Twenty checks of every sort; `quality_gx.py` has the same for Great Expectations. */
export const twentyChecks = suite("bench", [
  check.notNull("id"),
  check.notNull("placed"),
  check.unique("id"),
  check.between("amount", { min: 0, max: 99_999 }),
  check.between("price", { min: 0, max: 1100 }),
  check.oneOf("class", classes),
  check.noneOf("customer", ["nobody", ""]),
  check.matches("reference", "^order [0-9a-f]+$"),
  check.length("reference", { min: 10, max: 30 }),
  check.notNull("paid"),
  check.between("share", { min: 0, max: 1000 }),
  check.between("discount", { min: 0, max: 49_999 }),
  check.greater("id", "discount", { orEqual: true, mostly: 0.5 }),
  check.rowCount({ min: 1 }),
  check.columns(["id", "placed", "amount", "price", "class", "customer", "reference", "paid", "share", "discount"]),
  check.measure("mean", "price", { min: 100, max: 1000 }),
  check.measure("stdev", "price", { min: 1 }),
  check.measure("max", "amount", { max: 99_999 }),
  check.measure("unique_value_count", "customer", { max: 200 }),
  check.expect("expect_column_distinct_values_to_be_in_set", { column: "class", value_set: classes }),
]);

export const qualityWorkloads: readonly Workload[] = [{ name: "quality-twenty-checks", run: twentyOnAppend }];

async function twentyOnAppend({ folder, runs }: BenchContext): Promise<Figure[]> {
  const file = await makeParquet(folder, rows);
  const table = await createTable(join(folder, "table"), { source: { parquet: file } });
  const seconds = await contest(runs, {
    subject: () => table.append({ parquet: file }, { gate: twentyChecks }),
    baseline: () => table.append({ parquet: file }),
  });
  await table.close();
  const note = `${rows.toLocaleString("en")} rows of ten columns`;
  const figures: Figure[] = [
    {
      what: "append with twenty mixed checks",
      seconds: seconds.subject,
      baseline: { what: "the same append without", seconds: seconds.baseline },
      limit: { atMost: 1.4 },
      note,
    },
  ];
  const python = process.env["VARVE_GX_PYTHON"];
  if (python === undefined) {
    console.error("quality-twenty-checks: without Great Expectations (name its Python in VARVE_GX_PYTHON)");
    return figures;
  }
  const alone = await medianSeconds(runs, () => runSuite(twentyChecks, { parquet: file }));
  const gx = await secondsOfGreatExpectations(python, file);
  return [
    ...figures,
    {
      what: "the checks alone, from the file",
      seconds: alone,
      baseline: { what: "Great Expectations on pandas, data in memory", seconds: gx },
      limit: { atLeast: 20 },
      note,
    },
  ];
}

/** Runs the same checks in Great Expectations once; it says how long its validation took. */
async function secondsOfGreatExpectations(python: string, file: string): Promise<number> {
  const script = fileURLToPath(new URL("../quality_gx.py", import.meta.url));
  const child = spawn(python, [script, file], { stdio: ["ignore", "pipe", "inherit"] });
  const output = await text(child.stdout);
  const line = output.trim().split("\n").at(-1) ?? "";
  const { seconds, passed } = JSON.parse(line) as { readonly seconds: number; readonly passed: number };
  if (passed !== 20) throw new Error(`Great Expectations passed ${passed} of 20 checks: the suites are not the same`);
  return seconds;
}
