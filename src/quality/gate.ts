import type { EngineColumn, Session, StagedRelation } from "../engine/contract.ts";
import { columnsOfRelation } from "./column.ts";
import { duckdbDialect } from "./dialect-duckdb.ts";
import { errorsSql, tagsSql } from "./errors-list.ts";
import { thisTable } from "./expectation.ts";
import type { GateContext, SetAside } from "./gate-context.ts";
import { type Counted, countRows, resolveRounds } from "./gate-counts.ts";
import { checkedExpressions } from "./gate-expressions.ts";
import { groupMasks } from "./gate-groups.ts";
import { repairRows } from "./gate-repair.ts";
import { type Split, sampleRows } from "./gate-samples.ts";
import { invalidSuite } from "./invalid.ts";
import { anyFails, type Mask, maskedSource, positionOf } from "./masks.ts";
import { type PlannedCheck, planSuite } from "./plan.ts";
import type { OnFail, Suite } from "./suite.ts";
import type { CheckResult, GateVerdict } from "./verdict.ts";

/**
 * Tests a staged batch with a suite before anything is committed.
 *
 * One pass counts what every check says; groups are looked at by key first; only where rows fail are they looked at again.
 * Tables of the session hold the failing keys that the verdict's SQL refers to.
 *
 * @throws `SUITE_INVALID` where the suite does not fit the batch's columns, `SQL_REFUSED` or `SQL_FAILED` for its SQL.
 */
export async function evaluateGate(session: Session, suite: Suite, staged: StagedRelation, context: GateContext): Promise<GateVerdict> {
  const columns = columnsOfRelation(staged.columns);
  const expressions = await checkedExpressions(session, suite, staged.columns, context.fence);
  const planned = [...planSuite(suite, { columns, dialect: duckdbDialect, now: context.now, expressions }), ...(context.extra ?? [])];
  refuseMissingRelations(planned, context);
  const functions = { ...suite.functions, ...context.functions };
  const repaired = await repairRows(session, planned, staged, { columns, expressions, functions });
  const batch = repaired.counts.size === 0 ? repaired.staged : (context.afterRepair?.(repaired.staged) ?? repaired.staged);
  const resolved = await resolveRounds(session, repaired.planned, batch);
  const masks = await groupMasks(session, resolved, batch, { functions, relation: (name) => context.relations?.[name]?.sql });
  const counted = await countRows(session, resolved, masks, batch, { columns, repairs: repaired.counts, ...context });
  const reacted = masks
    .map((mask) => ({ mask, result: counted.results.get(mask.planned.check.id) }))
    .filter(({ result }) => (result?.unexpected ?? 0) > 0);
  const split = await sampleRows(session, batch, reacted, counted.rows);
  const verdict = verdictOf(suite, batch, counted, split, masksBy(reacted), repaired.counts.size > 0);
  return withBadShare(suite, context.setAside === undefined ? verdict : withSetAside(verdict, context.setAside, batch.columns));
}

type Reacted = readonly { readonly mask: Mask; readonly result: CheckResult | undefined }[];

function masksBy(reacted: Reacted): (...reactions: readonly OnFail[]) => Mask[] {
  return (...reactions) =>
    reacted.flatMap(({ mask, result }) => (result !== undefined && reactions.includes(result.reaction) ? [mask] : []));
}

function refuseMissingRelations(planned: readonly PlannedCheck[], context: GateContext): void {
  for (const { check, plan } of planned) {
    if (plan.kind !== "keys" && plan.kind !== "query") continue;
    for (const name of plan.tables ?? []) {
      if (name !== thisTable && context.relations?.[name] === undefined) {
        throw invalidSuite(
          `${check.path}.params.table`,
          `no table is given under the name "${name}"`,
          "Bind the name to a table when you run the suite",
        );
      }
    }
  }
}

function verdictOf(
  suite: Suite,
  batch: StagedRelation,
  counted: Counted,
  split: Split,
  masks: ReturnType<typeof masksBy>,
  repaired: boolean,
): GateVerdict {
  const checks = [...counted.results.values()].map((result) => ({ ...result, sample: split.samples.get(result.id) ?? [] }));
  const bad = split.quarantined + split.dropped;
  const reasons = checks.filter((check) => check.reaction === "reject" && !check.success).map(rejection);
  const tagging = suite.checks.some((check) => check.onFail === "tag");
  const disposing = masks("quarantine", "drop");
  const quarantining = masks("quarantine");
  const tags = masks("tag");
  const failing = masks("quarantine", "drop", "reject", "warn", "tag", "repair");
  const names = batch.columns.map((column) => duckdbDialect.identifier(column.name)).join(", ");
  const position = positionOf(batch);
  const tag = tagging
    ? `, ${tags.length === 0 ? "CAST(NULL AS VARCHAR[])" : tagsSql(tags)} AS ${duckdbDialect.identifier(suite.tagColumn)}`
    : "";
  const untouched = disposing.length === 0 && !tagging && !repaired;
  const cleanSql =
    disposing.length === 0 && !tagging
      ? batch.sql
      : `SELECT ${names}${tag} FROM ${maskedSource(batch, [...disposing, ...tags])} WHERE NOT ${anyFails(disposing)}`;
  const results = new Map(checks.map((check) => [check.id, check]));
  return {
    suite: { name: suite.name, fingerprint: suite.fingerprint },
    accepted: reasons.length === 0,
    reasons,
    rows: counted.rows,
    clean: counted.rows - bad,
    quarantined: split.quarantined,
    dropped: split.dropped,
    tagged: split.tagged,
    checks,
    cleanSql,
    untouched,
    tagColumn: tagging ? suite.tagColumn : null,
    quarantineSql:
      split.quarantined === 0
        ? null
        : `SELECT ${position.file} AS file, ${position.row} AS row, ${errorsSql(failing, results)} AS errors, ${names} FROM ${maskedSource(batch, failing)} WHERE ${anyFails(quarantining)}`,
  };
}

/** Rejects a batch with too many bad rows. */
function withBadShare(suite: Suite, verdict: GateVerdict): GateVerdict {
  const bad = verdict.quarantined + verdict.dropped;
  if (verdict.rows === 0 || bad / verdict.rows <= suite.maxBadShare) return verdict;
  const reason = `${bad} of ${verdict.rows} rows are bad, more than the allowed share of ${suite.maxBadShare}`;
  return { ...verdict, accepted: false, reasons: [...verdict.reasons, reason] };
}

function withSetAside(verdict: GateVerdict, { rows, sql, checks }: SetAside, columns: readonly EngineColumn[]): GateVerdict {
  const nothing = columns.map(({ name, type }) => `, CAST(NULL AS ${type}) AS ${duckdbDialect.identifier(name)}`).join("");
  const others = verdict.quarantineSql === null ? "" : ` UNION ALL SELECT * FROM (${verdict.quarantineSql})`;
  return {
    ...verdict,
    rows: verdict.rows + rows,
    quarantined: verdict.quarantined + rows,
    checks: [...checks, ...verdict.checks],
    quarantineSql: `SELECT file, row, errors${nothing} FROM (${sql})${others}`,
  };
}

function rejection(check: CheckResult): string {
  if (check.unexpected === null)
    return `${check.id}: ${check.message}; found ${JSON.stringify(check.observed, (_, value) => (typeof value === "bigint" ? value.toString() : value))}`;
  return `${check.id}: ${check.message}; ${check.unexpected} of ${check.considered} rows fail`;
}
