import { rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";
import { textTable } from "../../src/cli/shared/text-table.ts";
import { createTable, query, runSuite, schema, type Table } from "../../src/index.ts";
import { checkHtml } from "../../src/report.ts";
import { watchMonths } from "./drift.ts";
import { demoFolder, flightsFile, flightsSuite, monthlyBatches } from "./flights.ts";
import { predictAndReproduce } from "./predictions.ts";
import { count, print, printResult, say, width } from "./show.ts";

const { values } = parseArgs({ options: { folder: { type: "string" } } });
const folder = values.folder ?? (await demoFolder());
const started = performance.now();

say(`Three million real flights, January to June 2001, become a versioned table in ${folder}`);
const flights = await createTable(folder, {
  schema: schema()
    .timestampNtz("date", { nullable: false })
    .long("delay", { comment: "minutes" })
    .long("distance", { comment: "miles" })
    .string("origin")
    .string("destination")
    .string("month", { nullable: false }),
  partitionBy: ["month"],
  properties: { "delta.parquet.compression.codec": "snappy" },
});

say("Six monthly batches, each tested before it is committed");
await appendBatches(flights);
say("What was set aside, and why");
await showQuarantine(flights);
say("The tests' report, as a page to open in a browser");
await writeReport();
say("The same question as of March (version 3) and as of June (version 6)");
await compareVersions(flights);
const driftPage = join(folder, "..", `${basename(folder)}-drift.html`);
await watchMonths(flights, driftPage);
say("A correction: in June, Honolulu's clocks were an hour fast");
await correct(flights);
say("A deletion request: in June, nothing that left from Fayetteville");
await forget(flights);
say("What was deleted is on disk until a vacuum, which says what is lost with it");
await vacuum(flights);
say("Every version, with what its tests said");
await showHistory(flights);
const predictionId = await predictAndReproduce(flights, `${folder}-model`);
await flights.close();

print(`\nDone in ${((performance.now() - started) / 1000).toFixed(1)} s. Try next:`);
print(`  npx varve history ${folder}`);
print(`  npx varve show ${folder}@v3 --where "delay > 900"`);
print(
  `  npx varve query "SELECT origin, avg(delay) FROM f VERSION AS OF 3 GROUP BY 1 ORDER BY 2 DESC LIMIT 5" --table f=${folder}`,
);
print(`  npx varve quarantine list ${folder}`);
print(`  npx varve drift ${folder}@v1 ${folder}@v4 --exclude month`);
print(
  `  npx varve query "SELECT prediction_id, output FROM p LIMIT 5" --table p=${folder}-model/predictions`,
);
print(`  npx varve reproduce ${folder}-model/predictions "${predictionId}"`);
print(`  npx varve pin check ${folder}-model/flights`);
print(`  rm -r ${folder} ${folder}-model`);

async function appendBatches(table: Table): Promise<void> {
  const rows: (string | number)[][] = [];
  for (const batch of monthlyBatches()) {
    const result = await table.append(
      { sql: batch.sql, files: { flights: flightsFile() } },
      { batchId: batch.id, gate: flightsSuite },
    );
    const gate = result.gate;
    rows.push([
      batch.month,
      gate?.rows ?? 0,
      result.rows,
      gate?.quarantined ?? 0,
      `version ${result.version}`,
    ]);
  }
  print(
    textTable(["batch", "rows", "committed", "quarantined", "became"], rows, {
      width,
      rightAligned: new Set([1, 2, 3]),
    }),
  );
}

async function writeReport(): Promise<void> {
  const february = monthlyBatches()[1];
  if (february === undefined) throw new Error("the demo has no batch of February");
  const source = { sql: february.sql, files: { flights: flightsFile() } };
  const report = await runSuite(flightsSuite, source, { name: `${february.id}, as it came` });
  const page = join(folder, "..", `${basename(folder)}-february.html`);
  await writeFile(page, checkHtml(report));
  print(`file://${page}`);
}

async function showQuarantine(table: Table): Promise<void> {
  const result = await query(
    `SELECT e.message AS "why", count(*) AS "rows", min((payload->>'delay')::BIGINT) AS "smallest delay", max((payload->>'delay')::BIGINT) AS "largest"
     FROM (SELECT unnest(errors) AS e, payload FROM quarantine) GROUP BY 1 ORDER BY 2 DESC`,
    { tables: { quarantine: `${table.uri}/_quarantine` } },
  );
  await printResult(result);
}

async function compareVersions(table: Table): Promise<void> {
  const sql = `SELECT 'March' AS "as of", count(*) AS flights, round(avg(delay), 2) AS "mean delay" FROM flights VERSION AS OF 3
    UNION ALL SELECT 'June', count(*), round(avg(delay), 2) FROM flights VERSION AS OF 6`;
  await printResult(await query(sql, { tables: { flights: table } }));
}

/** The first correction goes the wrong way, and is taken back. */
async function correct(table: Table): Promise<void> {
  const where = "month = '2001-06' AND origin = 'HNL'";
  const wrong = await table.update({ set: { delay: "delay + 60" }, where });
  print(`${count(wrong.rowsUpdated)} flights are an hour later in version ${wrong.version}: the wrong way`);
  const restored = await table.restore(6, { userMetadata: "the correction went the wrong way" });
  print(`version ${restored.version} is version ${restored.restoredVersion} again; nothing was copied`);
  const right = await table.update({ set: { delay: "delay - 60" }, where });
  print(`${count(right.rowsUpdated)} flights are an hour earlier in version ${right.version}`);
}

async function forget(table: Table): Promise<void> {
  const { rowsDeleted, version } = await table.delete("month = '2001-06' AND origin = 'XNA'");
  print(`${count(rowsDeleted)} flights are gone from version ${version}`);
}

/** Without the retention of seven days, because nobody else uses the table. */
async function vacuum(table: Table): Promise<void> {
  const result = await table.vacuum({
    retainHours: 0,
    retentionCheck: false,
    confirm: ({ files, bytes, unreadableVersions }) => {
      const lost = unreadableVersions.map(({ from, to }) =>
        from === to ? String(from) : `${from} to ${to}`,
      );
      print(
        `${files.length} files of ${(bytes / 1e6).toFixed(1)} MB would go; then the versions ${lost.join(", ")} cannot be read any more`,
      );
      return true;
    },
  });
  print(`${result.files.length} files deleted; versions 0 to 5 and the newest stay readable`);
}

async function showHistory(table: Table): Promise<void> {
  const rows = (await table.history()).map((entry) => {
    const gate = entry.gate ?? {};
    const tests =
      entry.gate === undefined ? "" : `${String(gate["clean"])} of ${String(gate["rows"])} rows clean`;
    return [
      entry.version,
      entry.timestamp.toISOString().slice(0, 19),
      entry.operation ?? "",
      entry.rowsAdded ?? 0,
      entry.readable.ok ? "" : "vacuumed",
      tests,
    ];
  });
  print(
    textTable(["version", "time", "operation", "rows added", "files", "tests"], rows, {
      width,
      rightAligned: new Set([0, 3]),
    }),
  );
}

if (values.folder === undefined && process.env["CI"] === "true") {
  for (const path of [folder, `${folder}-model`]) await rm(path, { recursive: true, force: true });
  for (const page of ["february", "drift"]) await rm(`${folder}-${page}.html`, { force: true });
}
