import type { RunPlan, TestedMutant } from "./stryker-run.ts";

/** What a run found out, of one group. */
export interface Tally {
  readonly killed: number;
  readonly timedOut: number;
  readonly survived: number;
  readonly uncovered: number;
}

export function tally(mutants: readonly TestedMutant[]): Tally {
  const count = (status: TestedMutant["status"]): number =>
    mutants.filter((mutant) => mutant.status === status).length;
  return {
    // Stryker's "RuntimeError" is a failure outside of tests, or a process that died of the mutant twice: both
    // fail the run of the tests.
    killed: count("Killed") + count("RuntimeError"),
    timedOut: count("Timeout"),
    survived: count("Survived"),
    uncovered: count("NoCoverage"),
  };
}

/** Mutants noticed, and mutants in all. */
export function noticed({ killed, timedOut, survived, uncovered }: Tally): {
  readonly hits: number;
  readonly of: number;
} {
  const hits = killed + timedOut;
  return { hits, of: hits + survived + uncovered };
}

/** Wilson's 95 % interval of a share of which `hits` in `of` were seen; [0, 1] where nothing was. */
export function wilsonInterval(hits: number, of: number): readonly [number, number] {
  if (of === 0) return [0, 1];
  const z = 1.959964;
  const share = hits / of;
  const scale = 1 + z ** 2 / of;
  const center = (share + z ** 2 / (2 * of)) / scale;
  const half = (z * Math.sqrt((share * (1 - share)) / of + z ** 2 / (4 * of ** 2))) / scale;
  return [Math.max(0, center - half), Math.min(1, center + half)];
}

const percent = (share: number): string => (share * 100).toFixed(1);

/** "91.3 % (84.9 to 95.1)" */
export function scoreText(counts: Tally): string {
  const { hits, of } = noticed(counts);
  if (of === 0) return "no mutant was run";
  const [low, high] = wilsonInterval(hits, of);
  return `${percent(hits / of)} % (${percent(low)} to ${percent(high)})`;
}

export const tableHead = [
  "| group | mutants | drawn (seed) | killed | timed out | survived | reached by no test | score (95 % interval) |",
  "|---|---|---|---|---|---|---|---|",
] as const;

/** The group's row of the table in `spec/testing.md`. */
export function tableRow(group: string, plan: RunPlan, seed: number, counts: Tally): string {
  const { killed, timedOut, survived, uncovered } = counts;
  return `| ${[group, plan.mutants, `${noticed(counts).of} (${seed})`, killed, timedOut, survived, uncovered, scoreText(counts)].join(" | ")} |`;
}

/** What was changed without a test noticing it, as a diff cut to a few lines. */
export function mutantDiff({ file, line, mutator, status, before, after }: TestedMutant): string {
  const sign = (mark: string, code: string): string => {
    const lines = code.split("\n");
    const cut = lines.length > 6 ? [...lines.slice(0, 5), "…"] : lines;
    return cut.map((text) => `  ${mark} ${text}`).join("\n");
  };
  return `${file}:${line} ${mutator}${status === "NoCoverage" ? " (no test reaches it)" : ""}\n${sign("-", before)}\n${sign("+", after)}`;
}
