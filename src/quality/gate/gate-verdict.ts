import type { EngineColumn, StagedRelation } from "../../engine/core/contract.ts";
import { joinSql, sql } from "../../sql/sql.ts";
import { columnType, quoteName } from "../../sql/sql-text.ts";
import { failingOf } from "../../util/counted.ts";
import { duckdbDialect } from "../model/dialect-duckdb.ts";
import { joinPlaces } from "../model/places.ts";
import type { OnFail, Suite } from "../model/suite.ts";
import { badShareReason } from "./bad-share.ts";
import { errorsSql, tagsSql } from "./errors-list.ts";
import type { SetAside } from "./gate-context.ts";
import type { Counted } from "./gate-counts.ts";
import type { Reacted, Split } from "./gate-samples.ts";
import { anyFails, type Mask, maskedSource, positionOf } from "./masks.ts";
import { observedText } from "./observed-text.ts";
import { withUnexpectedList } from "./result-object.ts";
import type { CheckResult, GateOutcome } from "./verdict.ts";

/** The parts of a verdict. */
export interface Findings {
  readonly counted: Counted;
  readonly reacted: readonly Reacted[];
  readonly split: Split;
  /** Whether values were replaced before the tests. */
  readonly repaired: boolean;
  readonly setAside: SetAside | undefined;
}

/** Makes the verdict on a batch from its parts. */
export function verdictOf(suite: Suite, batch: StagedRelation, findings: Findings): GateOutcome {
  const verdict = verdictOfRows(suite, batch, findings);
  const { setAside } = findings;
  return withBadShare(
    suite,
    setAside === undefined ? verdict : withSetAside(verdict, setAside, batch.columns),
  );
}

function verdictOfRows(
  suite: Suite,
  batch: StagedRelation,
  { counted, reacted, split, repaired }: Findings,
): GateOutcome {
  const masks = (...reactions: readonly OnFail[]): Mask[] =>
    reacted.filter(({ result }) => reactions.includes(result.reaction)).map(({ mask }) => mask);
  const checks = [...counted.results.values()].map((counts) => {
    const sample = split.samples.get(counts.id) ?? [];
    return { ...counts, result: withUnexpectedList(counts.kind, counts.result, sample), sample };
  });
  const bad = split.quarantined + split.dropped;
  const reasons = checks.filter((check) => check.reaction === "reject" && !check.success).map(rejection);
  const tagging = suite.checks.some((check) => check.onFail === "tag");
  const disposing = masks("quarantine", "drop");
  const quarantining = masks("quarantine");
  const tags = masks("tag");
  const failing = reacted.map(({ mask }) => mask);
  const names = joinSql(batch.columns.map((column) => duckdbDialect.identifier(column.name)));
  const position = positionOf(batch);
  const tag = tagging
    ? sql`, ${tags.length === 0 ? sql`CAST(NULL AS VARCHAR[])` : tagsSql(tags)} AS ${duckdbDialect.identifier(suite.tagColumn)}`
    : sql``;
  const untouched = disposing.length === 0 && !tagging && !repaired;
  const cleanSql =
    disposing.length === 0 && !tagging
      ? batch.sql
      : sql`SELECT ${names}${tag} FROM ${maskedSource(batch, [...disposing, ...tags])} WHERE NOT ${anyFails(disposing)}`;
  const results = new Map(checks.map((check) => [check.id, check]));
  return {
    suite: { name: suite.name, fingerprint: suite.fingerprint },
    accepted: reasons.length === 0,
    reasons,
    rows: counted.rows,
    clean: counted.rows - bad,
    quarantined: split.quarantined,
    dropped: split.dropped,
    aside: split.aside,
    tagged: split.tagged,
    checks,
    cleanSql,
    untouched,
    tagColumn: tagging ? suite.tagColumn : null,
    disposedSql:
      disposing.length === 0
        ? null
        : sql`SELECT ${position.file} AS file, ${position.row} AS row FROM ${maskedSource(batch, disposing)} WHERE ${anyFails(disposing)}`,
    quarantineSql:
      split.quarantined === 0
        ? null
        : sql`SELECT ${position.file} AS file, ${position.row} AS row, ${errorsSql(failing, results)} AS errors, ${names} FROM ${maskedSource(batch, failing)} WHERE ${anyFails(quarantining)}`,
  };
}

/** Rejects a batch with too many bad rows. */
function withBadShare(suite: Suite, verdict: GateOutcome): GateOutcome {
  const reason = badShareReason(suite, verdict);
  if (reason === undefined) return verdict;
  return { ...verdict, accepted: false, reasons: [...verdict.reasons, reason] };
}

function withSetAside(
  verdict: GateOutcome,
  { rows, places, sql: select, checks }: SetAside,
  columns: readonly EngineColumn[],
): GateOutcome {
  const nothing = joinSql(
    columns.map(({ name, type }) => sql`, CAST(NULL AS ${columnType(type)}) AS ${quoteName(name)}`),
    sql``,
  );
  const others =
    verdict.quarantineSql === null ? sql`` : sql` UNION ALL SELECT * FROM (${verdict.quarantineSql})`;
  return {
    ...verdict,
    rows: verdict.rows + rows,
    quarantined: verdict.quarantined + rows,
    aside: joinPlaces(verdict.aside, places),
    checks: [...checks, ...verdict.checks],
    quarantineSql: sql`SELECT file, row, errors${nothing} FROM (${select})${others}`,
  };
}

function rejection(check: CheckResult): string {
  const told = check.details?.["text"];
  if (typeof told === "string") return `${check.id}: ${check.message}; ${told.replace(/\.$/, "")}`;
  if (check.unexpected === null)
    return `${check.id}: ${check.message}; found ${observedText(check.observed)}`;
  return `${check.id}: ${check.message}; ${failingOf(check.unexpected, check.considered ?? 0)}`;
}
