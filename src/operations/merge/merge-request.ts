import { VarveError } from "../../errors.ts";
import type { MergePlan } from "../../write/merge/merge-plan.ts";

/** An expression of a merge. */
export interface MergeExpression {
  /** In the engine's dialect. */
  readonly text: string;
  /** As it was written in Spark's, if it was: it is evaluated as Spark does where that is known. */
  readonly spark?: string | undefined;
  /** Whether `text` has subqueries, which use the columns of the row; only conditions of clauses may. */
  readonly hasSubqueries?: boolean | undefined;
}

/** A value of a column, or a field of a struct: an expression, or the column's default. */
export interface MergeAssignment {
  /** The parts of a path, of which the first may name the table; or a name, as in `address.city`. */
  readonly path: string | readonly string[];
  readonly value: MergeExpression | "default";
}

/** All columns by name, except some. */
export interface AllColumns {
  readonly except: readonly string[];
}

/** A clause as it was asked for. */
export type MergeClauseRequest =
  | {
      readonly when: "matched" | "not matched by source";
      readonly condition?: MergeExpression | undefined;
      readonly action: "delete";
    }
  | {
      readonly when: "matched" | "not matched by source";
      readonly condition?: MergeExpression | undefined;
      readonly action: "update";
      readonly set: AllColumns | readonly MergeAssignment[];
    }
  | {
      readonly when: "not matched";
      readonly condition?: MergeExpression | undefined;
      readonly action: "insert";
      readonly values: AllColumns | readonly MergeAssignment[];
    };

export type ClauseKind = MergeClauseRequest["when"];

/** How a source is merged. */
export interface MergeRequest {
  /** The names by which expressions qualify the columns of the two sides. */
  readonly names: { readonly target: string; readonly source: string };
  /** Whether a row of the source and one of the table belong together. */
  readonly on: MergeExpression;
  /** The columns that the condition compares, if a caller named columns instead of it. */
  readonly keys?: readonly string[] | undefined;
  /** In the order in which they are tried. */
  readonly clauses: readonly MergeClauseRequest[];
  /**
   * How `*` takes the source's values: cast as Spark assigns them, or such as an append takes them, which loses
   * nothing.
   */
  readonly assignment: "spark" | "append";
  /** Columns of the source that the clauses assign and the table lacks are added to it. */
  readonly evolves: boolean;
  /** Add the features that they need to the protocol. */
  readonly upgradeProtocol: boolean;
  /** Whether conditions or values are based on other rows of the table than those that match. */
  readonly readsTable?: boolean | undefined;
  /** See {@link MergePlan.tables}. */
  readonly tables?: MergePlan["tables"];
}

/** The assignments of a clause; `undefined` for a deletion. */
export function assignedBy(clause: MergeClauseRequest): AllColumns | readonly MergeAssignment[] | undefined {
  if (clause.action === "delete") return undefined;
  return clause.action === "update" ? clause.set : clause.values;
}

export function isAllColumns(
  assigned: AllColumns | readonly MergeAssignment[] | undefined,
): assigned is AllColumns {
  return assigned !== undefined && "except" in assigned;
}

/** @throws `INVALID_ARGUMENT` for a request without clauses, or with one that can never act */
export function requireClauses({ clauses, names }: Pick<MergeRequest, "clauses" | "names">): void {
  if (clauses.length === 0)
    throw invalid(
      "A merge needs at least one clause, such as whenMatchedUpdateAll() or whenNotMatchedInsertAll().",
    );
  if (names.target.toLowerCase() === names.source.toLowerCase())
    throw invalid(
      `Both sides of the merge are called ${names.source}, so its expressions could not tell them apart. Give one of them another alias.`,
    );
  for (const [index, { when, condition }] of clauses.entries())
    if (condition === undefined && clauses.slice(index + 1).some((later) => later.when === when))
      throw invalid(
        `Only the last of the merge's clauses for rows that are ${when} may be without a condition: those after it would never act. Give clause ${index + 1} a condition, or put it last.`,
      );
}

function invalid(message: string): VarveError {
  return new VarveError("INVALID_ARGUMENT", message, {});
}
