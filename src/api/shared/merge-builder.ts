import { VarveError } from "../../errors.ts";
import type {
  AllColumns,
  MergeAssignment,
  MergeClauseRequest,
  MergeExpression,
} from "../../operations/merge/merge-request.ts";
import type { MergeResult } from "../../write/merge/merge-plan.ts";
import { knownOptions, type OptionKeys } from "./known-options.ts";
import { requireExpressions } from "./rewrite-options.ts";

/** A clause of a merge. */
export interface MergeCondition {
  /** SQL condition; the clause acts on rows for which it is true. Default: on all. */
  readonly condition?: string | undefined;
}

/** A clause of a merge that gives new values to rows of the table. */
export interface MergeUpdate extends MergeCondition {
  /**
   * The new values: SQL expressions, by the names of columns, or of fields of structs (`address.city`), whose other
   * fields stay. A text needs quotes of its own: `{ state: "'paid'" }`.
   */
  readonly set: Readonly<Record<string, string>>;
}

/** A clause of a merge that inserts rows of the source. */
export interface MergeInsert extends MergeCondition {
  /** SQL expressions over the source, by the names of the table's columns; others get their default, or null. */
  readonly values: Readonly<Record<string, string>>;
}

/** A clause of a merge that takes all columns of the source by their names. */
export interface MergeAllColumns extends MergeCondition {
  /** Columns to leave out. */
  readonly except?: readonly string[] | undefined;
}

const conditionKeys = { condition: true } satisfies OptionKeys<MergeCondition>;
const updateKeys = { ...conditionKeys, set: true } satisfies Record<keyof MergeUpdate, true>;
const insertKeys = { ...conditionKeys, values: true } satisfies Record<keyof MergeInsert, true>;
const allKeys = { ...conditionKeys, except: true } satisfies Record<keyof MergeAllColumns, true>;

/** Carries out a merge with these clauses. */
type RunClauses = (clauses: readonly MergeClauseRequest[]) => Promise<MergeResult>;

/**
 * A merge whose clauses are being given: `table.merge`. Of each kind, clauses are tried in their order, and the
 * first whose condition is true acts on a row; a row for which none is stays as it is, or is not inserted. Each
 * method returns a new builder; {@link MergeBuilder.execute} runs the merge.
 */
export class MergeBuilder {
  readonly #run: RunClauses;
  readonly #clauses: readonly MergeClauseRequest[];

  private constructor(run: RunClauses, clauses: readonly MergeClauseRequest[]) {
    this.#run = run;
    this.#clauses = clauses;
  }

  /** @internal Made by `Table`. */
  static of(run: RunClauses): MergeBuilder {
    return new MergeBuilder(run, []);
  }

  /**
   * Gives new values to rows of the table that match a row of the source; the expressions may use both.
   *
   * @example
   * ```ts
   * await orders
   *   .merge([{ id: 1n, amount: 2 }], { on: ["id"] })
   *   .whenMatchedUpdate({ set: { amount: "target.amount + source.amount" }, condition: "source.amount > 0" })
   *   .execute();
   * ```
   */
  whenMatchedUpdate(clause: MergeUpdate): MergeBuilder {
    return this.#update("whenMatchedUpdate", "matched", clause);
  }

  /**
   * Gives the values of the source to all columns of the rows that match. Columns that the source lacks are an
   * error, unless the merge may change the schema (`mergeSchema`): they keep their values then.
   *
   * @example
   * ```ts
   * const changed = [{ id: 1n, customer: "acme", amount: 2 }];
   * await orders.merge(changed, { on: ["id"] }).whenMatchedUpdateAll({ except: ["customer"] }).execute();
   * ```
   */
  whenMatchedUpdateAll(clause: MergeAllColumns = {}): MergeBuilder {
    const { condition, set } = this.#all("whenMatchedUpdateAll", clause);
    return this.#with({ when: "matched", condition, action: "update", set });
  }

  /**
   * Deletes rows of the table that match a row of the source.
   *
   * @example
   * ```ts
   * const gone = [{ id: 1n }, { id: 2n }];
   * await orders.merge(gone, { on: ["id"] }).whenMatchedDelete().execute();
   * ```
   */
  whenMatchedDelete(clause: MergeCondition = {}): MergeBuilder {
    const { condition } = knownOptions("whenMatchedDelete", clause, conditionKeys);
    return this.#with({ when: "matched", condition: expression(condition), action: "delete" });
  }

  /**
   * Inserts rows of the source that match no row of the table; the expressions may use the source only.
   *
   * @example
   * ```ts
   * await orders
   *   .merge([{ id: 7n, customer: "acme" }], { on: ["id"] })
   *   .whenNotMatchedInsert({ values: { id: "source.id", customer: "upper(source.customer)" } })
   *   .execute();
   * ```
   */
  whenNotMatchedInsert(clause: MergeInsert): MergeBuilder {
    const { condition, values } = knownOptions("whenNotMatchedInsert", clause, insertKeys);
    return this.#with({
      when: "not matched",
      condition: expression(condition),
      action: "insert",
      values: assignments("whenNotMatchedInsert", "values", values),
    });
  }

  /**
   * Inserts rows of the source that match no row of the table, with all columns. Columns that the source lacks are
   * an error, unless the table computes them or the merge may change the schema (`mergeSchema`).
   *
   * @example
   * ```ts
   * const batch = [{ id: 8n, customer: "acme", amount: 3 }];
   * await orders.merge(batch, { on: ["id"] }).whenMatchedUpdateAll().whenNotMatchedInsertAll().execute();
   * ```
   */
  whenNotMatchedInsertAll(clause: MergeAllColumns = {}): MergeBuilder {
    const { condition, set } = this.#all("whenNotMatchedInsertAll", clause);
    return this.#with({ when: "not matched", condition, action: "insert", values: set });
  }

  /**
   * Gives new values to rows of the table that match no row of the source; the expressions may use the table only.
   *
   * @example
   * ```ts
   * await orders
   *   .merge([{ id: 8n }], { on: ["id"] })
   *   .whenNotMatchedBySourceUpdate({ set: { amount: "1" } })
   *   .execute();
   * ```
   */
  whenNotMatchedBySourceUpdate(clause: MergeUpdate): MergeBuilder {
    return this.#update("whenNotMatchedBySourceUpdate", "not matched by source", clause);
  }

  /**
   * Deletes rows of the table that match no row of the source.
   *
   * @example
   * ```ts
   * await orders.merge([{ id: 8n }], { on: ["id"] }).whenNotMatchedBySourceDelete().execute();
   * ```
   */
  whenNotMatchedBySourceDelete(clause: MergeCondition = {}): MergeBuilder {
    const { condition } = knownOptions("whenNotMatchedBySourceDelete", clause, conditionKeys);
    return this.#with({
      when: "not matched by source",
      condition: expression(condition),
      action: "delete",
    });
  }

  /**
   * Carries out the merge, in one commit. Where no row is changed or inserted, nothing is committed
   * (`outcome: "unchanged"`).
   *
   * @throws `MERGE_AMBIGUOUS` if several rows of the source match one of the table; as {@link Table.append},
   * {@link Table.update} and {@link Table.delete}
   *
   * @example
   * ```ts
   * const batch = [{ id: 1n, customer: "acme", amount: 2 }];
   * const { rowsUpdated, rowsInserted } = await orders
   *   .merge(batch, { on: "target.id = source.id" })
   *   .whenMatchedUpdateAll()
   *   .whenNotMatchedInsertAll()
   *   .execute();
   * console.log(rowsUpdated, rowsInserted);
   * ```
   */
  execute(): Promise<MergeResult> {
    return this.#run(this.#clauses);
  }

  #update(verb: string, when: "matched" | "not matched by source", clause: MergeUpdate): MergeBuilder {
    const { condition, set } = knownOptions(verb, clause, updateKeys);
    return this.#with({
      when,
      condition: expression(condition),
      action: "update",
      set: assignments(verb, "set", set),
    });
  }

  #all(
    verb: string,
    clause: MergeAllColumns,
  ): { readonly condition: MergeExpression | undefined; readonly set: AllColumns } {
    const { condition, except = [] } = knownOptions(verb, clause, allKeys);
    return { condition: expression(condition), set: { except } };
  }

  #with(clause: MergeClauseRequest): MergeBuilder {
    return new MergeBuilder(this.#run, [...this.#clauses, clause]);
  }
}

function expression(text: string | undefined): MergeExpression | undefined {
  if (text === undefined) return undefined;
  if (text.trim() !== "") return { text };
  throw new VarveError(
    "INVALID_ARGUMENT",
    `The condition of a clause must be SQL, such as "source.amount > 0", not an empty text. Leave it out to act on all rows.`,
    { option: "condition" },
  );
}

function assignments(
  verb: string,
  option: string,
  set: Readonly<Record<string, string>>,
): readonly MergeAssignment[] {
  return Object.entries(requireExpressions(verb, option, set)).map(([path, text]) => ({
    path,
    value: { text },
  }));
}
