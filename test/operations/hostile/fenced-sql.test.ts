import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { createTable } from "../../../src/api/create-table.ts";
import type { Engine, Session } from "../../../src/engine/core/contract.ts";
import type { LogSnapshot } from "../../../src/log/contract.ts";
import { openLog } from "../../../src/log/snapshot/open-log.ts";
import { alterTable } from "../../../src/operations/alter/alter.ts";
import { setSuite } from "../../../src/operations/alter/set-suite.ts";
import { append } from "../../../src/operations/append.ts";
import { checkSuite } from "../../../src/operations/check.ts";
import { overwrite } from "../../../src/operations/overwrite.ts";
import { check, suite } from "../../../src/quality/suite/builder.ts";
import { resubmit } from "../../../src/quarantine/resubmit.ts";
import { schema } from "../../../src/schema/builder.ts";
import { sql } from "../../../src/sql/sql.ts";
import { auditStaged } from "../../../src/staging/audit-staged.ts";
import { stageBatch } from "../../../src/staging/stage.ts";
import { openContext } from "../../../src/table/definition/open-context.ts";
import { unchecked } from "../../support/unchecked-sql.ts";
import { freshFolder } from "../table-folder.ts";

/** A number that rules of tables hold, and with them the engine's SQL that they are translated to. */
const marker = "4242";

/**
 * An engine that tries to read, and to write, a file of no table whenever somebody's SQL is to be evaluated
 * in a session: what the check of the text lets by must meet the fence.
 */
function probingEngine(engine: Engine, secret: string, answers: string[]): Engine {
  const tried = (work: Promise<unknown>): Promise<string> =>
    work.then(
      () => "it was let in",
      (error: unknown) => String(error),
    );
  const probed = <S extends Session>(session: S): S =>
    new Proxy(session, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== "function") return value;
        const probe = async () => {
          answers.push(await tried(target.rows(unchecked(`SELECT * FROM read_text('${secret}')`))));
          answers.push(await tried(target.execute(unchecked(`COPY (SELECT 1) TO '${secret}.csv'`))));
          answers.push(await tried(target.execute(sql`SET enable_external_access = true`)));
        };
        return (...args: unknown[]) => {
          const call = () => Reflect.apply(value, target, args);
          if (name === "fence") return call().then(probed);
          const bears =
            name === "callerExpression" ||
            inspect(args, { depth: 8, maxStringLength: null }).includes(marker);
          return bears ? probe().then(call) : call();
        };
      },
    });
  return { open: async (options) => probed(await engine.open(options)) };
}

const rows = [
  { id: 1, amount: 1, part: "a" },
  { id: 2, amount: 2, part: "b" },
];
const sqlSuite = suite("sql", [check.sql("amount >= 0", { id: "sql", onFail: "quarantine" })]);
const scoped = suite("scoped", [check.between("amount", { min: 0 }, { where: "part = 'a'" })]);
const unique = suite("unique", [check.unique("id", { acrossTable: true })]);

type Work = (snapshot: LogSnapshot, engine: Engine) => Promise<unknown>;
interface Case {
  readonly properties?: Readonly<Record<string, string>>;
  readonly generated?: boolean;
  readonly work: Work;
}

const cases: Readonly<Record<string, Case>> = {
  "a CHECK constraint": {
    properties: { "delta.constraints.c": `amount >= -${marker}` },
    work: (snapshot) => append(snapshot, rows),
  },
  "a generated column": { generated: true, work: (snapshot) => append(snapshot, rows) },
  "a constraint, in an overwrite": {
    properties: { "delta.constraints.c": `amount >= -${marker}` },
    work: (snapshot) => overwrite(snapshot, rows),
  },
  "a check of a gate": { work: (snapshot) => append(snapshot, rows, { gate: sqlSuite }) },
  "the condition of a check": { work: (snapshot) => append(snapshot, rows, { gate: scoped }) },
  "a repair": {
    work: (snapshot) =>
      append(snapshot, [{ ...rows[0], amount: -1 }], {
        gate: {
          name: "repair",
          checks: [
            {
              kind: "expect_column_values_to_be_between",
              params: { column: "amount", min_value: 0 },
              onFail: "repair",
              repair: { with: "sql", expression: "abs(amount)" },
            },
          ],
        },
      }),
  },
  replaceWhere: {
    work: (snapshot) =>
      overwrite(snapshot, [{ id: 3, amount: 1, part: "a" }], { replaceWhere: "part = 'a'" }),
  },
  "replaceWhere beside a gate that compares with the table": {
    work: (snapshot) =>
      overwrite(snapshot, [{ id: 3, amount: 1, part: "a" }], { replaceWhere: "part = 'a'", gate: unique }),
  },
  "a suite's run over files": { work: (_, engine) => checkSuite(engine, sqlSuite, rows, { name: "rows" }) },
  "an audit of staged rows": {
    work: async (snapshot) => auditStaged(snapshot, await stageBatch(snapshot, rows), { gate: sqlSuite }),
  },
  "a resubmission": {
    work: async (snapshot) => {
      await append(snapshot, [{ id: 9, amount: null, part: "a" }], {
        gate: suite("s", [check.notNull("amount", { onFail: "quarantine" })]),
      });
      return resubmit(await openLog(snapshot.context), { gate: sqlSuite });
    },
  },
  "a constraint that is added to rows": {
    work: (snapshot) =>
      alterTable(snapshot, { addConstraints: { positive: `amount >= -${marker}` }, upgradeProtocol: true }),
  },
  "a suite that the table is to carry": { work: (snapshot) => setSuite(snapshot, sqlSuite) },
};

describe("SQL of a table or caller is evaluated behind a fence", () => {
  it.each(Object.keys(cases))("%s", async (name) => {
    const {
      properties = {},
      generated = false,
      work,
    } = cases[name] ?? { work: () => Promise.reject(new Error(name)) };
    const folder = freshFolder();
    const secret = join(folder, "secret.txt");
    writeFileSync(secret, "hunter2");
    const columns = schema().long("id").double("amount").string("part");
    const table = await createTable(join(folder, "t"), {
      schema: generated ? columns.double("twice", { generatedAs: `amount * ${marker}` }) : columns,
      properties,
    });
    await table.close();
    const answers: string[] = [];
    const context = await openContext(join(folder, "t"));
    const probing = probingEngine(await context.engine(), secret, answers);
    await work(await openLog({ ...context, engine: async () => probing }), probing);
    expect(answers.length, "somebody's SQL was evaluated").toBeGreaterThan(0);
    for (const [at, answer] of answers.entries()) {
      expect(answer).toMatch(
        at % 3 === 2 ? /configuration has been locked/ : /Permission Error|disabled by configuration/,
      );
    }
  });
});
