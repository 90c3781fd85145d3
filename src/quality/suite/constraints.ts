import { suiteConstraintPrefix } from "../../protocol/constraint-names.ts";
import type { StructType } from "../../schema/types.ts";
import { columnsOfSchema } from "../model/column.ts";
import { sparkDialect } from "../model/dialect-spark.ts";
import type { Suite } from "../model/suite.ts";
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
  const planned = planSuite(suite, { columns: columnsOfSchema(schema), dialect: sparkDialect, now: 0 });
  return planned.flatMap(({ check, plan }) => {
    const keepsOut = check.onFail === "reject" || check.onFail === "quarantine" || check.onFail === "drop";
    if (
      plan.kind !== "row" ||
      !keepsOut ||
      check.mostly < 1 ||
      check.where !== undefined ||
      plan.shows.length === 0
    )
      return [];
    if (check.kind === "expect_column_values_to_be_recent") return [];
    const ignored =
      plan.missing === undefined || check.onNull === "fail" ? plan.pass : `(${plan.missing} OR ${plan.pass})`;
    const name = `${suiteConstraintPrefix}${check.id.replace(/[^A-Za-z0-9]+/g, "_").toLowerCase()}`;
    return [{ checkId: check.id, name, expression: ignored }];
  });
}
