import type { Session } from "../engine/core/contract.ts";
import { VarveError } from "../errors.ts";
import type { LogSnapshot } from "../log/contract.ts";
import { thisTable } from "../quality/model/expectation.ts";
import type { CheckJson, OnFail, Suite, SuiteJson } from "../quality/model/suite.ts";
import { carriedSuite, joinSuites } from "../quality/suite/carried.ts";
import { defineSuite, expectationOf } from "../quality/suite/define.ts";
import { suiteNeeds } from "../quality/suite/needs.ts";
import { type SqlExpression, sql } from "../sql/sql.ts";
import { quoteText } from "../sql/sql-text.ts";
import type { ScanRelation } from "../table/scan/scan.ts";
import { optionText } from "../util/option-text.ts";
import { ownMember } from "../util/own-member.ts";
import type { GateOptions } from "../write/plan/write-options.ts";
import { keptSuite } from "./intake/kept-suites.ts";
import { quarantineNames, quarantineOf } from "./intake/quarantine-table.ts";
import { withQuarantine } from "./quarantine-read.ts";

/** What a caller says of the tests of a resubmission. */
export interface TestChoice {
  /**
   * The tests that rows must pass now; default: those that the table carries, and those of the writer that the
   * rows were set aside with.
   */
  readonly gate?: SuiteJson | Suite | undefined;
  readonly gateOptions?: GateOptions | undefined;
  /** Rows are not tested: they only have to fit the table. */
  readonly untested?: boolean | undefined;
}

/** Quarantined rows that are tested together. */
export interface TestGroup {
  /** A condition over the quarantine's rows. */
  readonly where: SqlExpression;
  /** The checks that name rows, each of which keeps failing rows out; `undefined` without tests. */
  readonly suite: Suite | undefined;
  /** Why the rows cannot be tested. */
  readonly problem?: VarveError | undefined;
}

/** The groups of the rows that meet a condition, with the tests that hold at a version of the table. */
export type ResubmissionTests = (now: LogSnapshot, condition: SqlExpression) => Promise<readonly TestGroup[]>;

/**
 * The tests that a caller chose for quarantined rows.
 *
 * Tests given by the caller replace all others, and so does their absence. Else each row is tested by the suite
 * that the table carries now and by that of its writer, which the quarantine keeps. A test of uniqueness that
 * rows failed compares them with the table's rows too, where the others of their batch are.
 *
 * @throws `SUITE_INVALID` for a malformed `gate`
 */
export function resubmissionTests({ gate, gateOptions, untested }: TestChoice): ResubmissionTests {
  if (untested === true) return async () => [{ where: sql`true`, suite: undefined }];
  if (gate === undefined) return (now, condition) => keptTests(now, condition, gateOptions);
  const given = defineSuite(gate);
  return async (now, condition) => [
    { where: sql`true`, suite: rowSuite(given, await failedChecks(now, condition)) },
  ];
}

/** Quarantined rows that were set aside by the same suites, oldest first. */
interface SetAsideGroup {
  /**
   * The fingerprint of the writer's suite; empty if the table's alone set the rows aside; null for rows of
   * versions that kept none.
   */
  readonly writer: string | null;
  /** Fingerprints of all tests together, the table's and the writer's. */
  readonly fingerprints: readonly string[];
  readonly batches: readonly string[];
  /** Ids of the checks that rows failed when they were last tested. */
  readonly failed: ReadonlySet<string>;
}

async function keptTests(
  now: LogSnapshot,
  condition: SqlExpression,
  gateOptions: GateOptions | undefined,
): Promise<readonly TestGroup[]> {
  const groups = await setAsideGroups(now, condition);
  const carried = carriedSuite(now.metadata.configuration);
  return Promise.all(
    groups.map(async (group) => {
      const { writerSuite, suiteFingerprint } = quarantineNames;
      const where =
        group.writer === null
          ? sql`(${writerSuite} IS NULL AND ${suiteFingerprint} IS NOT DISTINCT FROM ${quoteText(carried?.fingerprint ?? "")})`
          : sql`(${writerSuite} = ${quoteText(group.writer)})`;
      const whole = await suiteOf(now, group, carried);
      if (whole === undefined) return { where, suite: undefined, problem: notKept(group) };
      const suite = rowSuite(whole, group.failed);
      return { where, suite, problem: missingNeeds(group, suite, gateOptions) };
    }),
  );
}

async function setAsideGroups(now: LogSnapshot, condition: SqlExpression): Promise<readonly SetAsideGroup[]> {
  const { writerSuite, suiteFingerprint, batch, quarantinedAt } = quarantineNames;
  const grouped = (session: Session, stored: ScanRelation) =>
    session.rows(
      sql`SELECT ${writerSuite} AS writer, to_json(list(DISTINCT coalesce(${suiteFingerprint}, ''))) AS fingerprints, to_json(list(DISTINCT ${batch})) AS batches, ${failedSql} AS failed FROM (${stored.sql}) WHERE ${condition} GROUP BY ALL ORDER BY min(${quarantinedAt}), writer`,
    );
  const rows = (await withQuarantine(now.context, grouped)) ?? [];
  return rows.map((row) => ({
    writer: row["writer"] === null ? null : String(row["writer"]),
    fingerprints: textList(row["fingerprints"]),
    batches: textList(row["batches"]).sort(),
    failed: new Set(textList(row["failed"])),
  }));
}

/** Ids of the checks that rows failed, as JSON. */
const failedSql = sql`to_json(list_distinct(flatten(list(list_transform(errors, lambda e: struct_extract(e, 'check_id'))))))`;

async function failedChecks(now: LogSnapshot, condition: SqlExpression): Promise<ReadonlySet<string>> {
  const [row] =
    (await withQuarantine(now.context, (session, stored) =>
      session.rows(sql`SELECT ${failedSql} AS failed FROM (${stored.sql}) WHERE ${condition}`),
    )) ?? [];
  return new Set(textList(row?.["failed"] ?? "[]"));
}

function textList(json: unknown): string[] {
  return (JSON.parse(String(json ?? "[]")) as readonly unknown[]).map(String);
}

/** The tests of a group of rows; `undefined` if they are not known, or there are none. */
async function suiteOf(
  now: LogSnapshot,
  { writer, fingerprints }: SetAsideGroup,
  carried: Suite | undefined,
): Promise<Suite | undefined> {
  if (writer === null)
    return fingerprints.every((fingerprint) => fingerprint === carried?.fingerprint) ? carried : undefined;
  if (writer === "") return carried;
  const kept = await keptSuite(quarantineOf(now.context), writer);
  return kept === undefined ? undefined : joinSuites(carried, kept);
}

function notKept({ writer, batches }: SetAsideGroup): VarveError {
  const why =
    writer === ""
      ? "were set aside by the table's suite, which the table no longer carries"
      : "were set aside by tests that are not kept in the quarantine";
  return new VarveError(
    "QUARANTINE_INVALID",
    `Rows of ${namesOf(batches)} ${why}. Give the tests that they must pass now (gate; --suite on the command line), or insist on appending them without tests (untested; --untested). None of them was appended.`,
    { batches: [...batches] },
  );
}

/** What the tests of a group call that JSON does not hold and the caller did not give. */
function missingNeeds(
  { batches }: SetAsideGroup,
  suite: Suite,
  { functions = {}, tables = {} }: GateOptions = {},
): VarveError | undefined {
  const needs = suiteNeeds(suite);
  const calls = needs.functions.filter((name) => ownMember(functions, name) === undefined);
  const compared = needs.relations.filter(
    (name) => name !== thisTable && ownMember(tables, name) === undefined,
  );
  if (calls.length + compared.length === 0) return undefined;
  const what = [
    ...(calls.length === 0 ? [] : [`call TypeScript functions (${calls.join(", ")})`]),
    ...(compared.length === 0 ? [] : [`compare with other tables (${compared.join(", ")})`]),
  ].join(" and ");
  return new VarveError(
    "QUARANTINE_INVALID",
    `The tests that set rows of ${namesOf(batches)} aside ${what}, which the quarantine cannot keep. Give them in gateOptions, give other tests with ${optionText("gate")}, or insist on appending the rows without tests by ${optionText("untested")}. None of them was appended.`,
    { batches: [...batches], functions: calls, tables: compared },
  );
}

function namesOf(batches: readonly string[]): string {
  const names = batches.slice(0, 3).join(", ");
  const more = batches.length > 3 ? ` and ${batches.length - 3} more` : "";
  return `${batches.length === 1 ? "batch" : "batches"} ${names}${more}`;
}

/**
 * The suite's checks that name rows; all that would keep a row out reject it. @param failed checks that compare
 * with the table, where they can
 */
function rowSuite(suite: Suite, failed: ReadonlySet<string>): Suite {
  return withReaction(suite, "reject", failed);
}

/** A suite of checks that name rows, in which all that would keep a row out set it aside. */
export function settingAside(suite: Suite): Suite {
  return withReaction(suite, "quarantine", new Set());
}

function withReaction(suite: Suite, reaction: "quarantine" | "reject", failed: ReadonlySet<string>): Suite {
  const replaced = (onFail: OnFail | undefined): OnFail =>
    onFail === "warn" || onFail === "tag" || onFail === "repair" ? onFail : reaction;
  const checks = suite.json.checks.flatMap((json, index): CheckJson[] => {
    const check = suite.checks[index];
    if (check === undefined || expectationOf(check).level === "aggregate") return [];
    const { escalate: _, mostly: __, ...rest } = json;
    const onFail = replaced(json.onFail);
    const isCompared = failed.has(check.id) && expectationOf(check).params["across_table"] !== undefined;
    return [
      {
        ...rest,
        params: isCompared ? { ...json.params, across_table: true } : json.params,
        id: check.id,
        onFail,
        repair: json.repair === undefined ? undefined : { ...json.repair, otherwise: reaction },
      },
    ];
  });
  return defineSuite({ ...suite.json, maxBadShare: 1, onMisfit: "reject", checks }, suite.functions);
}
