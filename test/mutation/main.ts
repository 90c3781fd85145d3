import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { changedGroups, defaultBase } from "./changed-files.ts";
import { type MutationGroup, mutationGroup, mutationGroups } from "./groups.ts";
import { reachedMutants } from "./mutant-id.ts";
import { cacheFolder, root, runStryker } from "./run-stryker.ts";
import { mutantDiff, noticed, scoreText, tableHead, tableRow, tally, wilsonInterval } from "./score.ts";
import { writeSection } from "./spec-section.ts";
import type { RunPlan, TestedMutant } from "./stryker-run.ts";

const usage = `npm run mutate -- --group NAME [--sample 150] [--seed 1] [--minutes M] [--again]
npm run mutate -- --changed [--base REV] [--minutes 5] [--at-least 80]

  --group     ${mutationGroups.map(({ name }) => name).join(", ")}, or all
  --sample    mutants to draw; the same seed and code draw the same ones
  --again     run those once more that no test killed the last time, for instance after adding tests
  --changed   mutate the changed source files only, until the minutes are up; exit 1 where the score is surely below --at-least`;

const { values } = parseArgs({
  options: {
    group: { type: "string" },
    sample: { type: "string", default: "150" },
    seed: { type: "string", default: "1" },
    minutes: { type: "string" },
    again: { type: "boolean", default: false },
    changed: { type: "boolean", default: false },
    base: { type: "string" },
    "at-least": { type: "string", default: "80" },
    help: { type: "boolean", default: false },
  },
});

/** The last sample of a group. */
interface Sample {
  readonly seed: number;
  readonly plan: RunPlan;
  readonly mutants: readonly TestedMutant[];
}

const seed = Number(values.seed);
const minutes = values.minutes === undefined ? undefined : Number(values.minutes);

if (values.help || (values.group === undefined && !values.changed)) console.log(usage);
else if (values.changed) process.exitCode = await mutateChanged(minutes ?? 5);
else
  for (const group of values.group === "all" ? mutationGroups : [mutationGroup(values.group ?? "")])
    await mutateGroup(group);

async function mutateGroup(group: MutationGroup): Promise<void> {
  const last = values.again ? readSample(group) : undefined;
  const only = last?.mutants.filter(({ status }) => status !== "Killed").map(({ id }) => id);
  const sample = only?.length ?? Number(values.sample);
  const {
    plan,
    mutants: told,
    timeUp,
  } = await runStryker({ group: group.name, sources: group.sources, sample, seed, only }, minutes);
  const mutants = timeUp ? reachedMutants(told, seed) : told;
  if (plan === undefined) throw new Error(`The time was up before the tests of ${group.name} had run once.`);
  if (timeUp && only !== undefined)
    throw new Error("The time was up before all survivors had run; nothing was kept.");
  const merged: Sample =
    last === undefined
      ? { seed, plan, mutants }
      : { ...last, mutants: [...last.mutants.filter(({ id }) => only?.includes(id) !== true), ...mutants] };
  writeFileSync(sampleFile(group), JSON.stringify(merged, null, 1));
  report(merged.mutants);
  console.log(
    `${group.name}: ${scoreText(tally(merged.mutants))} of ${merged.mutants.length} mutants drawn from ${plan.mutants}`,
  );
  writeSection(
    resolve(root, "spec/testing.md"),
    "mutation score",
    tableHead,
    group.name,
    tableRow(group.name, plan, merged.seed, tally(merged.mutants)),
  );
}

/** @returns the exit code */
async function mutateChanged(budget: number): Promise<number> {
  const base = values.base ?? defaultBase();
  if (base === undefined) {
    console.log("There is no earlier commit to compare with; nothing was mutated.");
    return 0;
  }
  const changed = changedGroups(base);
  const tested: TestedMutant[] = [];
  let unreached = 0;
  let left = budget;
  for (const [index, { group, files }] of changed.entries()) {
    console.log(`${group.name}: ${files.join(", ")}`);
    const share = left / (changed.length - index);
    const began = process.hrtime.bigint();
    const {
      plan,
      mutants: told,
      timeUp,
    } = await runStryker({ group: group.name, sources: files, sample: 1_000_000, seed }, share);
    const mutants = timeUp ? reachedMutants(told, seed) : told;
    left -= Number(process.hrtime.bigint() - began) / 60e9;
    if (plan === undefined)
      console.log(
        `${group.name}: its tests alone take longer than ${share.toFixed(1)} minutes; no mutant was run`,
      );
    tested.push(...mutants);
    unreached += (plan?.drawn ?? 0) - mutants.length;
  }
  report(tested);
  const counts = tally(tested);
  const { hits, of } = noticed(counts);
  console.log(
    `changed since ${base.slice(0, 12)}: ${scoreText(counts)}; ${of} mutants were run, ${unreached} were not reached in ${budget} minutes`,
  );
  const surely = wilsonInterval(hits, of)[1] * 100;
  if (surely >= Number(values["at-least"])) return 0;
  console.log(
    `Even the upper end of the interval is below ${values["at-least"]} %: add tests that notice the changes listed above.`,
  );
  return 1;
}

function report(mutants: readonly TestedMutant[]): void {
  const unnoticed = mutants.filter(({ status }) => status === "Survived" || status === "NoCoverage");
  for (const mutant of unnoticed.sort((a, b) =>
    a.file < b.file || (a.file === b.file && a.line < b.line) ? -1 : 1,
  )) {
    console.log(mutantDiff(mutant));
  }
}

function sampleFile(group: MutationGroup): string {
  mkdirSync(cacheFolder, { recursive: true });
  return resolve(cacheFolder, `${group.name.replace(/\W/g, "-")}.json`);
}

function readSample(group: MutationGroup): Sample {
  const file = sampleFile(group);
  if (!existsSync(file))
    throw new Error(`There is no earlier sample of ${group.name}; run it without --again first.`);
  return JSON.parse(readFileSync(file, "utf8")) as Sample;
}
