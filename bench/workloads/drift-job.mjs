// Compares two Parquet files in a process of its own: a line with seconds from its start, peak bytes and columns.
import { drift } from "../../dist/index.js";

const [before, after] = process.argv.slice(2);
const { columns } = await drift({ parquet: before }, { parquet: after });
const { user, system } = process.cpuUsage();
console.log(
  JSON.stringify({
    seconds: performance.now() / 1000,
    processor: (user + system) / 1e6,
    peakBytes: process.resourceUsage().maxRSS * 1024,
    columns: new Set(columns.map(({ column }) => column)).size,
  }),
);
