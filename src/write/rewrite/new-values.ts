import { VarveError } from "../../errors.ts";
import { Gate } from "../../quality/gate/gate.ts";
import type { GateOutcome } from "../../quality/gate/verdict.ts";
import { summarizeVerdict } from "../../quality/gate/verdict.ts";
import { thisTable } from "../../quality/model/expectation.ts";
import type { Suite } from "../../quality/model/suite.ts";
import { foldName } from "../../schema/schema-json.ts";
import { sql } from "../../sql/sql.ts";
import { quoteName } from "../../sql/sql-text.ts";
import { type WriteRules, writeRules } from "../../table/rules/write-rules.ts";
import { planFiles } from "../../table/scan/scan.ts";
import type { ComparedTables } from "../plan/compared-tables.ts";
import { checkSource } from "../stages/batch-checks.ts";
import { requireAccepted } from "../stages/judge-rows.ts";
import { rowsWhere } from "../stages/remove-partitions.ts";
import type { StageServices, WriteRoom } from "../stages/write-room.ts";
import type { MatchedRows } from "./matched-rows.ts";
import {
  type AssignedValues,
  assignedRows,
  assignedValues,
  type ChangingRows,
  imagesSql,
  ownNames,
} from "./new-images.ts";
import type { Assignment, RewritePlan } from "./rewrite-plan.ts";

/** The new values of an update, checked against their columns, with what the table computes and requires. */
export interface NewValues {
  readonly assigned: AssignedValues;
  readonly rules: WriteRules;
}

/**
 * Binds and checks the new values of an update.
 *
 * @throws `SCHEMA_MISMATCH` with column, value and row; `SQL_FAILED`, `SQL_REFUSED`, `UNSUPPORTED_FEATURE`
 */
export async function newValues(
  room: WriteRoom,
  plan: RewritePlan,
  matches: MatchedRows,
  set: readonly Assignment[],
): Promise<NewValues> {
  const { target, snapshot } = plan;
  const { schema } = snapshot;
  const rows = await updatedRows(room, plan, matches);
  const { partitionColumns } = target.metadata;
  const assigned = await assignedValues(await room.fence(), rows, set, partitionColumns);
  const given = new Set(set.map(({ path }) => foldName(path[0] ?? "")));
  const generated = new Set(target.requirements.generated.map(({ column }) => foldName(column[0] ?? "")));
  const columns = schema.fields
    .map(({ name }) => name)
    .filter((name) => given.has(foldName(name)) || !generated.has(foldName(name)));
  const rules = await writeRules(room.fence, target.schema, target.requirements, {
    columns,
    now: target.context.world.now(),
  });
  if (assigned.enforcement.checks.length > 0) {
    const values = await assignedRows(room.session, rows, assigned);
    await checkSource(room.session, values, assigned.enforcement, partitionColumns);
  }
  return { assigned, rules };
}

/**
 * Tests the new rows of an update, which is accepted or rejected as a whole: the old rows are the table's own,
 * so nothing of them can be set aside.
 *
 * @throws `BATCH_REJECTED`
 */
export async function judgeNewRows(
  room: WriteRoom,
  plan: RewritePlan,
  matches: MatchedRows,
  { values, compared }: { readonly values: NewValues; readonly compared: ComparedTables },
  services: StageServices,
): Promise<GateOutcome | undefined> {
  const { tests, target } = plan;
  if (tests === undefined) return undefined;
  const rows = await updatedRows(room, plan, matches);
  const columns = rows.schema.fields.map(({ name }) => quoteName(name));
  const images = imagesSql(rows, values.assigned, values.rules);
  const select = sql`SELECT ${columns} FROM (${images}) WHERE ${rows.names.matched}`;
  const batch = await room.session.stage({
    kind: "relation",
    relation: { sql: select, columns: await room.session.describe(select) },
  });
  const { [thisTable]: table, ...others } = compared;
  const relations =
    table === undefined
      ? others
      : { ...others, [thisTable]: rowsWhere(table, sql`NOT ${matches.condition}`) };
  const gate = await Gate.open(room.session, tests.suite, batch, {
    now: target.context.world.now(),
    relations,
    functions: tests.functions,
    history: services.history,
    fence: room.fence,
  });
  const verdict = await gate.verdict();
  requireAccepted(verdict);
  if (!verdict.untouched) throw changesRows(tests.suite, verdict);
  return verdict;
}

function changesRows({ name }: Suite, verdict: GateOutcome): VarveError {
  const failed = verdict.checks.filter(({ success }) => !success).map(({ id }) => id);
  return new VarveError(
    "BATCH_REJECTED",
    `The gate ${name} would set aside, drop, tag or repair rows of the update, which can only be accepted or rejected as a whole: ${failed.join(", ") || "a check changes values"}. Nothing was written. Narrow the condition, or correct the values.`,
    { reasons: failed, gate: summarizeVerdict(verdict) },
  );
}

async function updatedRows(
  { session }: WriteRoom,
  { snapshot }: RewritePlan,
  { condition, files }: MatchedRows,
): Promise<ChangingRows> {
  const { schema } = snapshot;
  const adds = files.map(({ add }) => add);
  const scan = await planFiles(session, snapshot, adds, { typedVariants: true });
  return { scan: scan.sql, schema, names: ownNames(schema), condition, readsIds: false };
}
