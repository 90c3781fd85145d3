import { assertInternal, VarveError } from "../../errors.ts";
import { badShareReason } from "../../quality/gate/bad-share.ts";
import { type GateOutcome, summarizeVerdict } from "../../quality/gate/verdict.ts";
import type { Suite } from "../../quality/model/suite.ts";
import { counted } from "../../util/counted.ts";
import type { RowsBefore } from "../plan/write-plan.ts";
import { checkRules } from "./batch-checks.ts";
import { writtenRows } from "./batch-rows.ts";
import type { FencedRows, JudgedRows } from "./batch-stages.ts";
import { beginPhase } from "./write-room.ts";

/** Runs all tests of a batch. A rejection is returned like any other verdict. */
export async function judgeRows(fenced: FencedRows): Promise<JudgedRows> {
  if (fenced.gate === undefined)
    return { ...fenced, clean: writtenRows(fenced.fitted, fenced.rules, undefined) };
  beginPhase(fenced.services, "checking");
  const verdict = await fenced.gate.verdict();
  return { ...fenced, verdict, clean: writtenRows(fenced.fitted, fenced.rules, verdict) };
}

/** Throws if the tests rejected a batch. @throws `BATCH_REJECTED` */
export function requireAccepted(verdict: GateOutcome | undefined): void {
  if (verdict === undefined || verdict.accepted) return;
  const [first, ...more] = verdict.reasons;
  const others = more.length === 0 ? "" : ` (and ${more.length} more)`;
  throw new VarveError(
    "BATCH_REJECTED",
    `The gate ${verdict.suite.name} rejected the batch: ${first ?? "no reason given"}${others}. Nothing was written.`,
    { reasons: [...verdict.reasons], gate: summarizeVerdict(verdict) },
  );
}

/**
 * Tests the clean rows against the table's rules. @throws `CONSTRAINT_VIOLATED` naming the first row that
 * breaks one
 */
export async function requireRules({ room, rules, clean }: JudgedRows): Promise<void> {
  if (rules.rows.length > 0) await checkRules(room.session, rules.rows, clean);
}

/** The verdict on the whole batch: that on the source's rows, plus the rows that were set aside before. */
export function withRowsBefore(
  verdict: GateOutcome,
  before: RowsBefore | undefined,
  suite: Suite,
): GateOutcome {
  if (before === undefined) return verdict;
  const [rows, quarantined] = [verdict.rows + before.rows, verdict.quarantined + before.rows];
  const bad = quarantined + verdict.dropped;
  assertInternal(
    rows === verdict.clean + bad,
    "a batch's rows are not its clean, quarantined and dropped ones",
  );
  const whole = { ...verdict, rows, quarantined, checks: [...before.checks, ...verdict.checks] };
  const badShare = badShareReason(suite, whole);
  const reasons = [
    ...verdict.reasons,
    ...(suite.onMisfit === "quarantine"
      ? []
      : [
          `${counted(before.rows, "row")} ${before.rows === 1 ? "does" : "do"} not fit the table's schema, and no test sets such rows aside any more`,
        ]),
    ...(badShare === undefined ? [] : [badShare]),
  ];
  return { ...whole, reasons, accepted: reasons.length === 0 };
}
