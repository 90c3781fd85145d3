import { translateSpark } from "../../dialects/spark/translate.ts";
import type { FencedSession } from "../../engine/core/contract.ts";
import { isVarveError, VarveError } from "../../errors.ts";
import type { LogSnapshot } from "../../log/contract.ts";
import { constraintNames, constraintPrefix, suiteConstraintPrefix } from "../../protocol/constraint-names.ts";
import { typeText } from "../../schema/type-names.ts";
import type { StructType } from "../../schema/types.ts";
import { type SqlExpression, type SqlSelect, sql } from "../../sql/sql.ts";
import { quoteName } from "../../sql/sql-text.ts";
import { conditionSql } from "../../table/rules/write-rules.ts";
import { planScan } from "../../table/scan/scan.ts";
import { counted } from "../../util/counted.ts";

/** CHECK constraints to add and to drop. */
export interface ConstraintChange {
  /** SQL by name. */
  readonly add: Readonly<Record<string, string>>;
  readonly drop: readonly string[];
}

/** Result of a change of constraints. */
export interface PlannedConstraints {
  /** Properties to set, without those that the table already has. */
  readonly set: Readonly<Record<string, string>>;
  /** Keys of properties to remove. */
  readonly unset: readonly string[];
}

/**
 * Returns the properties that a change of CHECK constraints sets and removes. Names are compared ignoring
 * case, as in other engines.
 *
 * @throws `INVALID_ARGUMENT` for a constraint that exists with another condition, is to be dropped but does
 * not exist, or belongs to the suite
 */
export function planConstraints(
  configuration: Readonly<Record<string, string>>,
  change: ConstraintChange,
): PlannedConstraints {
  const keyOf = (name: string): string => {
    const lowered = `${constraintPrefix}${name}`.toLowerCase();
    return Object.keys(configuration).find((key) => key.toLowerCase() === lowered) ?? lowered;
  };
  const unset = change.drop.map((name) => {
    const key = keyOf(checkedName(name));
    if (configuration[key] === undefined)
      throw invalid(name, `Unknown CHECK constraint ${name}. The table has ${namesIn(configuration)}.`);
    return key;
  });
  const set: Record<string, string> = {};
  for (const [name, expression] of Object.entries(change.add)) {
    const key = keyOf(checkedName(name));
    const existing = unset.includes(key) ? undefined : configuration[key];
    if (existing === expression) continue;
    if (existing !== undefined || set[key] !== undefined) {
      const other = existing ?? set[key] ?? "";
      throw invalid(
        name,
        `There is a CHECK constraint ${name} already: ${other}. Drop it in the same change to replace it.`,
      );
    }
    set[key] = expression;
  }
  return { set, unset: unset.filter((key) => set[key] === undefined) };
}

/**
 * Tests a table's present rows against new constraints. PROTOCOL.md "CHECK Constraints": existing rows must
 * satisfy a new constraint.
 *
 * @param constraints as {@link PlannedConstraints.set}
 * @throws `CONSTRAINT_VIOLATED` with the number of failing rows and one of them; `UNSUPPORTED_FEATURE` for
 * SQL that varve cannot evaluate as Spark would; `INVALID_ARGUMENT` for an expression that is not boolean
 */
export async function requireConstraints(
  snapshot: LogSnapshot,
  constraints: Readonly<Record<string, string>>,
): Promise<void> {
  const entries = Object.entries(constraints);
  if (entries.length === 0) return;
  const names = snapshot.schema.fields.map((field) => field.name);
  const requestedConstraints = entries.map(([key, expression]): RequestedConstraint => {
    const name = key.slice(constraintPrefix.length);
    return { name, expression, condition: conditionOf(name, expression, snapshot.schema), names };
  });
  await using session = await (await snapshot.context.engine()).open();
  const scan = await planScan(session, snapshot);
  const fenced = await session.fence({ files: scan.files });
  for (const constraint of requestedConstraints) await requireTrue(fenced, scan.sql, constraint);
}

interface RequestedConstraint {
  readonly name: string;
  readonly expression: string;
  /** The expression in the engine's SQL. */
  readonly condition: SqlExpression;
  /** The table's columns. */
  readonly names: readonly string[];
}

function conditionOf(name: string, expression: string, schema: StructType): SqlExpression {
  const condition = translated(name, expression, schema);
  if (condition.type === "boolean") return conditionSql(condition);
  throw invalid(
    name,
    `The CHECK constraint ${name} (${expression}) is a ${typeText(condition.type)}, not a condition that is true or false.`,
  );
}

function translated(name: string, expression: string, schema: StructType) {
  try {
    return translateSpark(expression, schema);
  } catch (error) {
    if (!isVarveError(error, "UNSUPPORTED_FEATURE")) throw error;
    const reason = `The CHECK constraint ${name} (${expression}) cannot be added. ${error.message}`;
    throw new VarveError("UNSUPPORTED_FEATURE", reason, error.data, error);
  }
}

async function requireTrue(
  session: FencedSession,
  rows: SqlSelect,
  { name, expression, condition, names }: RequestedConstraint,
): Promise<void> {
  const broken = sql`FROM (${rows}) WHERE (${condition}) IS NOT TRUE`;
  const [count] = await session.rows(sql`SELECT count(*) AS rows ${broken}`);
  const violations = Number(count?.["rows"] ?? 0);
  if (violations === 0) return;
  const whole = names.map((column) => sql`${quoteName(column)} := ${quoteName(column)}`);
  const [first] = await session.rows(
    sql`SELECT CAST(struct_pack(${whole}) AS VARCHAR) AS value ${broken} LIMIT 1`,
  );
  const value = typeof first?.["value"] === "string" ? first["value"].slice(0, 500) : "";
  throw new VarveError(
    "CONSTRAINT_VIOLATED",
    `${counted(violations, "row")} of the table ${violations === 1 ? "violates" : "violate"} the CHECK constraint ${name} (${expression}), so it cannot be added; one of them: ${value}. ` +
      "Correct or remove those rows first. Nothing was changed.",
    { constraint: name, expression, rows: violations },
  );
}

function checkedName(name: string): string {
  if (!/^[A-Za-z_][A-Za-z0-9_]{0,254}$/.test(name))
    throw invalid(
      name,
      `Invalid name ${JSON.stringify(name)} for a CHECK constraint: use letters, digits and _ only.`,
    );
  if (name.toLowerCase().startsWith(suiteConstraintPrefix)) {
    throw invalid(
      name,
      `The CHECK constraint ${name} belongs to the table's suite: change it there, or choose a name that does not begin with ${suiteConstraintPrefix}.`,
    );
  }
  return name;
}

function namesIn(configuration: Readonly<Record<string, string>>): string {
  const names = constraintNames(configuration);
  return names.length === 0 ? "none" : names.join(", ");
}

function invalid(name: string, message: string): VarveError {
  return new VarveError("INVALID_ARGUMENT", message, { constraint: name });
}
