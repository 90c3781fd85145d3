import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { convertTable } from "../../src/api/convert-table.ts";
import { fsck } from "../../src/api/fsck.ts";
import { openTable } from "../../src/api/open-table.ts";
import { isVarveError } from "../../src/errors.ts";
import { openLog } from "../../src/log/snapshot/open-log.ts";
import { openContext } from "../../src/table/definition/open-context.ts";
import { freshFolder } from "../operations/table-folder.ts";
import { sample } from "../support/sample.ts";
import {
  cloneOf,
  clusteredOperations,
  clusteredRows,
  copyOf,
  createClusteredTable,
  createMatrixTable,
  type MatrixRow,
  matrixRows,
  operations,
} from "./matrix-operations.ts";

/** What an operation says that another one came before; `spec/conflicts.md` has the rules. */
const outcomes: Readonly<Record<string, string>> = {
  ".": "committed",
  A: "CONFLICT_CONCURRENT_APPEND",
  D: "CONFLICT_CONCURRENT_DELETE_DELETE",
  R: "CONFLICT_CONCURRENT_DELETE_READ",
  M: "CONFLICT_METADATA_CHANGED",
  P: "CONFLICT_PROTOCOL_CHANGED",
  // A vacuum deleted what an earlier version needs.
  F: "DATA_FILE_MISSING",
  // Both make a clone at one address.
  E: "TABLE_EXISTS",
};

/**
 * By the later operation, one a line, and the earlier one, in the same order. Of two letters, the first is for a
 * table with deletion vectors, and the second for one whose files are written again.
 */
const matrix = `
                | ap d1 d2 d4 u2 u6 m2 m6 mn oa ov op zo pu re pr co ad dr ct pa va cl
  append        | .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  M  M  P  M  .  .
  delete 1      | .  D  D  .  .A .  .A .  .  D  D  D  D  .  DA .  .  M  M  P  M  .  .
  delete 1-2    | .  DA D  .  A  .  A  .  .  D  D  D  D  .  A  .  .  M  M  P  M  .  .
  delete 4      | .  .  .  D  .  .  .  .  .  D  D  D  D  .  .  .  .  M  M  P  M  .  .
  update 2      | .  .A D  .  DA .  DA .  .  D  D  D  D  .  DA .  .  M  M  P  M  .  .
  update 6      | .  .  .  .  .  DA .  DA .  .  D  .  .  D  .  .  .  M  M  P  M  .  .
  merge 2       | .  .A D  .  DA .  DA .  .  D  D  D  D  .  DA .  .  M  M  P  M  .  .
  merge 6       | .  .  .  .  .  DA .  DA .  .  D  .  .  D  .  .  .  M  M  P  M  .  .
  merge new     | .  .  .  .  .  .  .  .  A  .  .  .  .  .  .  .  .  M  M  P  M  .  .
  overwrite a   | .  DA D  D  A  .  A  .  A  A  A  D  D  .  A  .  .  M  M  P  M  .  .
  overwrite     | .  A  D  D  A  A  A  A  A  A  A  D  D  D  A  .  .  M  M  P  M  .  .
  optimize a    | .  D  D  D  D  .  D  .  .  D  D  D  D  .  D  .  .  M  M  P  M  .  .
  z-order a     | .  D  D  D  D  .  D  .  .  D  D  D  D  .  D  .  .  M  M  P  M  .  .
  purge b       | .  .  .  .  .  D  .  D  .  .  D  .  .  D  .  .  .  M  M  P  M  .  .
  restore       | A  DA D  R  DA A  DA A  A  A  A  D  D  .  M  M  M  M  M  P  M  F  .
  property      | .  .  .  .  .  .  .  .  .  .  .  .  .  .  M  M  M  M  M  P  M  .  .
  comment       | .  .  .  .  .  .  .  .  .  .  .  .  .  .  M  M  M  M  M  P  M  .  .
  add column    | .  .  .  .  .  .  .  .  .  .  .  .  .  .  M  M  M  M  M  P  M  .  .
  drop column   | .  .  .  .  .  .  .  .  .  .  .  .  .  .  M  M  M  M  M  P  M  .  .
  constraint    | A  A  R  R  A  A  A  A  A  A  A  .  .  .  M  M  M  M  M  P  M  .  .
  partitioning  | A  A  D  D  A  A  A  A  A  A  A  D  D  D  M  M  M  M  M  P  M  .  .
  vacuum        | .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .
  clone         | .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  E
`;

const names = Object.keys(operations);

interface Pair {
  readonly later: string;
  readonly earlier: string;
  readonly vectors: boolean;
  readonly outcome: string;
}

const pairs = matrix
  .trim()
  .split("\n")
  .slice(1)
  .flatMap((line): Pair[] => {
    const [later = "", cells = ""] = line.split("|").map((text) => text.trim());
    return cells.split(/ +/).flatMap((cell, index) =>
      [true, false].map((vectors) => {
        const letter = (vectors ? cell[0] : (cell[1] ?? cell[0])) ?? "";
        return { later, earlier: names[index] ?? "", vectors, outcome: outcomes[letter] ?? letter };
      }),
    );
  });

describe("an operation that another one came before", () => {
  const folders = new Map<boolean, string>();
  beforeAll(async () => {
    for (const vectors of [true, false]) {
      const folder = await mkdtemp(join(tmpdir(), "varve-matrix-"));
      folders.set(vectors, folder);
      await createMatrixTable(folder, vectors);
    }
  });
  afterAll(async () => {
    for (const folder of folders.values()) await rm(folder, { recursive: true });
  });

  it("is tried with each operation", () => {
    expect(pairs).toHaveLength(2 * names.length ** 2);
    expect(pairs.filter((_, index) => index % (2 * names.length) === 0).map(({ later }) => later)).toEqual(
      names,
    );
  });

  it.each(sample(pairs, 16))("$later after $earlier (vectors: $vectors): $outcome", async (pair) => {
    const snapshot = await copyOf(folders.get(pair.vectors) ?? "");
    const { uri } = snapshot.context.store;
    const [later, earlier] = [operations[pair.later], operations[pair.earlier]];
    const running = later?.run(snapshot, async () => earlier?.run(snapshot, async () => undefined));
    expect(await outcomeOf(running)).toBe(pair.outcome);
    expect(await rowsOf(uri)).toEqual(rowTexts(rowsAfter(pair)));
    expect((await fsck(uri, { data: true, orphans: true })).findings).toEqual([]);
    if (pair.later !== "clone" || pair.outcome !== "committed") return;
    expect(await rowsOf(cloneOf(snapshot))).toEqual(rowTexts(matrixRows));
  });
});

const clustered: readonly (readonly [later: string, earlier: string, outcome: string])[] = [
  ["cluster", "append", "committed"],
  ["cluster", "delete", "CONFLICT_CONCURRENT_DELETE_DELETE"],
  ["cluster", "cluster", "CONFLICT_CONCURRENT_DELETE_DELETE"],
  ["cluster", "other columns", "committed"],
  ["append", "cluster", "committed"],
  ["append", "other columns", "committed"],
  ["delete", "cluster", "CONFLICT_CONCURRENT_DELETE_DELETE"],
  ["delete", "other columns", "committed"],
  ["other columns", "append", "committed"],
  ["other columns", "cluster", "committed"],
  ["other columns", "other columns", "CONFLICT_DOMAIN_METADATA"],
];

describe("an operation on a clustered table that another one came before", () => {
  it.each(clustered)("%s after %s: %s", async (later, earlier, outcome) => {
    const folder = join(freshFolder(), "t");
    await createClusteredTable(folder);
    const snapshot = await openLog(await openContext(folder));
    await clusteredOperations[earlier]?.run(snapshot, async () => undefined);
    expect(await outcomeOf(clusteredOperations[later]?.run(snapshot, async () => undefined))).toBe(outcome);
    const effects = outcome === "committed" ? [earlier, later] : [earlier];
    const rows = effects.reduce(
      (before, name) => clusteredOperations[name]?.effect(before) ?? before,
      clusteredRows,
    );
    expect(await rowsOf(folder)).toEqual(rowTexts(rows));
    expect((await fsck(folder, { data: true, orphans: true })).findings).toEqual([]);
  });
});

describe("conversions of one folder at the same time", () => {
  it("make one table of it", async () => {
    const folder = freshFolder();
    const copy = join(folder, "copy");
    await createClusteredTable(join(folder, "t"));
    await using table = await openTable(join(folder, "t"), { threads: 1 });
    await table.clone(copy, { deep: true });
    await rm(join(copy, "_delta_log"), { recursive: true });
    const results = await Promise.all([copy, copy, copy].map((uri) => convertTable(uri)));
    expect(results.map(({ outcome }) => outcome).sort()).toEqual(["committed", "unchanged", "unchanged"]);
    expect(results.map(({ version }) => version)).toEqual([0, 0, 0]);
    expect(await rowsOf(copy)).toEqual(rowTexts(clusteredRows));
  });
});

/** One after the other; an append that nobody read may come last. */
function rowsAfter({ later, earlier, outcome }: Pair): readonly MatrixRow[] {
  const [first, second] = [operations[earlier]?.effect, operations[later]?.effect];
  if (outcome !== "committed") return first?.(matrixRows) ?? [];
  const ordered = earlier === "append" ? [second, first] : [first, second];
  return ordered.reduce((rows, effect) => effect?.(rows) ?? rows, matrixRows);
}

function rowTexts(rows: readonly MatrixRow[]): string[] {
  return rows.map(({ id, p, n }) => `${id} ${p} ${n}`).sort();
}

async function rowsOf(uri: string): Promise<string[]> {
  await using table = await openTable(uri, { threads: 1 });
  const texts: string[] = [];
  for await (const { id, p, n } of table.rows()) texts.push(`${String(id)} ${String(p)} ${String(n)}`);
  return texts.sort();
}

async function outcomeOf(work: Promise<unknown> | undefined): Promise<string> {
  try {
    await work;
    return "committed";
  } catch (error) {
    if (isVarveError(error)) return error.code;
    throw error;
  }
}
