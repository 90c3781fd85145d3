import type { Session, StagedRelation } from "../../engine/core/contract.ts";
import { Gate } from "../../quality/gate/gate.ts";
import { thisTable } from "../../quality/model/expectation.ts";
import type { Suite } from "../../quality/model/suite.ts";
import { type SqlSelect, sql } from "../../sql/sql.ts";
import { type WriteRules, writeRules } from "../../table/rules/write-rules.ts";
import type { ComparedTables } from "../plan/compared-tables.ts";
import { computedAnew, fittedRelation } from "./batch-rows.ts";
import type { FencedRows, FittedRows } from "./batch-stages.ts";
import { survivingRows } from "./removal.ts";

/**
 * Prepares a table's expressions and a suite's tests for a batch. From here on, the engine sees SQL that
 * varve did not write, and reads nothing except the batch's own files.
 *
 * @throws `SUITE_INVALID`, `SQL_REFUSED`, `SQL_FAILED`, `UNSUPPORTED_FEATURE` for an expression that varve cannot
 * evaluate as Spark would
 */
export async function fenceRows(fit: FittedRows): Promise<FencedRows> {
  const { plan, room, target, enforcement, fitting, source } = fit;
  const columns = enforcement.columns.filter(({ sql }) => sql !== undefined).map(({ field }) => field.name);
  const rules = await writeRules(room.fence, target.schema, target.requirements, {
    columns,
    now: target.context.world.now(),
  });
  const fitted = fittedRelation(fitting, enforcement, rules, target.schema);
  const tables = await comparedRows(fit, fitted);
  const suite = plan.tests?.suite;
  const gate = suite === undefined ? undefined : await openGate(fit, { suite, fitted, rules, tables });
  return {
    ...fit,
    rules,
    fitted,
    gate,
    comparesWithTable: tables[thisTable] !== undefined && plan.tests?.tables?.[thisTable] === undefined,
    sourceRows: source.rows ?? (await countRows(room.session, source.sql)),
  };
}

/** The tables that the tests compare with; the target table is without the rows that the write removes. */
async function comparedRows(fit: FittedRows, fitted: StagedRelation): Promise<ComparedTables> {
  const { [thisTable]: table, ...others } = fit.compared;
  if (table === undefined || fit.plan.tests?.tables?.[thisTable] !== undefined) return fit.compared;
  const left = await survivingRows(fit, table, fitted);
  return left === undefined ? others : { ...others, [thisTable]: left };
}

interface GateParts {
  readonly suite: Suite;
  readonly fitted: StagedRelation;
  readonly rules: WriteRules;
  readonly tables: ComparedTables;
}

function openGate(
  { plan, room, services, target, misfits }: FittedRows,
  { suite, fitted, rules, tables }: GateParts,
): Promise<Gate> {
  // Rows that were set aside before count in the share of bad rows, but the gate does not know of them.
  const gateSuite = plan.tests?.before === undefined ? suite : { ...suite, maxBadShare: 1 };
  return Gate.open(room.session, gateSuite, fitted, {
    now: target.context.world.now(),
    relations: tables,
    functions: plan.tests?.functions,
    history: services.history,
    baselines: services.baselines,
    setAside: misfits,
    afterRepair: rules.computed.size === 0 ? undefined : (batch) => computedAnew(batch, rules),
    fence: room.fence,
  });
}

async function countRows(session: Session, rows: SqlSelect): Promise<number> {
  const [row] = await session.rows(sql`SELECT count(*) AS n FROM (${rows})`);
  return Number(row?.["n"] ?? 0);
}
