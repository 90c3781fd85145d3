// Compares in a process of its own: two Parquet files, a stored baseline (`.json`) with one, or a version of a table with
// the baseline that its monitor keeps (`TABLE@vN`). Prints a line with seconds from its start, processor seconds, peak bytes and columns.
import { readFileSync } from "node:fs";
import { drift, openTable } from "../../dist/index.js";

const [before, after] = process.argv.slice(2);
const columns = after === undefined ? await watched(before) : await compared(before, after);
const { user, system } = process.cpuUsage();
console.log(
  JSON.stringify({
    seconds: performance.now() / 1000,
    processor: (user + system) / 1e6,
    peakBytes: process.resourceUsage().maxRSS * 1024,
    columns,
  }),
);

async function compared(baseline, current) {
  const side = baseline.endsWith(".json")
    ? JSON.parse(readFileSync(baseline, "utf8"))
    : { parquet: baseline };
  const { columns } = await drift(side, { parquet: current });
  return new Set(columns.map(({ column }) => column)).size;
}

async function watched(place) {
  const [uri, version] = place.split("@v");
  const table = await openTable(uri);
  const found = await table.monitors.run("m", { version: Number(version) });
  await table.close();
  if (found.outcome !== "recorded") throw new Error(`the version is ${found.outcome}`);
  return new Set(found.report.columns.map(({ column }) => column)).size;
}
