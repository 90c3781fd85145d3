import { copyFileSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { arrowFormat } from "./arrow-format.ts";
import { type FuzzOutcome, runCase } from "./cases.ts";
import { loadCorpus } from "./corpus.ts";
import { csvFormat } from "./csv-format.ts";
import type { FuzzFailure, FuzzTarget, WorkerArguments } from "./fuzz.ts";
import { ndjsonFormat } from "./ndjson-format.ts";
import { parquetFormat } from "./parquet-format.ts";
import { Random } from "./random.ts";
import { SourceCases } from "./source-cases.ts";

/** Runs cases of one target, and prints what they found as JSON. */
const { seed, from, runs, target, folder, progress, kept }: WorkerArguments = JSON.parse(
  process.argv[2] ?? "{}",
);
const memoryLimit = 2 * 1024 * 1024 * 1024;

const cases = await casesOf(target);
const counts = { answered: 0, refused: 0 };
const failures: FuzzFailure[] = [];
for (let number = from; number < from + runs; number++) {
  writeFileSync(progress, String(number));
  try {
    const { outcome } = await cases.run(new Random(seed * 1_000_003 + number));
    counts[outcome]++;
  } catch (error) {
    note(number, error instanceof Error ? error.message : String(error));
  }
  if (process.memoryUsage.rss() > memoryLimit) {
    note(number, `memory grew to ${process.memoryUsage.rss()} bytes`);
    break;
  }
}
await cases.close?.().catch((error: unknown) => note(from + runs - 1, String(error)));
process.stdout.write(JSON.stringify({ ...counts, failures }));
process.exit(0);

interface Cases {
  readonly run: (random: Random) => Promise<FuzzOutcome>;
  readonly close?: () => Promise<void>;
  /** Where a case's input is. */
  readonly file?: string;
}

async function casesOf(wanted: FuzzTarget): Promise<Cases> {
  if (wanted === "logs") {
    const tables = loadCorpus();
    return { run: (random) => runCase(tables, random, folder) };
  }
  const format = {
    arrow: arrowFormat,
    csv: () => csvFormat,
    ndjson: () => ndjsonFormat,
    parquet: parquetFormat,
  }[wanted];
  const sources = new SourceCases(await format(), folder);
  return { run: (random) => sources.run(random), close: () => sources.close(), file: sources.file };
}

/** Notes a finding, and keeps its input. */
function note(number: number, error: string): void {
  const { file } = cases;
  let input: string | undefined;
  if (file !== undefined && existsSync(file)) {
    mkdirSync(kept, { recursive: true });
    input = join(kept, `${number}-${basename(file)}`);
    copyFileSync(file, input);
  }
  failures.push({ number, error, input });
}
