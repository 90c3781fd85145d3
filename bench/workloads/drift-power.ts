import { spawnSync } from "node:child_process";
import { open, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { seededNumbers } from "../../src/statistics/generator.ts";
import { sumOf } from "../../src/util/sum.ts";
import { changes, unchangedColumns } from "../calibration/changes.ts";
import { drawn, type SampledColumn } from "../calibration/columns.ts";
import { judgedPair, type SampledPair } from "../calibration/judged-pair.ts";
import type { BenchContext, Figure, Workload } from "../harness.ts";

/**
 * How often a change of one of ten columns is found, and how often one of the nine others is called changed; beside
 * Evidently's preset, which gets the same rows.
 */
export const driftPowerWorkloads: readonly Workload[] = [100, 300, 1_000, 10_000].map((rows) => ({
  name: `drift-power-${rows}`,
  run: (context) => power(context, rows),
}));

/** A shift of 0.1 deviations has an effect of 0.04. */
const lowThreshold = 0.05;

/** The share of runs that found the change; that called another column changed; and the share of such columns. */
interface Answers {
  readonly found: number;
  readonly alarms: number;
  readonly columns: number;
}

/** Runs of ten columns, 20 for each run of the bench. */
async function power({ folder, runs: times }: BenchContext, rows: number): Promise<Figure[]> {
  const random = seededNumbers(rows * 31 + 7);
  const pair = (column: SampledColumn, after: SampledColumn): SampledPair => ({
    column,
    baseline: drawn(column, rows, random),
    current: drawn(after, rows, random),
  });
  const runs = Array.from({ length: times * 20 }, () => ({
    others: unchangedColumns.map((column) => pair(column, column)),
    moved: changes.map(({ before, after }) => pair(before, after)),
  }));
  const preset = await presetOf(
    folder,
    runs.flatMap(({ others, moved }) => [...others, ...moved]),
    rows,
  );
  const width = unchangedColumns.length + changes.length;
  return changes.map(({ name }, index) => {
    const started = process.cpuUsage();
    const pairs = runs.flatMap(({ others, moved }) => {
      const changed = moved[index];
      return changed === undefined ? [] : [{ others, changed }];
    });
    const own = [undefined, lowThreshold].map((threshold) => shown(ownAnswers(pairs, rows, threshold)));
    const { user, system } = process.cpuUsage(started);
    const theirs = preset === null ? "is not installed" : shown(presetAnswers(preset, width, index));
    return {
      what: `${name}: varve ${own[0]}; threshold ${lowThreshold}: ${own[1]}; Evidently ${theirs}`,
      seconds: (user + system) / 1e6,
      note: `${runs.length} runs of ${rows} against ${rows} rows; processor seconds of varve`,
    };
  });
}

function shown({ found, alarms, columns }: Answers): string {
  const percent = (share: number) => `${Math.round(share * 1_000) / 10} %`;
  return `${percent(found)} (${percent(columns)} of other columns, ${percent(alarms)} of runs)`;
}

function ownAnswers(
  runs: readonly { readonly others: readonly SampledPair[]; readonly changed: SampledPair }[],
  rows: number,
  threshold?: number,
): Answers {
  const size = { baseline: rows, current: rows };
  const name = "changed";
  const loud = runs.map(({ others, changed }) => {
    const pairs = [{ ...changed, column: { ...changed.column, name } }, ...others];
    const records = judgedPair(pairs, size, threshold);
    return records.filter(({ verdict }) => verdict === "drift" || verdict === "broken");
  });
  const others = unchangedColumns.map((column) =>
    loud.map((records) => records.some((record) => record.column === column.name)),
  );
  return {
    found: shareOf(loud.map((records) => records.some(({ column }) => column === name))),
    ...alarmsOf(others),
  };
}

/** Of answers by unchanged column and run. */
function alarmsOf(others: readonly (readonly boolean[])[]): Pick<Answers, "alarms" | "columns"> {
  const runs = Array.from(others[0] ?? [], (_, run) => others.some((answers) => answers[run] === true));
  return { alarms: shareOf(runs), columns: shareOf(others.flat()) };
}

/** Answers about a change, of lists that begin with the unchanged columns of a run, and are `width` long. */
function presetAnswers(drifted: readonly boolean[], width: number, change: number): Answers {
  const runs = Array.from({ length: drifted.length / width }, (_, run) => run * width);
  const answersAt = (index: number) => runs.map((first) => drifted[first + index] === true);
  return {
    found: shareOf(answersAt(unchangedColumns.length + change)),
    ...alarmsOf(unchangedColumns.map((_, index) => answersAt(index))),
  };
}

function shareOf(answers: readonly boolean[]): number {
  return sumOf(answers, (answer) => (answer ? 1 : 0)) / answers.length;
}

/** What Evidently's preset says of each pair; null where `VARVE_DRIFT_PYTHON` names no Python that has it. */
async function presetOf(
  folder: string,
  pairs: readonly SampledPair[],
  rows: number,
): Promise<boolean[] | null> {
  const python = process.env["VARVE_DRIFT_PYTHON"];
  if (python === undefined) return null;
  const file = join(folder, "pairs.f64");
  await using handle = await open(file, "w");
  for (const { baseline, current } of pairs)
    await handle.writev([baseline, current].map(({ buffer }) => new Uint8Array(buffer)));
  const script = fileURLToPath(new URL("../drift_power.py", import.meta.url));
  const kinds = pairs.map(({ column }) => column.class);
  const run = spawnSync(python, [script, file, String(rows), ...kinds], { encoding: "utf8" });
  await rm(file);
  const last = run.stdout.trim().split("\n").at(-1) ?? "";
  if (run.status !== 0) throw new Error(`Evidently failed: ${run.stderr}`);
  return (JSON.parse(last) as { readonly drifted: boolean[] }).drifted;
}
