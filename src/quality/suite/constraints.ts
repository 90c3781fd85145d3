import { suiteConstraintPrefix } from "../../protocol/constraint-names.ts";
import type { StructType } from "../../schema/types.ts";
import { columnsOfSchema } from "../model/column.ts";
import { sparkDialect } from "../model/dialect-spark.ts";
import type { Check, Suite } from "../model/suite.ts";
import { expectationOf } from "./define.ts";
import { planSuite } from "./plan.ts";

/** One row check as a Delta CHECK constraint: a table property with an expression in Spark SQL. */
export interface CheckConstraint {
  readonly checkId: string;
  /** Name after the prefix `delta.constraints.`. */
  readonly name: string;
  readonly expression: string;
}

/**
 * The suite's row checks that keep rows out of the table, as CHECK constraints, so that other engines refuse
 * the rows too.
 *
 * A constraint applies to every row on its own, without exception, so checks with `where`, `mostly`, the
 * caller's SQL or a milder reaction are left out. A null that the check ignores satisfies the constraint.
 */
export function suiteConstraints(suite: Suite, schema: StructType): CheckConstraint[] {
  const candidates = suite.checks.filter(keepsOut);
  const planned = planSuite(
    { ...suite, checks: candidates },
    { columns: columnsOfSchema(schema), dialect: sparkDialect, now: 0 },
  );
  return planned.flatMap(({ check, plan }) => {
    if (plan.kind !== "row" || plan.shows.length === 0) return [];
    const ignored =
      plan.missing === undefined || check.onNull === "fail" ? plan.pass : `(${plan.missing} OR ${plan.pass})`;
    const name = `${suiteConstraintPrefix}${check.id.replace(/[^A-Za-z0-9]+/g, "_").toLowerCase()}`;
    return [{ checkId: check.id, name, expression: ignored }];
  });
}

/** Kinds whose outcome depends on the time, or on formats that Spark may not know. */
const ownKinds = /_(match_strftime_format|be_recent)$/;

function keepsOut(check: Check): boolean {
  const { kind, onFail, mostly, where } = check;
  const isKept = onFail === "reject" || onFail === "quarantine" || onFail === "drop";
  const isSparks = expectationOf(check).engine === undefined && !ownKinds.test(kind);
  return isKept && mostly === 1 && where === undefined && isSparks;
}
