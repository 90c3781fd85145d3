import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createTable } from "../../../src/api/create-table.ts";
import type { Table } from "../../../src/api/table.ts";
import { schema } from "../../../src/schema/builder.ts";
import fc from "../../support/fast-check.ts";
import { freshFolder } from "../table-folder.ts";

/** A row of the model; null is SQL's. */
interface Row {
  readonly id: number;
  readonly g: number | null;
  readonly v: string | null;
}

/** A condition in SQL and the same in TypeScript; null where it is unknown. */
interface Condition {
  readonly sql: string;
  readonly holds: (row: Row) => boolean | null;
}

interface Change {
  readonly sql: Readonly<Record<string, string>>;
  readonly apply: (row: Row) => Row;
}

type Step =
  | { readonly kind: "append"; readonly rows: readonly Omit<Row, "id">[] }
  | { readonly kind: "delete"; readonly where: Condition }
  | { readonly kind: "update"; readonly where: Condition; readonly change: Change };

const conditions: fc.Arbitrary<Condition> = fc.oneof(
  fc
    .nat(6)
    .map((g): Condition => ({ sql: `g = ${g}`, holds: (row) => (row.g === null ? null : row.g === g) })),
  fc
    .nat(6)
    .map((g): Condition => ({ sql: `g <> ${g}`, holds: (row) => (row.g === null ? null : row.g !== g) })),
  fc.nat(60).map((id): Condition => ({ sql: `id < ${id}`, holds: (row) => row.id < id })),
  fc.nat(9).map((rest): Condition => ({ sql: `id % 10 = ${rest}`, holds: (row) => row.id % 10 === rest })),
  fc.constantFrom<Condition>(
    { sql: "v IS NULL", holds: (row) => row.v === null },
    {
      sql: "g IS NULL OR v = 'x'",
      holds: (row) => (row.g === null ? true : row.v === null ? null : row.v === "x"),
    },
    { sql: "true", holds: () => true },
    { sql: "NULL::BOOLEAN", holds: () => null },
    { sql: "id = -1", holds: () => false },
  ),
);

const changes: fc.Arbitrary<Change> = fc.constantFrom<Change>(
  { sql: { g: "g + 1" }, apply: (row) => ({ ...row, g: row.g === null ? null : row.g + 1 }) },
  { sql: { v: "'x'" }, apply: (row) => ({ ...row, v: "x" }) },
  {
    sql: { v: "CAST(g AS VARCHAR)", g: "NULL" },
    apply: (row) => ({ ...row, v: row.g === null ? null : String(row.g), g: null }),
  },
  { sql: { id: "id + 100" }, apply: (row) => ({ ...row, id: row.id + 100 }) },
);

const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    fc
      .array(fc.record({ g: fc.option(fc.nat(5)), v: fc.constantFrom("x", "y", null) }), {
        minLength: 1,
        maxLength: 12,
      })
      .map((rows): Step => ({ kind: "append", rows })),
    conditions.map((where): Step => ({ kind: "delete", where })),
    fc.tuple(conditions, changes).map(([where, change]): Step => ({ kind: "update", where, change })),
  ),
  { minLength: 2, maxLength: 9 },
);

const layouts = fc.record({
  vectors: fc.boolean(),
  feed: fc.boolean(),
  tracking: fc.boolean(),
  mapping: fc.boolean(),
  partition: fc.constantFrom("g", "v", undefined),
});

/** The feed of one change, as texts. */
type Feed = string[];

describe("deletions and updates beside a model of the table", () => {
  it("leave the same rows, history, row ids and feed, whatever the table and the order", async () => {
    await fc.assert(
      fc.asyncProperty(layouts, steps, async (layout, sequence) => {
        const { vectors, feed, tracking, mapping, partition } = layout;
        const properties = {
          ...(vectors ? { "delta.enableDeletionVectors": "true" } : {}),
          ...(feed ? { "delta.enableChangeDataFeed": "true" } : {}),
          ...(tracking ? { "delta.enableRowTracking": "true" } : {}),
          ...(mapping ? { "delta.columnMapping.mode": "name" } : {}),
        };
        await using table = await createTable(join(freshFolder(), "t"), {
          schema: schema().long("id").integer("g").string("v"),
          properties,
          partitionBy: partition === undefined ? undefined : [partition],
        });
        const model = new Model();
        for (const step of sequence) {
          const version = table.snapshot().version;
          const before = new Map(model.ids);
          const firstId = model.nextId;
          const changed = model.take(step);
          const result = await taken(table, step, firstId);
          expect(table.snapshot().version).toBe(changed === undefined ? version : version + 1);
          if (changed !== undefined) model.versions.push({ rows: model.texts(), feed: changed });
          if (changed !== undefined && result !== undefined) expect(result).toBe(model.lastCount);
          expect(await rowTexts(table)).toEqual(model.texts());
          if (tracking) await keepsIds(table, before, step);
          if (tracking) model.ids = await idsOf(table);
        }
        for (const [index, { rows, feed: expected }] of model.versions.entries()) {
          expect(await rowTexts(await table.at(index + 1))).toEqual(rows);
          if (feed) expect(await feedTexts(table, index + 1)).toEqual(expected);
        }
      }),
      { numRuns: 25 },
    );
  });
});

class Model {
  rows: Row[] = [];
  ids = new Map<string, string>();
  lastCount = 0;
  readonly versions: { readonly rows: string[]; readonly feed: Feed }[] = [];
  nextId = 0;

  /** Applies a step; the rows of the feed, or `undefined` where nothing is committed. */
  take(step: Step): Feed | undefined {
    if (step.kind === "append") {
      const added = step.rows.map((row) => ({ id: this.nextId++, ...row }));
      this.rows = [...this.rows, ...added];
      return added.map((row) => `insert ${rowText(row)}`).sort();
    }
    const chosen = this.rows.filter((row) => step.where.holds(row) === true);
    this.lastCount = chosen.length;
    if (chosen.length === 0) return undefined;
    const after = this.rows.flatMap((row) => {
      if (step.where.holds(row) !== true) return [row];
      return step.kind === "delete" ? [] : [step.change.apply(row)];
    });
    this.rows = after;
    const feed =
      step.kind === "delete"
        ? chosen.map((row) => `delete ${rowText(row)}`)
        : chosen.flatMap((row) => [
            `update_preimage ${rowText(row)}`,
            `update_postimage ${rowText(step.change.apply(row))}`,
          ]);
    return feed.sort();
  }

  texts(): string[] {
    return this.rows.map(rowText).sort();
  }
}

/** Does the same to the table; the number of rows that it says were changed. */
async function taken(table: Table, step: Step, firstId: number): Promise<number | undefined> {
  if (step.kind === "append") {
    await table.append(step.rows.map((row, index) => ({ id: firstId + index, ...row })));
    return undefined;
  }
  if (step.kind === "delete") return (await table.delete(step.where.sql)).rowsDeleted;
  return (await table.update({ set: step.change.sql, where: step.where.sql })).rowsUpdated;
}

function rowText({ id, g, v }: Row): string {
  return `${id} ${g ?? "null"} ${v ?? "null"}`;
}

async function rowTexts(source: Pick<Table, "rows">): Promise<string[]> {
  const texts: string[] = [];
  for await (const { id, g, v } of source.rows()) texts.push(`${String(id)} ${String(g)} ${String(v)}`);
  return texts.sort();
}

async function feedTexts(table: Table, version: number): Promise<Feed> {
  const texts: string[] = [];
  const changes = await table.changes({ from: version, to: version });
  for await (const { id, g, v, _change_type: type } of changes.rows())
    texts.push(`${String(type)} ${String(id)} ${String(g)} ${String(v)}`);
  return texts.sort();
}

async function idsOf(table: Table): Promise<Map<string, string>> {
  const ids = new Map<string, string>();
  for await (const { id, g, v, _metadata: own } of table.rows({ rowTracking: true }))
    ids.set(
      String(Object(own)["row_id"]),
      `${String(id)} ${String(g)} ${String(v)} ${String(Object(own)["row_commit_version"])}`,
    );
  return ids;
}

/** Rows that stay have the ids and versions that they had; no id comes twice. */
async function keepsIds(table: Table, before: ReadonlyMap<string, string>, step: Step): Promise<void> {
  const after = await idsOf(table);
  expect(after.size).toBe(await table.count());
  for (const [id, text] of after) {
    const old = before.get(id);
    if (step.kind === "append") expect(old ?? text).toBe(text);
    else expect(old).toBeDefined();
    if (old !== undefined && old !== text) expect(text.endsWith(` ${table.snapshot().version}`)).toBe(true);
  }
}
