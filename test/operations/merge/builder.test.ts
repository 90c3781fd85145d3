import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createTable } from "../../../src/api/create-table.ts";
import type { MergeBuilder } from "../../../src/api/shared/merge-builder.ts";
import type { MergeOptions } from "../../../src/api/shared/merge-options.ts";
import type { Table } from "../../../src/api/table.ts";
import { isVarveError, type VarveError } from "../../../src/errors.ts";
import { check, suite } from "../../../src/index.ts";
import { schema } from "../../../src/schema/builder.ts";
import { freshFolder, rowsOf } from "../table-folder.ts";

async function orders(): Promise<Table> {
  return createTable(join(freshFolder(), "orders"), {
    schema: schema().long("id").string("state").double("amount").build(),
    source: [
      { id: 1n, state: "open", amount: 1 },
      { id: 2n, state: "paid", amount: 2 },
      { id: 3n, state: "open", amount: 3 },
    ],
  });
}

async function sorted(table: Table): Promise<readonly unknown[]> {
  await table.refresh();
  return (await rowsOf(table)).map(({ id, state, amount }) => [id, state, amount]).sort();
}

function thrown(run: () => unknown): VarveError {
  try {
    run();
  } catch (error) {
    if (isVarveError(error)) return error;
    throw error;
  }
  throw new Error("nothing failed");
}

async function failing(run: Promise<unknown>): Promise<VarveError> {
  const error = await run.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (isVarveError(error)) return error;
  throw error ?? new Error("nothing failed");
}

describe("table.merge", () => {
  it("updates, inserts and deletes in one commit, and counts", async () => {
    await using table = await orders();
    const batch = [
      { id: 1n, state: "paid", amount: 10 },
      { id: 2n, state: "gone", amount: 0 },
      { id: 4n, state: "new", amount: 4 },
    ];
    const result = await table
      .merge(batch, { on: ["id"] })
      .whenMatchedDelete({ condition: "source.state = 'gone'" })
      .whenMatchedUpdateAll()
      .whenNotMatchedInsertAll()
      .whenNotMatchedBySourceUpdate({ set: { state: "upper(state)" } })
      .execute();
    expect(result).toMatchObject({
      outcome: "committed",
      version: 1,
      sourceRows: 3,
      rowsUpdated: 2,
      rowsInserted: 1,
      rowsDeleted: 1,
    });
    expect(await sorted(table)).toEqual([
      [1n, "paid", 10],
      [3n, "OPEN", 3],
      [4n, "new", 4],
    ]);
    expect(table.snapshot().version).toBe(1);
    expect((await table.history({ limit: 1 }))[0]).toMatchObject({ operation: "MERGE" });
  });

  it("sees both sides by their aliases, and inserts the columns that are listed", async () => {
    await using table = await orders();
    await table
      .merge(
        [
          { key: 1n, more: 5 },
          { key: 9n, more: 9 },
        ],
        { on: "o.id = b.key", targetAlias: "o", sourceAlias: "b" },
      )
      .whenMatchedUpdate({ set: { amount: "o.amount + b.more" }, condition: "b.more > 0" })
      .whenNotMatchedInsert({ values: { id: "b.key", state: "'added'" } })
      .execute();
    expect(await sorted(table)).toEqual([
      [1n, "open", 6],
      [2n, "paid", 2],
      [3n, "open", 3],
      [9n, "added", null],
    ]);
  });

  it("takes the sources that append takes, with the table's types", async () => {
    await using table = await orders();
    const file = join(freshFolder(), "batch.csv");
    writeFileSync(file, "id,state,amount\n1,x,7\n8,y,8\n");
    const upsert = (builder: MergeBuilder) =>
      builder.whenMatchedUpdateAll().whenNotMatchedInsertAll().execute();
    await upsert(table.merge({ csv: file }, { on: ["id"] }));
    await upsert(
      table.merge({ sql: "SELECT 2::BIGINT AS id, 'z' AS state, 1.5::DOUBLE AS amount" }, { on: ["id"] }),
    );
    await upsert(table.merge(await table.at(0), { on: ["id"], batchId: "back" }));
    expect(await sorted(table)).toEqual([
      [1n, "open", 1],
      [2n, "paid", 2],
      [3n, "open", 3],
      [8n, "y", 8],
    ]);
    expect(await upsert(table.merge([], { on: ["id"], batchId: "back" }))).toMatchObject({
      outcome: "alreadyApplied",
    });
  });

  it("leaves out columns, and leaves those that a table computes to it", async () => {
    const uri = join(freshFolder(), "t");
    await using table = await createTable(uri, {
      schema: schema().long("id").string("v").long("twice", { generatedAs: "id * 2" }).build(),
      source: [{ id: 1n, v: "a" }],
    });
    await table
      .merge(
        [
          { id: 1n, v: "b" },
          { id: 2n, v: "c" },
        ],
        { on: ["id"] },
      )
      .whenMatchedUpdateAll({ except: ["V"] })
      .whenNotMatchedInsertAll()
      .execute();
    await table.refresh();
    expect((await rowsOf(table)).map(({ id, v, twice }) => [id, v, twice]).sort()).toEqual([
      [1n, "a", 2n],
      [2n, "c", 4n],
    ]);
  });

  it("changes the schema if it may, in one commit", async () => {
    await using table = await orders();
    const batch = [
      { id: 1n, note: "n" },
      { id: 5n, note: "m" },
    ];
    const upsert = (options: Omit<MergeOptions, "on">) =>
      table
        .merge(batch, { on: ["id"], ...options })
        .whenMatchedUpdateAll()
        .whenNotMatchedInsertAll()
        .execute();
    const refused = await failing(upsert({}));
    expect([refused.code, refused.message]).toEqual([
      "COLUMN_NOT_FOUND",
      expect.stringContaining("The source has no column state"),
    ]);
    expect(await upsert({ mergeSchema: true })).toMatchObject({
      version: 1,
      rowsUpdated: 1,
      rowsInserted: 1,
    });
    await table.refresh();
    expect((await rowsOf(table)).map(({ id, state, note }) => [id, state, note]).sort()).toEqual([
      [1n, "open", "n"],
      [2n, "paid", null],
      [3n, "open", null],
      [5n, null, "m"],
    ]);
  });

  it("gives a column without values the type of the source's, as an append does", async () => {
    const folder = freshFolder();
    const started = (name: string) =>
      createTable(join(folder, name), {
        source: [
          { id: 1, v: null, s: { a: null, b: 1 } },
          { id: 2, v: null, s: null },
        ],
        properties: { "delta.enableChangeDataFeed": "true" },
      });
    const batch = [
      { id: 1, v: 7, s: { a: new Date(0), b: 2 } },
      { id: 3, v: 8, s: null },
    ];
    await using appended = await started("appended");
    await appended.append(batch);
    await using table = await started("merged");
    const upsert = (of: Table, source: Parameters<Table["merge"]>[0]) =>
      of
        .merge(source, { on: ["id"] })
        .whenMatchedUpdateAll()
        .whenNotMatchedInsertAll();
    const idle = table.merge(batch, { on: ["id"] }).whenMatchedUpdateAll({ condition: "source.v > 9" });
    expect(await idle.execute()).toMatchObject({ outcome: "unchanged" });
    const result = await upsert(table, batch).execute();
    expect(result).toMatchObject({ rowsUpdated: 1, rowsInserted: 1 });
    expect(result.typedColumns).toEqual([
      { column: "v", type: "long" },
      { column: "s.a", type: "timestamp" },
    ]);
    await table.refresh();
    await appended.refresh();
    expect(table.snapshot().schema).toEqual(appended.snapshot().schema);
    expect((await rowsOf(table)).map(({ id, v, s }) => [id, v, s])).toEqual([
      [1n, 7n, { a: expect.anything(), b: 2n }],
      [2n, null, null],
      [3n, 8n, null],
    ]);
    // A statement's assignment of the column; values that are null say nothing.
    await using stated = await started("stated");
    await upsert(stated, [{ id: 2, v: null, s: null }]).execute();
    await stated.sql(
      "MERGE INTO t USING (SELECT 2 AS id, 1.5::DOUBLE AS v) AS s ON t.id = s.id WHEN MATCHED THEN UPDATE SET v = s.v",
      { tables: { t: stated } },
    );
    await stated.refresh();
    expect(
      stated
        .snapshot()
        .schema.fields.map(({ type }) => type)
        .slice(0, 2),
    ).toEqual(["long", "double"]);
    expect((await rowsOf(stated)).map(({ v }) => v)).toEqual([null, 1.5]);
  });

  it("leaves a column text that data files hold as text, and reads numbers of CSV as that", async () => {
    const folder = freshFolder();
    await using table = await createTable(join(folder, "t"), {
      source: [{ id: 1, v: null }],
      partitionBy: ["id"],
    });
    const upsert = (source: Parameters<Table["merge"]>[0]) =>
      table
        .merge(source, { on: ["id"] })
        .whenMatchedUpdateAll()
        .whenNotMatchedInsertAll()
        .execute();
    const error = await failing(upsert([{ id: 1, v: 7 }]));
    expect(error).toMatchObject({ code: "SCHEMA_MISMATCH", message: expect.stringContaining("as text") });
    writeFileSync(join(folder, "s.csv"), "id,v\n1,07\n2,8\n");
    expect(await upsert({ csv: join(folder, "s.csv") })).toMatchObject({ rowsUpdated: 1, rowsInserted: 1 });
    await table.refresh();
    expect(await rowsOf(table)).toEqual([
      { id: 1n, v: "07" },
      { id: 2n, v: "8" },
    ]);
  });

  it("keeps what the source's structs lack, and a null struct of both stays null", async () => {
    await using table = await createTable(join(freshFolder(), "t"), {
      source: {
        sql: "SELECT * FROM (VALUES (1, {'a': 1, 'in': {'x': 1, 'y': 1}}), (2, NULL), (3, {'a': 3, 'in': NULL})) v(id, s)",
      },
    });
    await table
      .merge(
        { sql: "SELECT * FROM (VALUES (1, {'in': {'x': 10, 'z': 10}}), (2, NULL), (3, NULL)) v(id, s)" },
        { on: ["id"], mergeSchema: true },
      )
      .whenMatchedUpdateAll()
      .execute();
    await table.refresh();
    expect((await rowsOf(table)).sort((a, b) => Number(a["id"]) - Number(b["id"]))).toEqual([
      { id: 1, s: { a: 1, in: { x: 10, y: 1, z: 10 } } },
      { id: 2, s: null },
      { id: 3, s: { a: 3, in: null } },
    ]);
  });

  it("refuses a value that would lose something, unlike SQL's MERGE, and names it", async () => {
    await using table = await orders();
    const error = await failing(
      table
        .merge({ sql: "SELECT 1.5::DOUBLE AS id, 'x' AS state, 1.0::DOUBLE AS amount" }, { on: "true" })
        .whenNotMatchedInsertAll()
        .whenMatchedUpdateAll()
        .execute(),
    );
    expect(error).toMatchObject({ code: "SCHEMA_MISMATCH", data: { column: ["id"] } });
    expect(await sorted(table)).toHaveLength(3);
  });

  it("tests new rows with the gate, and records a rejection", async () => {
    await using table = await orders();
    const gate = suite("amounts", [check.positive("amount", { onFail: "reject" })]);
    const error = await failing(
      table
        .merge([{ id: 1n, state: "x", amount: -1 }], { on: ["id"], gate, batchId: "bad" })
        .whenMatchedUpdateAll()
        .execute(),
    );
    expect(error.code).toBe("BATCH_REJECTED");
    expect(await sorted(table)).toContainEqual([1n, "open", 1]);
    expect(await table.rejections.list()).toMatchObject([{ operation: "MERGE", batchId: "bad" }]);
  });

  it("sets aside rows that it would insert, which land later", async () => {
    await using table = await orders();
    const gate = suite("amounts", [check.positive("amount", { onFail: "quarantine" })]);
    const batch = [
      { id: 1n, state: "paid", amount: 9 },
      { id: 7n, state: "bad", amount: -7 },
      { id: 8n, state: "good", amount: 8 },
    ];
    const result = await table
      .merge(batch, { on: ["id"], gate, batchId: "june" })
      .whenMatchedUpdateAll()
      .whenNotMatchedInsertAll()
      .execute();
    expect(result).toMatchObject({ rowsUpdated: 1, rowsInserted: 1, quarantine: { rows: 1 } });
    await table.quarantine.repair({ batchId: "june" }, { amount: "abs(amount)" });
    await table.quarantine.resubmit({ all: true });
    expect(await sorted(table)).toEqual([
      [1n, "paid", 9],
      [2n, "paid", 2],
      [3n, "open", 3],
      [7n, "bad", 7],
      [8n, "good", 8],
    ]);
  });

  it("counts without writing, and refuses several matches unless only one acts", async () => {
    await using table = await orders();
    const twice = [
      { id: 1n, state: "a", amount: 1 },
      { id: 1n, state: "b", amount: 2 },
    ];
    const merge = (options: Omit<MergeOptions, "on">) =>
      table
        .merge(twice, { on: ["id"], ...options })
        .whenMatchedUpdateAll({ condition: "source.amount > 1" })
        .execute();
    expect((await failing(merge({}))).code).toBe("MERGE_AMBIGUOUS");
    expect(await merge({ onDuplicate: "error-if-acting", dryRun: true })).toMatchObject({
      outcome: "dryRun",
      version: 0,
      rowsUpdated: 1,
      files: [{ rows: 3, changed: 1 }],
    });
    expect(await merge({ onDuplicate: "error-if-acting" })).toMatchObject({
      outcome: "committed",
      rowsUpdated: 1,
    });
    expect(await sorted(table)).toContainEqual([1n, "b", 2]);
  });

  it("gives a new builder with each clause", async () => {
    await using table = await orders();
    const both = table.merge([{ id: 1n, state: "x", amount: 9 }], { on: ["id"] });
    const deletion = both.whenMatchedDelete();
    expect(await both.whenMatchedUpdateAll().execute()).toMatchObject({ rowsUpdated: 1, rowsDeleted: 0 });
    expect(await deletion.execute()).toMatchObject({ rowsUpdated: 0, rowsDeleted: 1 });
  });

  it("refuses what is no option, condition or clause", async () => {
    await using table = await orders();
    const merge = (options: unknown) => table.merge([], options as MergeOptions);
    for (const [options, message] of [
      [undefined, /merge/],
      [{}, /needs the condition on/],
      [{ on: [] }, /needs the condition on/],
      [{ on: ["id"], onDuplicate: "first" }, /must be "error" or "error-if-acting"/],
      [{ on: ["id"], sourceAlias: "" }, /sourceAlias of merge must be a name/],
      [{ on: ["id"], where: "x" }, /Unknown option "where"/],
    ] as const)
      expect([options, thrown(() => merge(options)).message]).toEqual([
        options,
        expect.stringMatching(message),
      ]);
    const builder = merge({ on: ["id"] });
    for (const [give, message] of [
      [() => builder.whenMatchedUpdate({} as never), /needs the new values in set/],
      [() => builder.whenNotMatchedInsert({ values: {} }), /needs the new values in values/],
      [() => builder.whenMatchedUpdateAll({ except: "v" as never }), /array of column names/],
      [() => builder.whenMatchedDelete({ condition: " " }), /not an empty text/],
      [() => builder.whenMatchedDelete({ where: "x" } as never), /Unknown option "where"/],
    ] as const)
      expect(thrown(give).message).toMatch(message);
    expect((await failing(builder.execute())).message).toMatch(/at least one clause/);
    const unreachable = builder.whenMatchedDelete().whenMatchedUpdateAll();
    expect((await failing(unreachable.execute())).message).toMatch(/Only the last of the merge's clauses/);
    const same = merge({ on: "true", sourceAlias: "TARGET" }).whenMatchedDelete();
    expect((await failing(same.execute())).message).toMatch(/could not tell them apart/);
  });

  it.each([
    [(b: MergeBuilder) => b.whenMatchedUpdate({ set: { nope: "1" } }), "COLUMN_NOT_FOUND"],
    [(b: MergeBuilder) => b.whenMatchedUpdate({ set: { id: "1", ID: "2" } }), "INVALID_ARGUMENT"],
    [(b: MergeBuilder) => b.whenNotMatchedInsert({ values: { id: "target.id" } }), "SQL_FAILED"],
    [(b: MergeBuilder) => b.whenNotMatchedBySourceUpdate({ set: { id: "source.id" } }), "SQL_FAILED"],
    [(b: MergeBuilder) => b.whenMatchedDelete({ condition: "amount > 0" }), "SQL_FAILED"],
    [(b: MergeBuilder) => b.whenMatchedDelete({ condition: "source.id" }), "SQL_FAILED"],
    [(b: MergeBuilder) => b.whenMatchedDelete({ condition: "random() < 2" }), "SQL_REFUSED"],
    [(b: MergeBuilder) => b.whenMatchedDelete({ condition: "source.id IN (SELECT 1)" }), "SQL_REFUSED"],
    [(b: MergeBuilder) => b.whenMatchedDelete({ condition: "max(source.id) > 1" }), "SQL_REFUSED"],
  ] as const)("refuses a clause that cannot be bound, and writes nothing: %s", async (clause, code) => {
    await using table = await orders();
    const batch = [{ id: 1n, state: "x", amount: 1 }];
    const error = await failing(clause(table.merge(batch, { on: ["id"] })).execute());
    expect([error.code, error.message]).toEqual([code, expect.any(String)]);
    expect(await sorted(table)).toHaveLength(3);
    expect(table.snapshot().version).toBe(0);
  });
});
