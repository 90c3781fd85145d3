import type { EngineRow, Session, StagedRelation } from "../../engine/core/contract.ts";
import { joinSql, type SqlExpression, type SqlName, sql } from "../../sql/sql.ts";
import { plainName } from "../../sql/sql-text.ts";
import { appendAll } from "../../util/append-all.ts";
import type { JsonObject, JsonValue } from "../../util/json.ts";
import type { SuiteColumn } from "../model/column.ts";
import { duckdbDialect } from "../model/dialect-duckdb.ts";
import { type AggregateValues, type Judgement, toNumber } from "../model/expectation.ts";
import type { Check, OnFail } from "../model/suite.ts";
import { findColumn, type PlannedCheck } from "../suite/plan.ts";
import type { GateContext } from "./gate-context.ts";
import { driftJudgements } from "./gate-drift.ts";
import { scopedRows } from "./gate-groups.ts";
import { modelJudgement } from "./gate-models.ts";
import { type Mask, maskedSource } from "./masks.ts";
import { resultOfMeasure, resultOfRows } from "./result-object.ts";
import type { CheckResult } from "./verdict.ts";

/** Results of all checks, without the failing rows. */
export interface Counted {
  readonly rows: number;
  readonly results: ReadonlyMap<string, CheckResult>;
  /** Checks whose {@link Mask.toProve} was not true, so that their results are not valid. */
  readonly unproven?: ReadonlySet<string> | undefined;
}

/**
 * Computes the scalars that some checks need before they can be planned, in one pass per round for all of
 * them together.
 */
export async function resolveRounds(
  session: Session,
  planned: readonly PlannedCheck[],
  staged: StagedRelation,
): Promise<readonly PlannedCheck[]> {
  let current = planned;
  while (current.some(({ plan }) => plan.kind === "rounds")) {
    const columns = current.flatMap((check, index) =>
      check.plan.kind === "rounds" ? selectAggregates(check, check.plan.aggregates, index) : [],
    );
    const [row] = await session.rows(
      sql`SELECT ${joinSql(columns)} FROM (${staged.positionedSql}) AS staged`,
    );
    current = current.map((check, index) => {
      if (check.plan.kind !== "rounds") return check;
      return { ...check, plan: check.plan.next(valuesOf(row, Object.keys(check.plan.aggregates), index)) };
    });
  }
  return current;
}

/** What counting needs in addition to the checks. */
export interface CountContext extends GateContext {
  readonly columns: readonly SuiteColumn[];
  readonly repairs: ReadonlyMap<string, number>;
}

interface JudgedContext extends CountContext {
  /** The metrics of all checks of history. */
  readonly metrics: readonly string[];
  /** Of the checks of drift, by id. */
  readonly drift: ReadonlyMap<string, Judgement>;
}

/**
 * Counts everything that can be counted in one pass, runs the few checks that need a query of their own, and
 * judges.
 */
export async function countRows(
  session: Session,
  planned: readonly PlannedCheck[],
  masks: readonly Mask[],
  staged: StagedRelation,
  context: CountContext,
): Promise<Counted> {
  const row = await mainPass(session, planned, masks, staged, context.columns);
  const rows = toNumber(row["n"]) ?? 0;
  const results = new Map<string, CheckResult>();
  const metrics = planned.flatMap(({ plan }) => (plan.kind === "history" ? [plan.metric] : []));
  const drift = await driftJudgements(session, planned, staged, context);
  for (const [index, check] of planned.entries()) {
    const mask = masks.find((candidate) => candidate.planned.check.id === check.check.id);
    const repaired = context.repairs.get(check.check.id) ?? 0;
    const result =
      mask === undefined
        ? aggregateResult(
            check,
            await judged(session, check, index, row, staged, { ...context, metrics, drift }),
            elementsOf(check, index, row, rows),
          )
        : rowResult(mask, { ...countsOf(mask, masks.indexOf(mask), row, rows), repaired });
    results.set(check.check.id, result);
  }
  const unproven = masks.filter(
    (mask, index) => mask.toProve !== undefined && row[`m${index}_proven`] !== true,
  );
  return { rows, results, unproven: new Set(unproven.map((mask) => mask.planned.check.id)) };
}

async function mainPass(
  session: Session,
  planned: readonly PlannedCheck[],
  masks: readonly Mask[],
  staged: StagedRelation,
  suiteColumns: readonly SuiteColumn[],
): Promise<EngineRow> {
  const columns = [sql`count(*) AS n`];
  const outer = [sql`*`];
  for (const [index, mask] of masks.entries()) {
    if (mask.considered !== undefined)
      columns.push(
        sql`${mask.consideredColumn === undefined ? sql`count_if(${mask.considered})` : sql`count(${mask.consideredColumn})`} AS m${index}_considered`,
      );
    if (mask.scoped !== undefined) columns.push(sql`count_if(${mask.scoped}) AS m${index}_scoped`);
    const failing =
      mask.presentColumn === undefined
        ? sql`count_if(${mask.countedFail})`
        : sql`count(*) - count(${mask.presentColumn})`;
    if (mask.known === undefined) columns.push(sql`${failing} AS m${index}_fail`);
    if (mask.toProve !== undefined) columns.push(sql`${mask.toProve.sql} AS m${index}_proven`);
  }
  for (const [index, check] of planned.entries()) {
    const { plan } = check;
    appendAll(columns, selectAggregates(check, elementAggregates(check, suiteColumns), index));
    if (plan.kind !== "aggregate" && plan.kind !== "history") continue;
    appendAll(columns, selectAggregates(check, plan.aggregates, index));
    const conditions =
      plan.kind === "aggregate" ? plan.conditions?.((name) => aliasOf(index, name)) : undefined;
    for (const [name, condition] of Object.entries(conditions ?? {}))
      outer.push(sql`${condition} AS ${aliasOf(index, name)}`);
  }
  // only what the counts themselves read is joined; failing keys and positions are already counted
  const joined = masks.filter(
    (mask) =>
      mask.known === undefined || mask.joins.some(({ table }) => mask.considered?.includes(table) === true),
  );
  const inner = sql`SELECT ${columns} FROM ${maskedSource(staged, joined)}`;
  const [row] = await session.rows(sql`SELECT ${outer} FROM (${inner})`);
  return row ?? {};
}

function selectAggregates(
  check: PlannedCheck,
  aggregates: Readonly<Record<string, SqlExpression>>,
  index: number,
): SqlExpression[] {
  return Object.entries(aggregates).map(
    ([name, aggregate]) => sql`${duckdbDialect.filtered(aggregate, check.scope)} AS ${aliasOf(index, name)}`,
  );
}

/** Aggregates that count the rows that an aggregate check measures, and its column's values among them. */
function elementAggregates(
  { check, expectation, plan, scope }: PlannedCheck,
  columns: readonly SuiteColumn[],
): Readonly<Record<string, SqlExpression>> {
  if (expectation.level !== "aggregate" || plan.kind === "schema") return {};
  const { column: name } = check.params;
  const column = typeof name === "string" ? findColumn(name, columns, duckdbDialect) : undefined;
  return {
    ...(scope === undefined ? {} : { elements: sql`count(*)` }),
    ...(column === undefined ? {} : { valued: sql`count(${column.sql})` }),
  };
}

/** What {@link elementAggregates} counted. */
function elementsOf({ plan, scope }: PlannedCheck, index: number, row: EngineRow, rows: number): Elements {
  if (plan.kind === "schema") return {};
  return {
    elements: scope === undefined ? rows : (toNumber(row[aliasOf(index, "elements")]) ?? 0),
    present: toNumber(row[aliasOf(index, "valued")]) ?? undefined,
  };
}

/** The result's column of a check's aggregate. */
function aliasOf(index: number, name: string): SqlName {
  return plainName(`a${index}_${name}`);
}

function valuesOf(row: EngineRow | undefined, names: readonly string[], index: number): AggregateValues {
  return Object.fromEntries(names.map((name) => [name, row?.[aliasOf(index, name)] ?? null]));
}

async function judged(
  session: Session,
  check: PlannedCheck,
  index: number,
  row: EngineRow,
  staged: StagedRelation,
  context: JudgedContext,
): Promise<Judgement> {
  const { plan } = check;
  switch (plan.kind) {
    case "aggregate":
      return plan.judge(
        valuesOf(
          row,
          [
            ...Object.keys(plan.aggregates),
            ...Object.keys(plan.conditions?.((name) => plainName(name)) ?? {}),
          ],
          index,
        ),
      );
    case "history": {
      const current = plan.value(valuesOf(row, Object.keys(plan.aggregates), index));
      return plan.judge(current, (await context.history?.(plan.metric, context.metrics)) ?? []);
    }
    case "query":
      return plan.judge(
        await session.rows(
          plan.query(scopedRows(staged, check.scope), (name) => context.relations?.[name]?.sql),
        ),
      );
    case "schema":
      return plan.judge(context.columns);
    case "drift": {
      const judgement = context.drift.get(check.check.id);
      if (judgement === undefined)
        throw new Error("varve internal error: a check of drift without a judgement. Please report this.");
      return judgement;
    }
    case "model":
      return modelJudgement(session, check, plan, staged, context);
    default:
      throw new Error(`varve internal error: ${plan.kind} checks are counted by their masks`);
  }
}

function columnsOf(check: Check): string[] {
  const single = ["column", "column_A", "column_B"].flatMap((name) =>
    typeof check.params[name] === "string" ? [check.params[name]] : [],
  );
  const lists = ["column_list", "key_columns", "compare_columns"].flatMap((name) => {
    const value: JsonValue | undefined = check.params[name];
    return Array.isArray(value) ? value.map(String) : [];
  });
  return [...single, ...lists];
}

function common(check: PlannedCheck, details: JsonObject | undefined) {
  return {
    id: check.check.id,
    kind: check.check.kind,
    level: check.expectation.level,
    message: check.check.description ?? check.expectation.message(check.check.params),
    columns: columnsOf(check.check),
    severity: check.check.severity,
    onFail: check.check.onFail,
    sample: [],
    fingerprint: check.check.fingerprint,
    details,
  };
}

/** How many rows an aggregate check measures, and in how many of them its column has a value. */
export interface Elements {
  readonly elements?: number | undefined;
  readonly present?: number | undefined;
}

function aggregateResult(
  check: PlannedCheck,
  judgement: Judgement,
  { elements, present }: Elements,
): CheckResult {
  return {
    ...common(check, judgement.details),
    reaction: check.check.onFail,
    success: judgement.success,
    considered: null,
    unexpected: null,
    repaired: 0,
    observed: judgement.observed,
    result: resultOfMeasure(judgement.observedValue ?? judgement.observed, elements, present),
  };
}

/** Numbers of rows from a row check. */
export interface RowCounts {
  /** Rows that `where` selects. */
  readonly elements: number;
  readonly considered: number;
  readonly unexpected: number;
  readonly repaired: number;
}

function countsOf(mask: Mask, index: number, row: EngineRow, rows: number): Omit<RowCounts, "repaired"> {
  const considered = mask.considered === undefined ? rows : (toNumber(row[`m${index}_considered`]) ?? 0);
  const scoped = mask.planned.scope === undefined ? rows : considered;
  return {
    elements: mask.scoped === undefined ? scoped : (toNumber(row[`m${index}_scoped`]) ?? 0),
    considered,
    unexpected: mask.known ?? toNumber(row[`m${index}_fail`]) ?? 0,
  };
}

/** Result of a row check, from the numbers of considered and of failing rows. */
export function rowResult(
  mask: Mask,
  { elements, considered, unexpected, repaired }: RowCounts,
): CheckResult {
  const { check, expectation } = mask.planned;
  // counts are compared instead of 1 − share, which binary fractions get wrong at the boundary
  const enough = considered === 0 || (considered - unexpected) / considered >= check.mostly;
  const reaction = reactionOf(check, considered, unexpected);
  // a share that escalates a milder reaction to a rejection rejects, whatever `mostly` allows
  const success = enough && !(reaction === "reject" && reaction !== usualReaction(check));
  const observed = considered === 0 ? null : (considered - unexpected) / considered;
  return {
    ...common(mask.planned, undefined),
    reaction,
    success,
    considered,
    unexpected,
    repaired,
    observed,
    result: resultOfRows({
      elements,
      considered,
      unexpected,
      testsNulls: expectation.testsNulls === true,
    }),
  };
}

function usualReaction(check: Check): OnFail {
  return check.onFail === "repair" ? (check.repair?.otherwise ?? "reject") : check.onFail;
}

function reactionOf(check: Check, considered: number, unexpected: number): OnFail {
  const onFail = usualReaction(check);
  if (check.escalate === undefined || considered === 0) return onFail;
  return unexpected / considered > check.escalate.above ? check.escalate.to : onFail;
}
