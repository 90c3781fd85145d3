import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as varve from "../../src/index.ts";
import { freshFolder, rowsOf } from "../operations/table-folder.ts";

const suite: varve.SuiteJson = {
  name: "positive",
  checks: [
    {
      kind: "expect_column_values_to_be_between",
      params: { column: "n", min_value: 0 },
      onFail: "quarantine",
    },
  ],
};

/** Options as a caller without types writes them. */
const untyped = (options: object): never => options as never;

describe("options that no verb has", () => {
  let folder = "";
  let uri = "";
  let table: varve.Table;
  let staged: varve.StagedRows;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "varve-test-"));
    uri = join(folder, "t");
    table = await varve.createTable(uri, { source: [{ n: 1 }] });
    staged = await table.staging.stage([{ n: 2 }]);
  });
  afterAll(async () => {
    await table.close();
    await rm(folder, { recursive: true, force: true });
  });

  const rows = [{ n: 3 }];
  const cases: readonly (readonly [string, string, string, (options: never) => unknown])[] = [
    ["openTable", "att", "at", (options) => varve.openTable(uri, options)],
    ["createTable", "partitonBy", "partitionBy", (options) => varve.createTable(`${uri}2`, options)],
    ["fsck", "deeep", "deep", (options) => varve.fsck(uri, options)],
    ["query", "table", "tables", (options) => varve.query("SELECT 1", options)],
    ["runSuite", "function", "functions", (options) => varve.runSuite(suite, rows, options)],
    ["profile", "column", "columns", (options) => varve.profile(rows, options)],
    ["suggest", "nam", "name", (options) => varve.suggest(rows, options)],
    ["select", "were", "where", (options) => table.snapshot().select(options)],
    ["rows", "limits", "limit", (options) => table.snapshot().rows(options).next()],
    ["batches", "batchrow", "batchRows", (options) => table.snapshot().batches(options).next()],
    ["arrow", "colums", "columns", (options) => table.snapshot().arrow(options)],
    ["history", "checkfile", "checkFiles", (options) => table.history(options)],
    ["diff", "row", "rows", (options) => table.diff(0, 0, options)],
    ["diffRows", "keys", "key", (options) => table.diffRows(0, 0, options)],
    ["changes", "form", "from", (options) => table.changes(options)],
    ["append", "gates", "gate", (options) => table.append(rows, options)],
    ["append", "suite", "gate", (options) => table.append(rows, options)],
    ["append", "batchID", "batchId", (options) => table.append(rows, options)],
    ["append", "gateReplacesCarried", "gateOptions", (options) => table.append(rows, options)],
    ["overwrite", "partitonBy", "partitionBy", (options) => table.overwrite(rows, options)],
    ["staging.stage", "ids", "id", (options) => table.staging.stage(rows, options)],
    ["staging.publish", "gateOption", "gateOptions", (options) => table.staging.publish("none", options)],
    ["staging.publish", "signals", "signal", (options) => staged.publish(options)],
    ["audit", "gateoption", "gateOptions", (options) => staged.audit(undefined, options)],
    ["StagedRows.sql", "exportfolders", "exportFolder", (options) => staged.sql("FROM staged", options)],
    ["suite.set", "registerConstraint", "registerConstraints", (options) => table.suite.set(suite, options)],
    ["suite.unset", "signals", "signal", (options) => table.suite.unset(options)],
    ["alter", "sets", "set", (options) => table.alter(options)],
    ["log.checkpoint", "kinds", "kind", (options) => table.log.checkpoint(options)],
    ["log.removeLeftovers", "older", "before", (options) => table.log.removeLeftovers(options)],
    ["log.clean", "dryrum", "dryRun", (options) => table.log.clean(options)],
    ["profile", "columm", "columns", (options) => table.profile(options)],
    ["suite.suggest", "extend", "extended", (options) => table.suite.suggest(options)],
    ["metrics.read", "scopes", "scope", (options) => table.metrics.read(options)],
    ["quarantine.read", "batch", "batchId", (options) => table.quarantine.read(options)],
    ["quarantine.lines", "checkID2", "checkId", (options) => table.quarantine.lines(options).next()],
    ["quarantine.repair", "state", "status", (options) => table.quarantine.repair(options, {})],
    ["quarantine.discard", "id", "ids", (options) => table.quarantine.discard(options)],
    ["rejections.list", "batchId", "batch", (options) => table.rejections.list(options)],
    ["rejections.purge", "dryrun2", "dryRun", (options) => table.rejections.purge(options)],
    ["quarantine.purge", "befor", "before", (options) => table.quarantine.purge(options)],
    ["quarantine.resubmit", "gateoptions2", "gateOptions", (options) => table.quarantine.resubmit(options)],
    ["setEngineLimits", "session", "sessions", (options) => varve.setEngineLimits(options)],
    [
      "a source { sql }",
      "file",
      "files",
      (options) => table.append({ sql: "SELECT 1 AS n", ...(options as object) } as never),
    ],
    [
      "a source { csv }",
      "option",
      "options",
      (options) => table.append({ csv: "a.csv", ...(options as object) } as never),
    ],
  ];
  it.each(cases)("%s refuses %s and names %s", async (verb, option, nearest, run) => {
    const error = await (async () => run(untyped({ [option]: true })))().then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toMatchObject({ code: "INVALID_ARGUMENT", data: { verb, option, nearest } });
  });

  it("suggests no option that has nothing in common with what was written", async () => {
    const error = await varve.openTable(uri, untyped({ zzz: 1 })).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toMatchObject({ code: "INVALID_ARGUMENT", data: { option: "zzz" } });
    expect(String(error)).toContain('Unknown option "zzz" of openTable. The options are: ');
  });

  const nested: readonly (readonly [string, object, string, (options: never) => unknown])[] = [
    [
      "gateOptions.table",
      { gateOptions: { table: {} } },
      "gateOptions.tables",
      (options) => table.append(rows, options),
    ],
    [
      "txn.appID2",
      { txn: { appID2: "a", version: 1 } },
      "txn.appId",
      (options) => table.append(rows, options),
    ],
    ["s3.regions", { s3: { regions: "x" } }, "s3.region", (options) => varve.openTable(uri, options)],
    [
      "s3.retry.attempt",
      { s3: { retry: { attempt: 1 } } },
      "s3.retry.attempts",
      (options) => varve.openTable(uri, options),
    ],
    [
      "cache.maxByte",
      { cache: { maxByte: 1 } },
      "cache.maxBytes",
      (options) => varve.openTable(uri, options),
    ],
    [
      "options.delimeter",
      { csv: "a.csv", options: { delimeter: ";" } },
      "options.delimiter",
      (options) => table.append(options),
    ],
  ];
  it.each(nested)("%s is refused inside its options", async (option, options, nearest, run) => {
    await expect((async () => run(untyped(options)))()).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      data: { option, nearest },
    });
  });

  const lists: readonly (readonly [string, string, (options: never) => unknown])[] = [
    ["select", "columns", (options) => table.snapshot().select(options)],
    ["rows", "columns", (options) => table.rows(options).next()],
    ["batches", "columns", (options) => table.batches(options).next()],
    ["profile", "columns", (options) => varve.profile(rows, options)],
    ["suggest", "columns", (options) => varve.suggest(rows, options)],
    ["metrics.read", "columns", (options) => table.metrics.read(options)],
    ["createTable", "partitionBy", (options) => varve.createTable(`${uri}2`, options)],
    ["overwrite", "partitionBy", (options) => table.overwrite(rows, options)],
  ];
  it.each(lists)("%s refuses one name as %s, which is a list", async (verb, option, run) => {
    for (const value of ["n", [1], null])
      await expect((async () => run(untyped({ [option]: value })))()).rejects.toMatchObject({
        code: "INVALID_ARGUMENT",
        message: expect.stringContaining(`of ${verb} must be an array of column names, such as ["`),
        data: { verb, option },
      });
  });

  it.each([[{ n: "long" }], [null], [7], [{ type: "struct" }]])(
    "createTable refuses the schema %j",
    async (schema) => {
      await expect(varve.createTable(`${uri}2`, untyped({ schema }))).rejects.toMatchObject({
        code: "INVALID_ARGUMENT",
        data: { option: "schema" },
      });
    },
  );

  it("and options that are no object are refused", async () => {
    for (const options of [null, "n > 1", 3, []])
      await expect(table.snapshot().select(options as never)).rejects.toMatchObject({
        code: "INVALID_ARGUMENT",
      });
    await expect(table.append(rows, untyped({ gateOptions: null }))).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
    });
  });

  it("leave nothing behind", async () => {
    expect(await rowsOf(table)).toEqual([{ n: 1n }]);
    await expect(varve.openTable(`${uri}2`)).rejects.toMatchObject({ code: "NOT_A_TABLE" });
  });

  it("but undefined stands for an option that is not given", async () => {
    const found = await table.snapshot().select({ columns: undefined, where: undefined, limit: undefined });
    for await (const row of found.rows()) expect(row).toEqual({ n: 1n });
  });
});

describe("the tests that a table carries", () => {
  it("cannot be switched off by an option of append, overwrite or createTable", async () => {
    const table = await varve.createTable(join(freshFolder(), "t"), { source: [{ n: 1 }] });
    await table.suite.set(suite);
    // @ts-expect-error the option is varve's own
    await expect(table.append([{ n: -1 }], { gateReplacesCarried: true })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
    });
    // @ts-expect-error the option is varve's own
    await expect(table.overwrite([{ n: -1 }], { gateReplacesCarried: true })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
    });
    expect(await rowsOf(table)).toEqual([{ n: 1n }]);
    await table.close();
  });
});

describe("the tables that a gate compares with", () => {
  it("are tables or versions, in resubmit as in append", async () => {
    const folder = freshFolder();
    const others = await varve.createTable(join(folder, "others"), { source: [{ n: 1 }, { n: 2 }] });
    const table = await varve.createTable(join(folder, "t"), { schema: varve.schema().long("n") });
    const gate: varve.SuiteJson = {
      name: "known",
      checks: [
        {
          kind: "expect_column_values_to_exist_in_table",
          params: { column_list: ["n"], table: "others", table_columns: ["n"] },
          onFail: "quarantine",
        },
      ],
    };
    await table.append([{ n: 1 }, { n: 3 }], { gate, gateOptions: { tables: { others } } });
    expect(
      await table.quarantine.resubmit({ all: true, gate, gateOptions: { tables: { others } } }),
    ).toMatchObject({
      landed: 0,
      stillBad: 1,
    });
    await others.append([{ n: 3 }]);
    expect(
      await table.quarantine.resubmit({
        all: true,
        gate,
        gateOptions: { tables: { others: others.snapshot() } },
      }),
    ).toMatchObject({
      landed: 1,
      stillBad: 0,
    });
    await table.close();
    await others.close();
  });
});
