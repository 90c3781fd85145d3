import { count, type Ledger } from "./crew.ts";
import { digestOf, partsOf, type Row, rowsOf, rowText } from "./job.ts";
import { readParquet } from "./parquet-rows.ts";
import type { PlainFiles } from "./places.ts";
import { liveFiles, type PlainCommit, plainCommits, type Recorder } from "./recorder.ts";

/** What the judge looks at. */
export interface Evidence {
  readonly files: PlainFiles;
  readonly table: Recorder;
  readonly quarantine: Recorder;
  readonly ledger: Ledger;
  /** For copies of remote files. */
  readonly folder: string;
}

/** What was found, row by row; nothing lost and nothing doubled is 0 and 0. */
export interface Verdict {
  readonly versions: number;
  readonly rows: number;
  readonly quarantined: number;
  readonly lost: number;
  readonly doubled: number;
  readonly findings: readonly string[];
}

/**
 * Judges a table row by row from its files: appended rows are in the table or the quarantine once, rejected
 * ones nowhere, the overwritten partitions hold what the last overwrite in the log's order wrote, and every
 * read saw its version.
 */
export async function judge({ files, table, quarantine, ledger, folder }: Evidence): Promise<Verdict> {
  const commits = plainCommits(table.commits);
  const states = liveFiles(commits);
  const named = [...new Set(states.flatMap((state) => [...state]))];
  const byFile = new Map(
    [...(await readParquet(files, named, folder))].map(([path, rows]) => [
      path,
      rows.map((row) => ({ ...row, part: partOf(path) })),
    ]),
  );
  const rowsAt = (version: number) =>
    [...(states[version] ?? [])].flatMap((path) => (byFile.get(path) ?? []).map(rowText));
  const aside = await quarantinedRows(files, quarantine, folder);
  const found = new Findings();
  const present = tally(rowsAt(commits.length - 1));
  checkBatches(commits, ledger, found);
  checkAppends(commits, { present, aside, ledger }, found);
  checkOverwrites(commits, present, found);
  for (const row of present.keys()) found.push(0, 0, `the table holds a row that nobody wrote: ${row}`);
  for (const { version, digest } of ledger.reads) {
    count(ledger, "reads compared");
    if (digestOf(rowsAt(version)) !== digest)
      found.push(0, 0, `a reader saw other rows in version ${version}: ${digest}`);
  }
  return {
    versions: commits.length,
    rows: rowsAt(commits.length - 1).length,
    quarantined: [...aside.values()].reduce((sum, statuses) => sum + statuses.length, 0),
    lost: found.lost,
    doubled: found.doubled,
    findings: [...ledger.findings, ...found.texts],
  };
}

class Findings {
  readonly texts: string[] = [];
  lost = 0;
  doubled = 0;

  push(lost: number, doubled: number, text: string): void {
    this.lost += lost;
    this.doubled += doubled;
    this.texts.push(text);
  }
}

/** By row as text, how often it is there. */
type Counts = Map<string, number>;

function tally(rows: readonly string[]): Counts {
  const counts: Counts = new Map();
  for (const row of rows) counts.set(row, (counts.get(row) ?? 0) + 1);
  return counts;
}

/** By batch and row, the statuses under which the row stands in the quarantine. */
async function quarantinedRows(
  files: PlainFiles,
  quarantine: Recorder,
  folder: string,
): Promise<Map<string, string[]>> {
  const live = [...(liveFiles(plainCommits(quarantine.commits)).at(-1) ?? [])];
  const statuses = new Map<string, string[]>();
  for (const rows of (
    await readParquet(
      files,
      live.map((path) => `_quarantine/${path}`),
      folder,
    )
  ).values()) {
    for (const row of rows) {
      const { batch, row: number } = JSON.parse(String(row["payload"]));
      const key = `${batch}/${Number(number)}`;
      statuses.set(key, [...(statuses.get(key) ?? []), String(row["status"])]);
    }
  }
  return statuses;
}

/**
 * Each batch is in the log at most once, where it was acknowledged at the latest; those that were
 * acknowledged are.
 */
function checkBatches(commits: readonly PlainCommit[], ledger: Ledger, found: Findings): void {
  const landed = new Map<string, number>();
  for (const { version, batches } of commits) {
    for (const batch of batches) {
      if (landed.has(batch))
        found.push(0, 1, `${batch} is in version ${landed.get(batch)} and again in ${version}`);
      landed.set(batch, version);
      if (ledger.rejected.has(batch)) found.push(0, 0, `${batch} was rejected and is in version ${version}`);
    }
  }
  for (const [batch, version] of ledger.acknowledged) {
    const at = landed.get(batch);
    if (at === undefined || at > version)
      found.push(1, 0, `${batch} was acknowledged in version ${version}, and is in version ${at}`);
  }
}

interface Rows {
  readonly present: Counts;
  readonly aside: ReadonlyMap<string, readonly string[]>;
  readonly ledger: Ledger;
}

/** Takes the rows of appended batches out of `present`, each as often as it may be there. */
function checkAppends(
  commits: readonly PlainCommit[],
  { present, aside, ledger }: Rows,
  found: Findings,
): void {
  const landed = new Set(commits.flatMap(({ batches }) => batches));
  const known = new Set<string>();
  for (const batch of ledger.tried) {
    if (batch.startsWith("o")) continue;
    const bad = rowsOf(batch).filter(({ amount }) => amount < 0);
    const isThere = landed.has(batch);
    const setAside = bad.filter((row) => aside.has(keyOf(row))).length;
    if (ledger.rejected.has(batch) && setAside > 0)
      found.push(0, 0, `${batch} was rejected and ${setAside} of its rows are in the quarantine`);
    if (setAside !== 0 && setAside !== bad.length)
      found.push(
        bad.length - setAside,
        0,
        `${batch} has ${setAside} of ${bad.length} rows in the quarantine`,
      );
    if (isThere && setAside < bad.length)
      found.push(bad.length - setAside, 0, `${batch} landed, and its bad rows are not in the quarantine`);
    for (const row of rowsOf(batch)) {
      const statuses = aside.get(keyOf(row)) ?? [];
      known.add(keyOf(row));
      if (statuses.length > 1)
        found.push(0, statuses.length - 1, `${keyOf(row)} is in the quarantine ${statuses.length} times`);
      if (row.amount >= 0 && statuses.length > 0)
        found.push(0, 0, `${keyOf(row)} is clean and in the quarantine`);
      const expected = row.amount >= 0 ? isThere : statuses[0] === "resubmitted";
      compare(present, row, expected ? 1 : 0, found);
    }
  }
  for (const key of aside.keys())
    if (!known.has(key)) found.push(0, 0, `the quarantine holds ${key}, which nobody wrote`);
}

/**
 * The partitions of the overwriters hold the rows of the last batch that replaced them, in the order of the
 * log.
 */
function checkOverwrites(commits: readonly PlainCommit[], present: Counts, found: Findings): void {
  const last = new Map<string, string>();
  for (const { batches } of commits) {
    for (const batch of batches)
      if (batch.startsWith("o")) for (const part of partsOf(batch)) last.set(part, batch);
  }
  for (const [part, batch] of last)
    for (const row of rowsOf(batch)) if (row.part === part) compare(present, row, 1, found);
}

function compare(present: Counts, row: Row, expected: number, found: Findings): void {
  const text = rowText(row);
  const times = present.get(text) ?? 0;
  present.delete(text);
  if (times < expected) found.push(1, 0, `${keyOf(row)} is lost`);
  if (times > expected)
    found.push(0, times - expected, `${keyOf(row)} is in the table ${times} times instead of ${expected}`);
}

function keyOf({ batch, row }: Row): string {
  return `${batch}/${row}`;
}

/** The one partition column stands in the path alone. */
function partOf(path: string): string {
  return /^part=([^/]+)\//.exec(path)?.[1] ?? "";
}
