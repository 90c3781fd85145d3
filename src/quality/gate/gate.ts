import type { Session, StagedRelation } from "../../engine/core/contract.ts";
import { VarveError } from "../../errors.ts";
import type { SqlExpression } from "../../sql/sql.ts";
import { columnsOfRelation, type SuiteColumn } from "../model/column.ts";
import { duckdbDialect } from "../model/dialect-duckdb.ts";
import { thisTable } from "../model/expectation.ts";
import { invalidSuite } from "../model/invalid.ts";
import type { Check, Suite } from "../model/suite.ts";
import { type PlannedCheck, planSuite } from "../suite/plan.ts";
import { refuseReference } from "../suite/reference.ts";
import type { GateContext } from "./gate-context.ts";
import { type CountContext, type Counted, countRows, resolveRounds } from "./gate-counts.ts";
import { checkedExpressions } from "./gate-expressions.ts";
import { answerFromExtremes, type ExtremesAnswer, type WrittenStatistics } from "./gate-extremes.ts";
import { groupMasks, isOutOfRange } from "./gate-groups.ts";
import { guardConditions, isGuardable, passedResults } from "./gate-guard.ts";
import { type Repaired, repairRows } from "./gate-repair.ts";
import { sampleRows } from "./gate-samples.ts";
import { verdictOf } from "./gate-verdict.ts";
import { type Mask, rowMask } from "./masks.ts";
import type { CheckResult, GateOutcome } from "./verdict.ts";

/**
 * Tests a staged batch with a suite before anything is committed.
 *
 * One pass counts the results of all checks, after groups were compared by key; rows are read again only if
 * some fail. Tables of the session hold the failing keys that the verdict's SQL refers to.
 *
 * @throws `SUITE_INVALID` if the suite does not fit the batch's columns, `SQL_REFUSED` or `SQL_FAILED` for
 * its SQL
 */
export async function evaluateGate(
  session: Session,
  suite: Suite,
  staged: StagedRelation,
  context: GateContext,
): Promise<GateOutcome> {
  const gate = await Gate.open(session, suite, staged, context);
  return gate.verdict();
}

interface GateParts {
  readonly session: Session;
  readonly suite: Suite;
  readonly context: GateContext;
  readonly columns: readonly SuiteColumn[];
  readonly repaired: Repaired;
  readonly planned: readonly PlannedCheck[];
}

/** A suite prepared for one batch. */
export class Gate {
  readonly #parts: GateParts;
  readonly #guarded: readonly Mask[];

  private constructor(parts: GateParts) {
    this.#parts = parts;
    const masks = this.takesWhole ? parts.planned.flatMap((check) => rowMask(check) ?? []) : [];
    this.#guarded = masks.filter((mask) => isGuardable(mask, parts.repaired.staged.columns));
  }

  /** Plans the checks and repairs values. @throws as {@link evaluateGate} */
  static async open(
    session: Session,
    suite: Suite,
    staged: StagedRelation,
    context: GateContext,
  ): Promise<Gate> {
    const columns = columnsOfRelation(staged.columns);
    const expressions = await checkedExpressions(session, suite, staged.columns, context.fence);
    const suitePlan = planSuite(suite, { columns, dialect: duckdbDialect, now: context.now, expressions });
    const all = [...suitePlan, ...(context.extra ?? [])];
    refuseMissingRelations(all, context);
    const functions = { ...suite.functions, ...context.functions };
    const replaced = await repairRows(session, all, staged, { columns, expressions, functions });
    const recomputed = replaced.counts.size === 0 ? undefined : context.afterRepair?.(replaced.staged);
    const repaired = recomputed === undefined ? replaced : { ...replaced, staged: recomputed };
    const planned = await resolveRounds(session, repaired.planned, repaired.staged);
    return new Gate({ session, suite, context, columns, repaired, planned });
  }

  /**
   * Whether the batch can only be accepted unchanged or rejected as a whole, because its checks only warn or
   * reject. Then it may be written before the verdict.
   */
  get takesWhole(): boolean {
    const { suite, context } = this.#parts;
    return (
      context.setAside === undefined &&
      (context.extra ?? []).length === 0 &&
      suite.checks.every(setsNothingAside)
    );
  }

  /**
   * Conditions over the batch's columns that no row may meet; empty unless the gate {@link Gate.takesWhole}.
   * The scan that writes the rows can test them, and then call {@link Gate.verdictOfWritten}.
   */
  get guard(): readonly SqlExpression[] {
    return guardConditions(this.#guarded);
  }

  /** Runs all tests. */
  async verdict(): Promise<GateOutcome> {
    return this.#conclude(await this.#count(this.#parts.planned));
  }

  /**
   * Runs the tests that are not in the {@link Gate.guard}, which no row failed; tests that the written files'
   * own statistics answer cost nothing. Returns `undefined` if the source has other rows by now, so that all
   * tests must be run.
   *
   * @throws `SOURCE_UNREADABLE` if wrong statistics of a source file have falsified a test
   */
  async verdictOfWritten(statistics: WrittenStatistics): Promise<GateOutcome | undefined> {
    const { planned, repaired, session } = this.#parts;
    const passed = await passedResults(this.#guarded, repaired.staged.columns, statistics);
    confirm(passed, passed.results);
    const others = planned.filter(({ check }) => !passed.results.has(check.id));
    const answered = await answerFromExtremes(
      session,
      others,
      repaired.staged,
      statistics,
      this.#countContext,
    );
    const counted = await this.#count(others.filter(({ check }) => !answered.results.has(check.id)));
    if (counted.rows !== statistics.rows) return undefined;
    confirm(answered, counted.results);
    const results = planned.flatMap(({ check: { id } }) => {
      const result = passed.results.get(id) ?? answered.results.get(id) ?? counted.results.get(id);
      return result === undefined ? [] : [[id, result] as const];
    });
    return this.#conclude({ ...counted, results: new Map(results) });
  }

  /**
   * Compares a verdict with the written files' statistics, once its clean rows are in them. @throws as
   * {@link Gate.verdictOfWritten}
   */
  async confirm(verdict: GateOutcome, statistics: WrittenStatistics): Promise<void> {
    const { planned, repaired, session } = this.#parts;
    const answered = await answerFromExtremes(
      session,
      planned,
      repaired.staged,
      statistics,
      this.#countContext,
    );
    confirm(answered, new Map(verdict.checks.map((check) => [check.id, check])));
  }

  get #countContext(): CountContext {
    const { context, columns, repaired } = this.#parts;
    return { columns, repairs: repaired.counts, ...context };
  }

  async #count(planned: readonly PlannedCheck[], proveByCounting = true): Promise<CountedMasks> {
    const { session, suite, context, repaired } = this.#parts;
    const functions = { ...suite.functions, ...context.functions };
    const relation = (name: string) => context.relations?.[name]?.sql;
    const masks = await groupMasks(session, planned, repaired.staged, {
      functions,
      relation,
      proveByCounting,
    });
    const toProve = masks.some((mask) => mask.toProve !== undefined);
    const counted = await countRows(session, planned, masks, repaired.staged, this.#countContext).catch(
      (error: unknown) => {
        if (toProve && isOutOfRange(error)) return undefined;
        throw error;
      },
    );
    if (counted === undefined) return this.#count(planned, false);
    const unproven = planned.filter(({ check }) => counted.unproven?.has(check.id) === true);
    if (unproven.length === 0) return { ...counted, masks };
    const again = await this.#count(unproven, false);
    const recounted = new Map(again.masks.map((mask) => [mask.planned, mask]));
    return {
      rows: counted.rows,
      results: new Map([...counted.results, ...again.results]),
      masks: masks.map((mask) => recounted.get(mask.planned) ?? mask),
    };
  }

  /** Reads the failing rows again, and makes the verdict on the batch. */
  async #conclude(counted: CountedMasks): Promise<GateOutcome> {
    const { session, suite, context, repaired } = this.#parts;
    const reacted = counted.masks.flatMap((mask) => {
      const result = counted.results.get(mask.planned.check.id);
      return result !== undefined && (result.unexpected ?? 0) > 0 ? [{ mask, result }] : [];
    });
    const split = await sampleRows(session, repaired.staged, reacted, counted.rows);
    const findings = {
      counted,
      reacted,
      split,
      repaired: repaired.counts.size > 0,
      setAside: context.setAside,
    };
    return verdictOf(suite, repaired.staged, findings);
  }
}

interface CountedMasks extends Counted {
  readonly masks: readonly Mask[];
}

/**
 * @throws `SOURCE_UNREADABLE` for checks that every row passed although the same rows fail them as written
 */
function confirm({ refuted }: ExtremesAnswer, results: ReadonlyMap<string, CheckResult>): void {
  const misled = [...refuted].filter((id) => results.get(id)?.unexpected === 0);
  if (misled.length === 0) return;
  throw new VarveError(
    "SOURCE_UNREADABLE",
    `The statistics in the source's Parquet files are wrong: by them all rows pass ${misled.join(", ")}, but the values fail. Rewrite the files. Nothing was committed.`,
    { checks: misled },
  );
}

function setsNothingAside({ onFail, escalate }: Check): boolean {
  return [onFail, escalate?.to].every(
    (reaction) => reaction === undefined || reaction === "reject" || reaction === "warn",
  );
}

function refuseMissingRelations(planned: readonly PlannedCheck[], context: GateContext): void {
  for (const { check, plan } of planned) {
    if (plan.kind !== "keys" && plan.kind !== "query") continue;
    if (plan.refers !== undefined)
      refuseReference(check, plan.refers, context.relations?.[plan.refers.table]?.columns);
    for (const name of plan.tables ?? []) {
      if (name !== thisTable && context.relations?.[name] === undefined) {
        throw invalidSuite(
          `${check.path}.params.table`,
          `unknown table "${name}"`,
          "Bind the name to a table when you run the suite",
        );
      }
    }
  }
}
