import type { Session, StagedRelation } from "../../engine/core/contract.ts";
import { shownColumns, shownValue } from "../../engine/core/shown-value.ts";
import { VarveError } from "../../errors.ts";
import { Gate } from "../../quality/gate/gate.ts";
import type { GateOutcome } from "../../quality/gate/verdict.ts";
import { summarizeVerdict } from "../../quality/gate/verdict.ts";
import { thisTable } from "../../quality/model/expectation.ts";
import type { Suite } from "../../quality/model/suite.ts";
import { foldName } from "../../schema/schema-json.ts";
import { pathText } from "../../schema/type-names.ts";
import { sql } from "../../sql/sql.ts";
import { quoteName } from "../../sql/sql-text.ts";
import { type WriteRules, writeRules } from "../../table/rules/write-rules.ts";
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
  changingRows,
  imagesSql,
} from "./new-images.ts";
import type { Assignment, RewritePlan } from "./rewrite-plan.ts";

/** The new values of an update, checked against their columns, with what the table computes and requires. */
export interface NewValues {
  /** The rows of all files that hold rows to change. */
  readonly rows: ChangingRows;
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
  const rows = await changingRows(room, plan, matches, matches.files);
  const { partitionColumns } = target.metadata;
  await requireTranslated(room.session, rows, set);
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
  return { rows, assigned, rules };
}

/**
 * Looks for a row whose new value cannot be computed, or is none of its column.
 *
 * @throws `SCHEMA_MISMATCH` with column, value and row
 */
async function requireTranslated(
  session: Session,
  { scan, schema, condition }: ChangingRows,
  set: readonly Assignment[],
): Promise<void> {
  const risky = set.flatMap(({ path, value }) =>
    typeof value === "string" || value.fails === undefined ? [] : [{ path, value, fails: value.fails }],
  );
  if (risky.length === 0) return;
  const columns = schema.fields.map(({ name }) => quoteName(name));
  const rows = sql`FROM (SELECT ${columns} FROM (${scan}) WHERE ${condition})`;
  const questions = risky.map(({ fails }, index) => sql`bool_or(${fails}) AS c${index}`);
  const [answer] = await session.rows(sql`SELECT ${questions} ${rows}`);
  const first = risky.find((_, index) => answer?.[`c${index}`] === true);
  if (first === undefined) return;
  const { path, value, fails } = first;
  const shown = sql`SELECT ${shownColumns(value.shown)}, CAST(rows AS VARCHAR) AS row ${rows} AS rows WHERE ${fails} LIMIT 1`;
  const [match] = await session.rows(shown);
  const text = shownValue(match) ?? "null";
  const row = typeof match?.["row"] === "string" ? match["row"].slice(0, 500) : "";
  throw new VarveError(
    "SCHEMA_MISMATCH",
    `Column ${pathText(path)} is a ${value.expected}, and cannot take the ${value.found} value ${text}, or it cannot be computed, in the row ${row}. Nothing was written. Correct the value, or cast it with try_cast.`,
    { column: [...path], expected: value.expected, found: text },
  );
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
  { values, compared }: { readonly values: NewValues; readonly compared: ComparedTables },
  services: StageServices,
): Promise<GateOutcome | undefined> {
  const { tests, target } = plan;
  if (tests === undefined) return undefined;
  const { rows } = values;
  const columns = rows.schema.fields.map(({ name }) => quoteName(name));
  const images = imagesSql(rows, values.assigned, values.rules);
  const select = sql`SELECT ${columns} FROM (${images}) WHERE ${rows.names.matched}`;
  const batch = await room.session.stage({
    kind: "relation",
    relation: { sql: select, columns: await room.session.describe(select) },
  });
  const { [thisTable]: table, ...others } = compared;
  const relations = table === undefined ? others : { ...others, [thisTable]: unmatched(table, rows) };
  const gate = await Gate.open(room.session, tests.suite, batch, {
    now: target.context.world.now(),
    relations,
    functions: tests.functions,
    history: services.history,
    baselines: services.baselines,
    fence: room.fence,
  });
  const verdict = await gate.verdict();
  requireAccepted(verdict);
  if (!verdict.untouched) throw changesRows(tests.suite, verdict);
  return verdict;
}

/** The rows of the table that the update leaves as they are. */
function unmatched(table: StagedRelation, { scan, schema, condition, chosen }: ChangingRows): StagedRelation {
  if (chosen === undefined) return rowsWhere(table, sql`NOT ${condition}`);
  // Which rows were chosen is known by their places, which are no part of the table's rows.
  const columns = schema.fields.map(({ name }) => quoteName(name));
  const select = sql`SELECT ${columns} FROM (${table.sql}) EXCEPT ALL SELECT ${columns} FROM (${scan}) WHERE ${condition}`;
  return { ...table, sql: select, positionedSql: select };
}

function changesRows({ name }: Suite, verdict: GateOutcome): VarveError {
  const failed = verdict.checks.filter(({ success }) => !success).map(({ id }) => id);
  return new VarveError(
    "BATCH_REJECTED",
    `The gate ${name} would set aside, drop, tag or repair rows of the update, which can only be accepted or rejected as a whole: ${failed.join(", ") || "a check changes values"}. Nothing was written. Narrow the condition, or correct the values.`,
    { reasons: failed, gate: summarizeVerdict(verdict) },
  );
}
