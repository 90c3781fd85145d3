import type { StructType } from "../../schema/types.ts";
import { joinSql, type SqlExpression, sql } from "../../sql/sql.ts";
import { plainName, sqlAsWritten } from "../../sql/sql-text.ts";
import { columnsOfSchema } from "../model/column.ts";
import type { Dialect } from "../model/dialect.ts";
import { duckdbDialect } from "../model/dialect-duckdb.ts";
import { invalidSuite } from "../model/invalid.ts";
import type { Suite } from "../model/suite.ts";
import { planSuite } from "../suite/plan.ts";
import { rowMask } from "./masks.ts";

/** A suite as SQL of one engine. */
export interface CompiledSuite {
  readonly dialect: Dialect["name"];
  /** Row checks: `fails` is a condition that is true for failing rows and never null. */
  readonly rowChecks: readonly { readonly id: string; readonly fails: string }[];
  /**
   * One SELECT over a relation that counts the rows (`n`) and each row check's failing rows (`fail_0…`), and
   * computes the aggregates of the others.
   */
  readonly counts: (relation: string) => string;
  /** SELECT of the relation's rows that fail any row check. */
  readonly failingRows: (relation: string) => string;
}

/**
 * Writes a suite's row and aggregate checks as SQL for an engine, for example to run the same tests in Spark.
 *
 * The suite's own SQL is used unchanged. Checks that need more than one plain pass (groups, other tables,
 * distributions) are refused.
 *
 * @throws `SUITE_INVALID` naming the check's path.
 */
export function compileSuite(
  suite: Suite,
  schema: StructType,
  dialect: Dialect = duckdbDialect,
  now = 0,
): CompiledSuite {
  const planned = planSuite(suite, { columns: columnsOfSchema(schema), dialect, now });
  const rowChecks: { id: string; fails: SqlExpression }[] = [];
  const aggregates: SqlExpression[] = [];
  for (const [index, check] of planned.entries()) {
    const mask = rowMask(check);
    if (mask !== undefined) rowChecks.push({ id: check.check.id, fails: mask.fail });
    else if (check.plan.kind === "aggregate") {
      for (const [name, aggregate] of Object.entries(check.plan.aggregates))
        aggregates.push(
          sql`${dialect.filtered(aggregate, check.scope)} AS ${plainName(`a${index}_${name}`)}`,
        );
    } else if (check.plan.kind !== "schema") {
      throw invalidSuite(
        `${check.check.path}.kind`,
        `${check.check.kind} cannot be written as one pass of SQL`,
        "Run it through varve",
      );
    }
  }
  const fails = rowChecks.map(({ fails }, index) => sql`${dialect.countIf(fails)} AS fail_${index}`);
  return {
    dialect: dialect.name,
    rowChecks,
    counts: (relation) =>
      sql`SELECT ${[sql`count(*) AS n`, ...fails, ...aggregates]} FROM ${sqlAsWritten(relation)}`,
    failingRows: (relation) =>
      sql`SELECT * FROM ${sqlAsWritten(relation)} WHERE ${
        rowChecks.length === 0
          ? sql`false`
          : joinSql(
              rowChecks.map((check) => check.fails),
              sql` OR `,
            )
      }`,
  };
}
