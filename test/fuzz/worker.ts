import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ArrowCases } from "./arrow-cases.ts";
import { runCase } from "./cases.ts";
import { loadCorpus } from "./corpus.ts";
import { Random } from "./random.ts";

/**
 * Arguments: seed, first case, number of cases, file that always holds the number of the case under way, and
 * what is damaged: `logs` or `arrow`.
 */
const [seed = 1, from = 0, runs = 100] = process.argv.slice(2, 5).map(Number);
const progress = process.argv[5] ?? join(tmpdir(), "fuzz-progress");
const target = process.argv[6] ?? "logs";
const memoryLimit = 2 * 1024 * 1024 * 1024;

const tables = target === "logs" ? loadCorpus() : [];
const folder = mkdtempSync(join(tmpdir(), "varve-fuzz-"));
const arrow = new ArrowCases(folder);
const counts = { answered: 0, refused: 0 };
const failures: { readonly number: number; readonly error: string }[] = [];
for (let number = from; number < from + runs; number++) {
  writeFileSync(progress, String(number));
  try {
    const random = new Random(seed * 1_000_003 + number);
    const { outcome } = await (target === "arrow" ? arrow.run(random) : runCase(tables, random, folder));
    counts[outcome]++;
  } catch (error) {
    failures.push({ number, error: error instanceof Error ? error.message : String(error) });
  }
  if (process.memoryUsage.rss() > memoryLimit) {
    failures.push({ number, error: `memory grew to ${process.memoryUsage.rss()} bytes` });
    break;
  }
}
await arrow.close();
rmSync(folder, { recursive: true, force: true });
process.stdout.write(JSON.stringify({ ...counts, failures }));
process.exit(0);
