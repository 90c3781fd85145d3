import { join } from "node:path";
import { expect, it } from "vitest";
import { createTable } from "../../../src/api/create-table.ts";
import type { Table } from "../../../src/api/table.ts";
import { isVarveError } from "../../../src/errors.ts";
import { schema } from "../../../src/schema/builder.ts";
import fc from "../../support/fast-check.ts";
import { freshFolder } from "../table-folder.ts";
import { type ClauseText, merge } from "./merging.ts";

/** A row of either side; null is SQL's. */
interface Row {
  readonly id: number | null;
  readonly g: number | null;
  readonly v: string | null;
}

/** A condition over both sides in SQL, and the same in TypeScript; null where it is unknown. */
interface Condition<Sides extends readonly Row[]> {
  readonly sql: string;
  readonly holds: (...sides: Sides) => boolean | null;
}

type Both = readonly [t: Row, s: Row];
type One = readonly [row: Row];

const same = (a: unknown, b: unknown) => (a === null || b === null ? null : a === b);
const and = (a: boolean | null, b: boolean | null) =>
  a === false || b === false ? false : a === null || b === null ? null : true;

const ons: fc.Arbitrary<Condition<Both>> = fc.constantFrom<Condition<Both>>(
  { sql: "t.id = s.id", holds: (t, s) => same(t.id, s.id) },
  { sql: "s.id = t.id AND t.g = 1", holds: (t, s) => and(same(t.id, s.id), same(t.g, 1)) },
  { sql: "t.id = s.id AND s.v = 'x'", holds: (t, s) => and(same(t.id, s.id), same(s.v, "x")) },
  { sql: "t.g = s.g AND t.id = s.id", holds: (t, s) => and(same(t.g, s.g), same(t.id, s.id)) },
  { sql: "t.id + 1 = s.id", holds: (t, s) => (t.id === null ? null : same(t.id + 1, s.id)) },
  { sql: "t.id IS NOT DISTINCT FROM s.id", holds: (t, s) => t.id === s.id },
  { sql: "false", holds: () => false },
);

function over(name: string): fc.Arbitrary<Condition<One>> {
  return fc.constantFrom<Condition<One>>(
    { sql: `${name}.g > 2`, holds: ({ g }) => (g === null ? null : g > 2) },
    { sql: `${name}.v = 'x'`, holds: ({ v }) => same(v, "x") },
    { sql: `${name}.id % 2 = 0`, holds: ({ id }) => (id === null ? null : id % 2 === 0) },
    { sql: `${name}.v IS NULL`, holds: ({ v }) => v === null },
    { sql: "NULL::BOOLEAN", holds: () => null },
  );
}

/** A clause for the table and for the model. */
interface Clause {
  readonly text: ClauseText;
  readonly acts: (t: Row | undefined, s: Row | undefined) => boolean | null;
  /** `undefined`: the row is deleted. */
  readonly becomes: ((t: Row, s: Row) => Row) | undefined;
}

const none: Row = { id: null, g: null, v: null };

const matched = fc
  .record({
    condition: fc.option(
      fc.oneof(
        over("t").map((c) => ({ ...c, side: 0 })),
        over("s").map((c) => ({ ...c, side: 1 })),
      ),
    ),
    action: fc.constantFrom("delete", "set", "copy"),
  })
  .map(({ condition, action }): Clause => {
    const own = condition === null ? {} : { if: condition.sql };
    const acts = (t: Row = none, s: Row = none) =>
      condition === null ? true : condition.holds(condition.side === 0 ? t : s);
    if (action === "delete")
      return { text: { when: "matched", ...own, delete: true }, acts, becomes: undefined };
    return action === "set"
      ? {
          text: {
            when: "matched",
            ...own,
            set: { v: "coalesce(t.v, 'z') || coalesce(s.v, 'z')", g: "t.g + s.g" },
          },
          acts,
          becomes: (t, s) => ({
            id: t.id,
            v: (t.v ?? "z") + (s.v ?? "z"),
            g: t.g === null || s.g === null ? null : t.g + s.g,
          }),
        }
      : {
          text: { when: "matched", ...own, set: { id: "s.id", g: "s.g", v: "s.v" } },
          acts,
          becomes: (_, s) => s,
        };
  });

const inserts = fc.record({ condition: fc.option(over("s")), part: fc.boolean() }).map(
  ({ condition, part }): Clause => ({
    text: {
      when: "new",
      ...(condition === null ? {} : { if: condition.sql }),
      insert: part ? { id: "s.id", v: "'new'" } : { v: "s.v", g: "s.g", id: "s.id" },
    },
    acts: (_, s = none) => (condition === null ? true : condition.holds(s)),
    becomes: (_, s) => (part ? { id: s.id, g: null, v: "new" } : s),
  }),
);

const missing = fc
  .record({ condition: fc.option(over("t")), deletes: fc.boolean() })
  .map(({ condition, deletes }): Clause => {
    const own = condition === null ? {} : { if: condition.sql };
    const acts = (t: Row = none) => (condition === null ? true : condition.holds(t));
    return deletes
      ? { text: { when: "missing", ...own, delete: true }, acts, becomes: undefined }
      : {
          text: { when: "missing", ...own, set: { v: "'gone'", g: "g * 2" } },
          acts,
          becomes: (t) => ({ ...t, v: "gone", g: t.g === null ? null : t.g * 2 }),
        };
  });

const rows = fc.array(
  fc.record({
    id: fc.option(fc.nat(12), { freq: 8 }),
    g: fc.option(fc.nat(5)),
    v: fc.constantFrom("x", "y", null),
  }),
  { maxLength: 8 },
);

const cases = fc.record({
  on: ons,
  source: rows,
  clauses: fc.array(fc.oneof(matched, inserts, missing), { minLength: 1, maxLength: 4 }),
  acting: fc.boolean(),
});

const layouts = fc.record({
  vectors: fc.boolean(),
  feed: fc.boolean(),
  tracking: fc.boolean(),
  mapping: fc.boolean(),
  partition: fc.constantFrom("g", "v", undefined),
});

it("a merge leaves the rows, counts and feed of a model, whatever the table, source and clauses", async () => {
  await fc.assert(
    fc.asyncProperty(
      layouts,
      fc.array(rows, { minLength: 1, maxLength: 3 }),
      fc.array(cases, { minLength: 1, maxLength: 3 }),
      async (layout, batches, merges) => {
        const { vectors, feed, tracking, mapping, partition } = layout;
        await using table = await createTable(join(freshFolder(), "t"), {
          schema: schema().long("id").integer("g").string("v"),
          properties: {
            ...(vectors ? { "delta.enableDeletionVectors": "true" } : {}),
            ...(feed ? { "delta.enableChangeDataFeed": "true" } : {}),
            ...(tracking ? { "delta.enableRowTracking": "true" } : {}),
            ...(mapping ? { "delta.columnMapping.mode": "name" } : {}),
          },
          partitionBy: partition === undefined ? undefined : [partition],
        });
        let model: Row[] = [];
        for (const batch of batches) {
          await table.append(batch);
          model = [...model, ...batch];
        }
        for (const { on, source, clauses, acting } of merges) {
          const expected = merged(model, source, { on, clauses, acting });
          const version = table.snapshot().version;
          const outcome = await merge(table, source, {
            on: on.sql,
            clauses: clauses.map(({ text }) => text),
            options: { onDuplicate: acting ? "error-if-acting" : "error" },
          }).catch((error: unknown) => {
            if (isVarveError(error, "MERGE_AMBIGUOUS")) return "ambiguous" as const;
            throw error;
          });
          if (expected === "ambiguous" || outcome === "ambiguous") {
            expect(outcome).toBe(expected);
            continue;
          }
          const { inserted, updated, deleted } = expected;
          expect(outcome).toMatchObject({
            rowsInserted: inserted,
            rowsUpdated: updated,
            rowsDeleted: deleted,
          });
          model = expected.rows;
          expect(await rowTexts(table)).toEqual(model.map(rowText).sort());
          expect(outcome.outcome).toBe(inserted + updated + deleted === 0 ? "unchanged" : "committed");
          if (feed && outcome.outcome === "committed")
            expect(await feedTexts(table, version + 1)).toEqual(expected.feed);
        }
      },
    ),
    { numRuns: 25 },
  );
});

interface Merged {
  readonly rows: Row[];
  readonly inserted: number;
  readonly updated: number;
  readonly deleted: number;
  readonly feed: string[];
}

function merged(
  table: readonly Row[],
  source: readonly Row[],
  {
    on,
    clauses,
    acting,
  }: { readonly on: Condition<Both>; readonly clauses: readonly Clause[]; readonly acting: boolean },
): Merged | "ambiguous" {
  const kind = (when: string) => clauses.filter(({ text }) => text.when === when);
  const own = kind("matched");
  const onlyDeletes = own.length === 1 && own[0]?.becomes === undefined && own[0]?.text.if === undefined;
  const [after, feed]: [Row[], string[]] = [[], []];
  const counts = { inserted: 0, updated: 0, deleted: 0 };
  let isAmbiguous = false;
  for (const t of table) {
    const matches = source.filter((s) => on.holds(t, s) === true);
    const choices = matches.flatMap((s) => {
      const clause = own.find(({ acts }) => acts(t, s) === true);
      return clause === undefined ? [] : [{ clause, s }];
    });
    const many = acting ? choices.length : matches.length;
    if (many > 1 && own.length > 0 && !onlyDeletes) isAmbiguous = true;
    const gone =
      matches.length > 0 ? undefined : kind("missing").find(({ acts }) => acts(t, undefined) === true);
    const choice = choices[0] ?? (gone === undefined ? undefined : { clause: gone, s: none });
    if (choice === undefined) after.push(t);
    else if (choice.clause.becomes === undefined) {
      counts.deleted++;
      feed.push(`delete ${rowText(t)}`);
    } else {
      const row = choice.clause.becomes(t, choice.s);
      counts.updated++;
      after.push(row);
      feed.push(`update_preimage ${rowText(t)}`, `update_postimage ${rowText(row)}`);
    }
  }
  for (const s of source) {
    if (table.some((t) => on.holds(t, s) === true)) continue;
    const row = kind("new")
      .find(({ acts }) => acts(undefined, s) === true)
      ?.becomes?.(none, s);
    if (row === undefined) continue;
    counts.inserted++;
    after.push(row);
    feed.push(`insert ${rowText(row)}`);
  }
  return isAmbiguous ? "ambiguous" : { rows: after, ...counts, feed: feed.sort() };
}

function rowText({ id, g, v }: Row): string {
  return `${id} ${g} ${v}`;
}

async function rowTexts(table: Table): Promise<string[]> {
  const texts: string[] = [];
  for await (const { id, g, v } of table.rows()) texts.push(`${String(id)} ${String(g)} ${String(v)}`);
  return texts.sort();
}

async function feedTexts(table: Table, version: number): Promise<string[]> {
  const texts: string[] = [];
  const changes = await table.changes({ from: version, to: version });
  for await (const { id, g, v, _change_type: type } of changes.rows())
    texts.push(`${String(type)} ${String(id)} ${String(g)} ${String(v)}`);
  return texts.sort();
}
