import { seededNumbers } from "../../src/statistics/generator.ts";
import { mixedColumns } from "../calibration/columns.ts";
import { equalPair, type PairSize } from "../calibration/judged-pair.ts";
import type { BenchContext, Figure, Workload } from "../harness.ts";

/** How often two samples of one distribution are called different. */
export const driftCalibrationWorkloads: readonly Workload[] = [
  ...[30, 50, 100, 300, 1_000, 10_000, 100_000].map((rows) => ({ baseline: rows, current: rows })),
  { baseline: 30, current: 1_000 },
  { baseline: 100, current: 10_000 },
  { baseline: 100, current: 100_000 },
  { baseline: 1_000, current: 30 },
].map((size) => ({
  name: `drift-calibration-${size.baseline}-${size.current}`,
  run: (context) => falseAlarms(context, size),
}));

/** The share of runs that may report anything. */
const mostAlarms = 0.01;

/** Runs of 20 columns each, 200 for each run of the bench. @throws where more than one in a hundred reports anything */
async function falseAlarms({ runs }: BenchContext, size: PairSize): Promise<Figure[]> {
  const random = seededNumbers(size.baseline * 31 + size.current);
  const pairs = runs * 200;
  const started = process.cpuUsage();
  const alarms: string[] = [];
  for (let pair = 0; pair < pairs; pair++) {
    const loud = equalPair(mixedColumns, size, random).filter(
      ({ verdict }) => verdict === "drift" || verdict === "broken",
    );
    if (loud.length > 0) alarms.push(loud.map(({ text }) => text).join(" "));
  }
  const { user, system } = process.cpuUsage(started);
  for (const alarm of alarms) process.stderr.write(`  ${alarm}\n`);
  if (alarms.length > mostAlarms * pairs)
    throw new Error(`${alarms.length} of ${pairs} runs over equal samples report drift or a break.`);
  return [
    {
      what: `false alarms of ${size.baseline} against ${size.current} rows: ${alarms.length} of ${pairs} runs`,
      seconds: (user + system) / 1e6,
      note: `${mixedColumns.length} columns; processor seconds`,
    },
  ];
}
