import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { OpenSession, SourceRow } from "../../src/engine/core/contract.ts";
import { duckdbEngine } from "../../src/engine/session/session.ts";
import { isVarveError } from "../../src/errors.ts";
import { evaluateGate } from "../../src/quality/gate/gate.ts";
import type { CheckResult } from "../../src/quality/gate/verdict.ts";
import { defineSuite } from "../../src/quality/suite/define.ts";
import type { JsonObject, JsonValue } from "../../src/util/json.ts";
import { fenceOf } from "../support/fence-of.ts";
import { type ChecksCase, randomCase } from "./great-expectations-cases.ts";
import { checksPython } from "./python.ts";

/** Number of random cases, and the seed of the first: `VARVE_CHECKS_SEED` repeats one run. */
const number = 500;
const firstSeed = Number(process.env["VARVE_CHECKS_SEED"] ?? 13_000);

interface Answer {
  readonly refused?: string;
  readonly success?: boolean;
  readonly result?: JsonObject;
}

let session: OpenSession;
beforeAll(async () => {
  session = await duckdbEngine.open({ threads: 2 });
  await fenceOf(session)();
});
afterAll(() => session.close());

const engineTypes = { long: "BIGINT", double: "DOUBLE", string: "VARCHAR" } as const;

async function ours(item: ChecksCase): Promise<CheckResult | { readonly refused: string }> {
  const entries = Object.entries(item.columns);
  const rows = (entries[0]?.[1].values ?? []).map(
    (_, index): SourceRow =>
      Object.fromEntries(
        entries.map(([name, { type, values }]) => {
          const value = values[index] ?? null;
          return [name, type === "long" && typeof value === "number" ? BigInt(value) : value];
        }),
      ),
  );
  const columns = entries.map(([name, { type }]) => ({ name, type: engineTypes[type] }));
  const { type: kind, params, mostly, where } = item;
  try {
    const suite = defineSuite({ checks: [{ kind, params, mostly, where, onFail: "warn" }] });
    const staged = await session.stage({ kind: "rows", rows }, { columns });
    const { checks } = await evaluateGate(session, suite, staged, { now: 0, fence: fenceOf(session) });
    const [result] = checks;
    if (result === undefined) throw new Error("no result");
    return result;
  } catch (error) {
    if (isVarveError(error, "SUITE_INVALID")) return { refused: error.message };
    throw error;
  }
}

function theirs(cases: readonly ChecksCase[]): Answer[] {
  const script = join(import.meta.dirname, "peer", "great_expectations_checks.py");
  const { status, stdout, stderr } = spawnSync(checksPython(), [script], {
    input: JSON.stringify(cases.map(({ columns, type, kwargs }) => ({ columns, type, kwargs }))),
    encoding: "utf8",
    maxBuffer: 2 ** 28,
  });
  if (status !== 0) throw new Error(`Great Expectations ended with status ${status}:\n${stderr}`);
  return JSON.parse(stdout) as Answer[];
}

function isSame(a: JsonValue | undefined, b: JsonValue | undefined): boolean {
  if (typeof a === "number" && typeof b === "number")
    return a === b || Math.abs(a - b) <= Math.max(Math.abs(a), Math.abs(b)) * 1e-9;
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((item, index) => isSame(item, b[index]));
  if (typeof a === "object" && typeof b === "object" && a !== null && b !== null) {
    const [left, right] = [a as JsonObject, b as JsonObject];
    const names = Object.keys(left).sort();
    return (
      names.join("\n") === Object.keys(right).sort().join("\n") &&
      names.every((name) => isSame(left[name], right[name]))
    );
  }
  return (a ?? null) === (b ?? null);
}

/** What differs between the two answers without a reason that {@link choices} gives, one line a field. */
function differences(item: ChecksCase, mine: Awaited<ReturnType<typeof ours>>, other: Answer): string[] {
  if ("refused" in mine) {
    if (other.refused !== undefined || isImpossible(mine.refused, other)) return [];
    return [`refused here (${mine.refused}), success ${other.success} there`];
  }
  if (other.refused !== undefined)
    return isTheirFault(other.refused)
      ? []
      : [`success ${mine.success} here, refused there (${other.refused})`];
  const choice = choices.find(({ applies }) => applies(item, mine, other));
  const found: JsonObject = { ...(mine.result as JsonObject), success: mine.success };
  const expected: JsonObject = { ...other.result, success: other.success ?? null };
  const left = Object.entries(expected).flatMap(([name, value]) =>
    isSame(found[name], value) || choice?.fields.includes(name) === true
      ? []
      : [`${name} ${JSON.stringify(found[name])} here, ${JSON.stringify(value)} there`],
  );
  return [...left, ...(choice?.instead?.(item, mine, other) ?? [])];
}

/** Bounds that no measure can meet are refused when the suite is defined; there, they fail every batch. */
function isImpossible(message: string, { success }: Answer): boolean {
  return success === false && /can never be met/.test(message);
}

/** They could not write their own answer, for a NaN or an integer of pandas in it. */
function isTheirFault(message: string): boolean {
  return /is not JSON serializable|^Invalid result values were found/.test(message);
}

/** Differences that are meant (spec/quality.md), with what holds instead. */
interface Choice {
  readonly why: string;
  readonly applies: (item: ChecksCase, mine: CheckResult, other: Answer) => boolean;
  readonly fields: readonly string[];
  readonly instead?: (item: ChecksCase, mine: CheckResult, other: Answer) => string[];
}

const choices: readonly Choice[] = [
  {
    why: "a measure of nothing is unknown and fails its bounds; there, sums and shares of nothing are 0",
    applies: ({ type }, { observed }, { result }) =>
      /_(sum|proportion_of_unique_values)_/.test(type) &&
      observed === null &&
      result?.["observed_value"] === 0,
    fields: ["success", "observed_value"],
    instead: (_, { success }) => (success ? ["a measure of nothing passes here"] : []),
  },
  {
    why: "a range without bounds holds whatever is measured, nothing too; there, nothing is in no range",
    applies: ({ type, params }, { observed }) =>
      /quantile/.test(type) &&
      (observed as JsonValue[]).every((item) => item === null) &&
      isSame((params["value_ranges"] as JsonValue[])[0], [null, null]),
    fields: ["success"],
  },
  {
    why: "columns are listed in the table's order; there, sorted",
    applies: ({ type }) => type === "expect_table_columns_to_match_set",
    fields: ["observed_value"],
    instead: (_, { observed }, { result }) =>
      isSame([...(observed as string[])].sort(), result?.["observed_value"]) ? [] : ["other columns"],
  },
  {
    why: "index 0 is an index; there, it is none",
    applies: ({ type, params }) => type === "expect_column_to_exist" && params["column_index"] === 0,
    fields: ["success"],
    instead: ({ params }, { success }) =>
      success === (params["column"] === "n") ? [] : ["the index is not looked at here"],
  },
  {
    why: "the different values are observed, and missing rows counted; there, values besides and of the set",
    applies: ({ type }) => /distinct_values_to/.test(type),
    fields: ["observed_value", "missing_count", "unexpected_count", "partial_unexpected_list"],
    instead: distinctSets,
  },
];

function distinctSets({ params }: ChecksCase, { observed }: CheckResult, { result = {} }: Answer): string[] {
  const [seen, set] = [new Set(observed as JsonValue[]), new Set(params["value_set"] as JsonValue[])];
  const [besides, lacking] = [
    [...seen].filter((value) => !set.has(value)),
    [...set].filter((value) => !seen.has(value)),
  ];
  return [
    ...(result["unexpected_count"] === undefined || result["unexpected_count"] === besides.length
      ? []
      : [
          `values besides the set ${JSON.stringify(besides)} here, ${String(result["unexpected_count"])} there`,
        ]),
    ...(result["missing_count"] === undefined || result["missing_count"] === lacking.length
      ? []
      : [`values that lack ${JSON.stringify(lacking)} here, ${String(result["missing_count"])} there`]),
  ];
}

test(`${number} random checks from seed ${firstSeed} answer as Great Expectations does`, async () => {
  console.log(`checks against Great Expectations: seeds ${firstSeed} to ${firstSeed + number - 1}`);
  const cases = Array.from({ length: number }, (_, index) => randomCase(firstSeed + index));
  const answers = theirs(cases);
  const unexplained: string[] = [];
  let failed = 0;
  for (const [index, item] of cases.entries()) {
    const mine = await ours(item);
    if ("success" in mine && !mine.success) failed++;
    for (const line of differences(item, mine, answers[index] ?? {}))
      unexplained.push(`seed ${item.seed}: ${item.type} ${JSON.stringify(item.kwargs)}: ${line}`);
  }
  expect(unexplained).toEqual([]);
  expect(failed).toBeGreaterThan(100);
});
