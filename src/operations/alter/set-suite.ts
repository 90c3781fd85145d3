import { engineColumns } from "../../dialects/engine-types.ts";
import type { FencedSession } from "../../engine/core/contract.ts";
import { lazyFence } from "../../engine/fence/lazy-fence.ts";
import { assertInternal, isVarveError, VarveError } from "../../errors.ts";
import type { LogSnapshot } from "../../log/contract.ts";
import type { MetadataAction, ProtocolAction } from "../../protocol/actions.ts";
import { constraintPrefix, suiteConstraintPrefix } from "../../protocol/constraint-names.ts";
import { requireWritable } from "../../protocol/obstacles.ts";
import { checkedExpressions } from "../../quality/gate/gate-expressions.ts";
import { columnsOfSchema } from "../../quality/model/column.ts";
import { duckdbDialect } from "../../quality/model/dialect-duckdb.ts";
import type { Suite, SuiteJson } from "../../quality/model/suite.ts";
import { carriedSuite, suiteProperty, suiteText } from "../../quality/suite/carried.ts";
import { type CheckConstraint, suiteConstraints } from "../../quality/suite/constraints.ts";
import { defineSuite } from "../../quality/suite/define.ts";
import { planSuite } from "../../quality/suite/plan.ts";
import type { StructType } from "../../schema/types.ts";
import { type SqlExpression, type SqlSelect, sql } from "../../sql/sql.ts";
import { type MaintenanceOutcome, maintainLog } from "../../table/commit/log-maintenance.ts";
import { commitChange } from "../../table/commit/table-change.ts";
import { missingFeatures, protocolWith } from "../../table/definition/table-definition.ts";
import { conditionSql, translateCondition } from "../../table/rules/write-rules.ts";
import { planScan } from "../../table/scan/scan.ts";
import { counted } from "../../util/counted.ts";
import { optionText } from "../../util/option-text.ts";

export interface SetSuiteOptions {
  /**
   * Also register row checks as Delta CHECK constraints, so that other engines refuse bad rows; needs the
   * table feature `checkConstraints`.
   */
  readonly registerConstraints?: boolean | undefined;
  /**
   * Add the table feature that constraints need to the protocol; default: refuse, because older writers lose
   * access to the table.
   */
  readonly upgradeProtocol?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Result of setting or removing a table's suite. */
export interface SetSuiteResult {
  readonly version: number;
  /** Checks that are now CHECK constraints. */
  readonly constraints: readonly CheckConstraint[];
}

/** A {@link SetSuiteResult}, with the maintenance that follows. */
export interface SetSuiteOutcome extends SetSuiteResult {
  readonly maintenance: Promise<MaintenanceOutcome>;
}

const ownConstraint = `${constraintPrefix}${suiteConstraintPrefix}`;

/** Whether a table carries a suite, or constraints that came from one. */
export function hasSuite({ metadata }: LogSnapshot): boolean {
  return Object.keys(metadata.configuration).some(isOfSuite);
}

function isOfSuite(property: string): boolean {
  return property === suiteProperty || property.startsWith(ownConstraint);
}

/**
 * Makes a suite part of the table, in one metadata commit: from then on, every write through varve is tested
 * with it. `null` removes the suite.
 *
 * @throws `SUITE_INVALID` naming the path inside the suite; `CONSTRAINT_VIOLATED` if rows of the table break
 * a constraint to be registered; `UNSUPPORTED_FEATURE`, `CONFLICT_…`
 */
export async function setSuite(
  snapshot: LogSnapshot,
  suite: SuiteJson | Suite | null,
  options: SetSuiteOptions = {},
): Promise<SetSuiteOutcome> {
  requireWritable(snapshot.protocol, snapshot.metadata);
  const defined = suite === null ? undefined : defineSuite(suite);
  const constraints = defined === undefined ? [] : await checkSuite(snapshot, defined, options);
  const kept = Object.entries(snapshot.metadata.configuration).filter(([key]) => !isOfSuite(key));
  const configuration: Record<string, string> = Object.fromEntries(kept);
  if (defined !== undefined) configuration[suiteProperty] = suiteText(defined);
  for (const { name, expression } of constraints) configuration[`${constraintPrefix}${name}`] = expression;
  const base = { context: snapshot.context, snapshot };
  const result = await commitChange(base, {
    operation: "SET TBLPROPERTIES",
    operationParameters: {
      properties: JSON.stringify({
        [suiteProperty]: defined === undefined ? null : `${defined.name} ${defined.fingerprint}`,
      }),
    },
    definition: definitionWith(snapshot, configuration, options.upgradeProtocol === true),
    reads: { wholeTable: constraints.length > 0 },
    signal: options.signal,
  });
  assertInternal(result.outcome === "committed", "a commit without an application id was applied already");
  return {
    version: result.version,
    constraints,
    maintenance: maintainLog(snapshot.context, result, { base: snapshot }),
  };
}

function definitionWith(
  snapshot: LogSnapshot,
  configuration: Readonly<Record<string, string>>,
  upgrade: boolean,
): (ProtocolAction | MetadataAction)[] {
  const metadata: MetadataAction = { ...snapshot.metadata, configuration };
  const missing = missingFeatures(snapshot.protocol, snapshot.schema, configuration);
  if (missing.length === 0) return [metadata];
  if (!upgrade) {
    throw new VarveError(
      "UNSUPPORTED_FEATURE",
      `CHECK constraints need the table feature ${missing.join(", ")}, which the table does not list. To list it, pass ${optionText("upgradeProtocol")}; older writers can then no longer write. Nothing was written.`,
      { features: missing },
    );
  }
  return [protocolWith(snapshot.protocol, missing), metadata];
}

/**
 * Validates the suite against the table's columns, its SQL by the engine, and the constraints against the
 * table's rows.
 */
async function checkSuite(
  snapshot: LogSnapshot,
  suite: Suite,
  options: SetSuiteOptions,
): Promise<CheckConstraint[]> {
  planSuite(suite, { columns: columnsOfSchema(snapshot.schema), dialect: duckdbDialect, now: 0 });
  const wanted =
    options.registerConstraints === true
      ? translatable(suiteConstraints(suite, snapshot.schema), snapshot)
      : [];
  await using session = await (await snapshot.context.engine()).open({ signal: options.signal });
  const scan = wanted.length === 0 ? undefined : await planScan(session, snapshot);
  const fence = lazyFence(session, () => ({ files: scan?.files ?? [] }));
  await checkedExpressions(session, suite, engineColumns(snapshot.schema), fence);
  if (scan !== undefined) await requireSatisfied(await fence(), scan.sql, wanted);
  return wanted.map(({ constraint }) => constraint);
}

/**
 * Requires that the suite that a table carries can still be run after a change of its columns.
 *
 * @throws `INVALID_ARGUMENT` naming what the suite needs
 */
export async function requireSuiteFits(
  { context, metadata }: Pick<LogSnapshot, "context" | "metadata">,
  schema: StructType,
  signal?: AbortSignal,
): Promise<void> {
  const suite = carriedSuite(metadata.configuration);
  if (suite === undefined) return;
  try {
    planSuite(suite, { columns: columnsOfSchema(schema), dialect: duckdbDialect, now: 0 });
    await using session = await (await context.engine()).open({ signal });
    const fence = lazyFence(session, () => ({ files: [] }));
    await checkedExpressions(session, suite, engineColumns(schema), fence);
  } catch (error) {
    if (!isVarveError(error) || error.code === "CANCELLED") throw error;
    throw new VarveError(
      "INVALID_ARGUMENT",
      `The suite ${suite.name} of the table does not fit its columns after this change: ${error.message} Set a suite that does not need them first. Nothing was written.`,
      { suite: suite.name },
      error,
    );
  }
}

interface Translated {
  readonly constraint: CheckConstraint;
  readonly condition: SqlExpression;
}

/** Constraints that varve can enforce itself; a check that Spark would evaluate differently stays a check. */
function translatable(constraints: readonly CheckConstraint[], snapshot: LogSnapshot): Translated[] {
  return constraints.flatMap((constraint): Translated[] => {
    try {
      return [
        { constraint, condition: conditionSql(translateCondition(constraint.expression, snapshot.schema)) },
      ];
    } catch (error) {
      if (isVarveError(error, "UNSUPPORTED_FEATURE")) return [];
      throw error;
    }
  });
}

async function requireSatisfied(
  session: FencedSession,
  rows: SqlSelect,
  constraints: readonly Translated[],
): Promise<void> {
  const counts = constraints.map(
    ({ condition }, index) => sql`count_if((${condition}) IS NOT TRUE) AS c${index}`,
  );
  const [row] = await session.rows(sql`SELECT ${counts} FROM (${rows})`);
  for (const [index, { constraint }] of constraints.entries()) {
    const failing = Number(row?.[`c${index}`] ?? 0);
    if (failing === 0) continue;
    throw new VarveError(
      "CONSTRAINT_VIOLATED",
      `${counted(failing, "row")} of the table ${failing === 1 ? "fails" : "fail"} the check ${constraint.checkId}, so it cannot become a constraint. Correct the rows first, or set the suite without ${optionText("registerConstraints")}. Nothing was written.`,
      { checkId: constraint.checkId, expression: constraint.expression, rows: failing },
    );
  }
}
