import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createTable } from "../../../src/api/create-table.ts";
import { openTable } from "../../../src/api/open-table.ts";
import { runSuite } from "../../../src/api/shared/run-suite.ts";
import type { Table } from "../../../src/api/table.ts";
import type { EngineColumn, OpenSession } from "../../../src/engine/core/contract.ts";
import { duckdbEngine } from "../../../src/engine/session/session.ts";
import { isVarveError } from "../../../src/errors.ts";
import { check, suite } from "../../../src/quality/suite/builder.ts";
import { schema } from "../../../src/schema/builder.ts";
import { sql } from "../../../src/sql/sql.ts";
import { fenceOf } from "../../support/fence-of.ts";
import { filesBelow, freshFolder } from "../table-folder.ts";

/** Arguments of the engine's inconsistent functions, where a call without any does not bind. */
const argumentsOf: Readonly<Record<string, string>> = {
  currval: "'s'",
  nextval: "'s'",
  error: "'x'",
  setseed: "0.5",
  sleep_ms: "0",
  stats: "id",
  write_log: "'x'",
  current_schemas: "true",
  in_search_path: "'a', 'b'",
};

/**
 * What the catalogue calls consistent, or says nothing of, and is not: macros, one arity of two, hidden time
 * and session.
 */
const hidden: readonly string[] = [
  "ago(INTERVAL 1 DAY)",
  "age(stamp)",
  "stamp.age()",
  "current_localtime()",
  "current_localtimestamp()",
  "current_user()",
  "session_user()",
  "user()",
  "current_role()",
  "current_catalog()",
  "pg_sleep(0)",
  "pg_conf_load_time()",
  "pg_postmaster_start_time()",
  "version()",
  "vector_type(id)",
  "current_setting('threads')",
  "getvariable('x')",
  "get_block_size('memory')",
  "json_serialize_plan('SELECT 1')",
  "list_aggregate([id], 'reservoir_quantile', 0.5)",
  "list_aggr([id], 'reservoir_' || 'quantile', 0.5)",
  "timezone('America/New_York', '12:00:00+00'::TIMETZ)",
  `timezone('America/New_York', from_json('"12:00:00+00"', '"TIMETZ"'))`,
  `timezone('America/New_York', json_transform('{"a":"12:00:00+00"}', '{"a":"T\\u0049ME WITH TIME ZONE"}').a)`,
  `timezone('America/New_York', from_json('"12:00:00+00"', '"TIM' || 'ETZ"'))`,
  `timezone('America/New_York', name.from_json('"TIMETZ"'))`,
];

/** Names that answer without parentheses, where no column is called so. */
const words: readonly string[] = [
  "current_user",
  "user",
  "session_user",
  "current_role",
  "current_date",
  "current_time",
  "current_timestamp",
  "localtime",
  "localtimestamp",
  "current_schema",
  "current_catalog",
];

const columns: readonly EngineColumn[] = [
  { name: "id", type: "BIGINT" },
  { name: "stamp", type: "TIMESTAMP" },
  { name: "name", type: "VARCHAR" },
];

/** A call spelt in every way that the grammar has. */
function spellings(call: string): string[] {
  const [, qualifier = "", name = call, rest = ""] = /^(\w+\.)?(\w+)(\(.*)?$/.exec(call) ?? [];
  const quoted = `${qualifier}"${name}"${rest}`;
  const plain = [
    call,
    call.replace(name, name.toUpperCase()),
    quoted,
    rest === "" ? `${name}/**/` : `${qualifier}${name}/**/ -- (\n ${rest}`,
  ];
  const qualified =
    rest === "" || qualifier !== "" ? [] : [`main.${call}`, `pg_catalog.${call}`, `system.main.${quoted}`];
  return [
    ...plain,
    ...qualified,
    `CASE WHEN id > 0 THEN ${call} END`,
    `coalesce(NULL, ${call})`,
    `list_transform([id], lambda x: ${call})[1]`,
    `list_filter([id], lambda x: ${quoted} IS NOT NULL)`,
    `{'a': ${quoted}}`,
    `[x for x in [id] if ${call} IS NOT NULL]`,
    `TRY(${call})`,
    `(SELECT ${call})`,
  ];
}

describe("an expression that may answer differently each time", () => {
  let session: OpenSession;

  beforeAll(async () => {
    session = await duckdbEngine.open({ threads: 1 });
    await session.execute(sql`CREATE SEQUENCE s`);
    await fenceOf(session)();
  });
  afterAll(() => session.close());

  it("is refused by name, however its function is spelt and wherever it stands", async () => {
    const rows = await session.rows(
      sql`SELECT DISTINCT function_name AS name FROM duckdb_functions() WHERE stability <> 'CONSISTENT' OR has_side_effects ORDER BY 1`,
    );
    const names = rows.map((row) => String(row["name"]));
    expect(names.length).toBeGreaterThan(20);
    const calls = [...names.map((name) => `${name}(${argumentsOf[name] ?? ""})`), ...hidden, ...words];
    const accepted: string[] = [];
    for (const text of calls.flatMap(spellings)) {
      const failure = await (await fenceOf(session)())
        .callerExpression(`(${text}) IS NOT NULL`, columns)
        .then(
          () => undefined,
          (error: unknown) => error,
        );
      if (!isVarveError(failure, "SQL_REFUSED"))
        accepted.push(`${text}: ${failure instanceof Error ? failure.message : "accepted"}`);
    }
    expect(accepted).toEqual([]);
  });
});

/** Texts that Spark and the engine read alike, so that they come to every door. */
const texts: readonly string[] = [
  "random() > 0.5",
  "RANDOM() > 0.5",
  "CASE WHEN id > 0 THEN random() > 0.5 ELSE true END",
  "now() > stamp",
  "current_localtimestamp() > stamp",
  "age(stamp) IS NOT NULL",
  "ago(INTERVAL 1 DAY) > stamp",
  "current_date > stamp",
  "current_date() > stamp",
  "current_timestamp > stamp",
  "current_user = name",
  "user = name",
  "uuid() = name",
  "(SELECT random()) > 0.5",
  "main.random() > 0.5",
  "system.main.random() > 0.5",
  "system.random() > 0.5",
  "pg_catalog.current_user() = name",
];

/** Texts of the engine's own grammar. */
const engineTexts: readonly string[] = [
  ...texts,
  "random/**/() > 0.5",
  '"random"() > 0.5',
  '"system"."main"."random"() > 0.5',
  "list_filter([1], lambda x: now() > stamp) = [1]",
];

const build = () => schema().long("id").timestampNtz("stamp").string("name");
const rows = Array.from({ length: 40 }, (_, id) => ({ id, stamp: "2024-01-01T00:00:00", name: `n${id}` }));

async function table(
  properties: Readonly<Record<string, string>> = {},
): Promise<{ readonly folder: string; readonly table: Table }> {
  const folder = join(freshFolder(), "t");
  return { folder, table: await createTable(folder, { schema: build(), properties }) };
}

interface Door {
  readonly door: string;
  readonly codes: readonly string[];
  /** The text is in the SQL that Spark writes into tables. */
  readonly spark?: true;
  /** Texts that have one answer a write here: a default may stand for the moment of the write. */
  readonly answered?: RegExp;
  /** Sends a text through the door, which writes to the folder if it is open. */
  readonly enter: (
    text: string,
  ) => Promise<{ readonly folder: string; readonly work: () => Promise<unknown> }>;
}

const suiteDoor = (checks: (text: string) => ReturnType<typeof check.sql>) => async (text: string) => {
  const made = await table();
  return { folder: made.folder, work: () => made.table.append(rows, { gate: suite("s", [checks(text)]) }) };
};

const doors: readonly Door[] = [
  {
    door: "a suite's check",
    codes: ["SUITE_INVALID"],
    enter: suiteDoor((text) => check.sql(text, { onFail: "quarantine" })),
  },
  {
    door: "a check's condition",
    codes: ["SUITE_INVALID"],
    enter: suiteDoor((text) => check.notNull("name", { onFail: "drop", where: text })),
  },
  {
    door: "a repair",
    codes: ["SUITE_INVALID"],
    enter: suiteDoor((text) =>
      check.between(
        "id",
        { min: 20 },
        { onFail: "repair", repair: { with: "sql", expression: `CASE WHEN ${text} THEN 20 END` } },
      ),
    ),
  },
  {
    door: "a suite that a table is to carry",
    codes: ["SUITE_INVALID"],
    enter: async (text) => {
      const made = await table();
      return {
        folder: made.folder,
        work: () => made.table.suite.set(suite("s", [check.sql(text, { onFail: "quarantine" })])),
      };
    },
  },
  {
    door: "a suite without a table",
    codes: ["SUITE_INVALID"],
    enter: async (text) => ({
      folder: freshFolder(),
      work: () => runSuite(suite("s", [check.sql(text)]), rows),
    }),
  },
  {
    door: "replaceWhere",
    codes: ["SQL_REFUSED"],
    enter: async (text) => {
      const made = await table();
      await made.table.append(rows);
      await made.table.settled();
      return { folder: made.folder, work: () => made.table.overwrite(rows, { replaceWhere: text }) };
    },
  },
  {
    door: "a constraint that is added",
    spark: true,
    codes: ["SQL_REFUSED", "UNSUPPORTED_FEATURE"],
    enter: async (text) => {
      const made = await table();
      return {
        folder: made.folder,
        work: () => made.table.alter({ addConstraints: { c: text }, upgradeProtocol: true }),
      };
    },
  },
  {
    door: "a constraint that another writer left",
    spark: true,
    codes: ["UNSUPPORTED_FEATURE"],
    enter: async (text) => {
      const { folder, table: made } = await table({ "delta.constraints.c": text });
      await made.close();
      return { folder, work: async () => (await openTable(folder)).append(rows) };
    },
  },
  {
    door: "a generated column",
    spark: true,
    codes: ["UNSUPPORTED_FEATURE"],
    enter: async (text) => {
      const folder = join(freshFolder(), "t");
      const made = await createTable(folder, { schema: build().boolean("g", { generatedAs: text }) });
      return { folder, work: () => made.append(rows) };
    },
  },
  {
    door: "a default",
    spark: true,
    answered: /now|current_date|current_timestamp/,
    codes: ["UNSUPPORTED_FEATURE"],
    enter: async (text) => {
      const folder = join(freshFolder(), "t");
      const constant = text
        .replace(/\bid\b/g, "1")
        .replace(/\bstamp\b/g, "TIMESTAMP_NTZ '2024-01-01 00:00:00'")
        .replace(/\bname\b/g, "'n'");
      const made = await createTable(folder, { schema: build().boolean("d", { default: constant }) });
      return { folder, work: () => made.append(rows) };
    },
  },
];

describe.each(doors)("$door", ({ codes, spark, answered, enter }) => {
  it("takes no SQL that answers differently each time, and nothing is written", async () => {
    for (const text of (spark === true ? texts : engineTexts).filter(
      (each) => answered?.test(each) !== true,
    )) {
      const { folder, work } = await enter(text);
      const before = filesBelow(folder);
      const failure = await work().then(
        () => "taken",
        (error: unknown) => (isVarveError(error) ? error.code : error),
      );
      expect({ text, failure }).toEqual({ text, failure: expect.toBeOneOf([...codes]) });
      expect(filesBelow(folder)).toEqual(before);
    }
  });
});
