import { booleanOver, requireBoolean } from "../../dialects/row-condition.ts";
import type { Term } from "../../dialects/spark/term.ts";
import type { EngineColumn, FencedSession, NamedColumns, Session } from "../../engine/core/contract.ts";
import { findField } from "../../schema/fields.ts";
import { foldName } from "../../schema/schema-json.ts";
import type { StructType } from "../../schema/types.ts";
import { joinSql, type SqlExpression, sql } from "../../sql/sql.ts";
import { quoteText } from "../../sql/sql-text.ts";
import { isJsonObject, type JsonValue } from "../../util/json.ts";
import type { MergeCondition, MergePlan } from "./merge-plan.ts";

/** The columns that a merge's expressions see. */
export interface MergeScope {
  readonly fenced: FencedSession;
  readonly target: NamedColumns;
  readonly source: NamedColumns;
}

/** Which rows an expression is about. */
export type Sides = "both" | "target" | "source";

/** The scope of a plan's expressions. */
export function mergeScope(
  fenced: FencedSession,
  { names }: MergePlan,
  target: readonly EngineColumn[],
  source: readonly EngineColumn[],
): MergeScope {
  return {
    fenced,
    target: { relation: names.target, columns: target },
    source: { relation: names.source, columns: source },
  };
}

/** The relations whose columns an expression over some sides may use. */
export function relationsOf({ target, source }: MergeScope, sides: Sides): readonly NamedColumns[] {
  return sides === "both" ? [target, source] : [sides === "target" ? target : source];
}

/**
 * A condition of a clause: SQL that is TRUE or FALSE, and ends the statement at a row for which it cannot be
 * evaluated.
 *
 * @throws `SQL_FAILED`, `SQL_REFUSED`
 */
export async function clauseCondition(
  scope: MergeScope,
  condition: MergeCondition | undefined,
  sides: Sides,
): Promise<SqlExpression> {
  if (condition === undefined) return sql`TRUE`;
  const { term, text } = condition;
  const relations = relationsOf(scope, sides);
  if (condition.hasSubqueries === true) {
    const holds = await scope.fenced.callerSubqueries(text, relations);
    await requireBoolean(scope.fenced, text, holds, relations);
    return sql`(${holds} IS TRUE)`;
  }
  if (term === undefined) return sql`(${await booleanOver(scope.fenced, text, relations)} IS TRUE)`;
  return sql`(${guarded(term, text)} IS TRUE)`;
}

type Side = "target" | "source";

/** The condition by which both sides are joined, in parts. */
export interface JoinCondition {
  /** SQL over both sides, for the join. */
  readonly on: SqlExpression;
  /** SQL over one side that is TRUE, or ends the statement at a row for which a part cannot be evaluated. */
  readonly target?: SqlExpression | undefined;
  readonly source?: SqlExpression | undefined;
}

/**
 * The condition ON. A part that may fail for values of one side is tested there, so that it does not keep the
 * engine from joining by it; one that may fail for pairs is evaluated for those that the other parts leave.
 *
 * @throws `SQL_FAILED`, `SQL_REFUSED`
 */
export async function joinCondition(scope: MergeScope, on: MergeCondition): Promise<JoinCondition> {
  if (on.term === undefined)
    return { on: await booleanOver(scope.fenced, on.text, relationsOf(scope, "both")) };
  const parts: ConditionPart[] = [];
  for (const term of on.conjuncts ?? [on.term]) parts.push(await partOf(scope, term));
  return {
    on: joinSql(
      parts.map(({ term, fails }) =>
        term.fails === undefined || fails !== undefined ? term.sql : guarded(term, on.text),
      ),
      sql` AND `,
    ),
    target: sideTest(parts, "target", on.text),
    source: sideTest(parts, "source", on.text),
  };
}

interface ConditionPart {
  readonly term: Term;
  /** The side that it is about, if it is about one alone. */
  readonly about: Side | undefined;
  /** The side by whose values alone it fails. */
  readonly fails: Side | undefined;
}

async function partOf(scope: MergeScope, term: Term): Promise<ConditionPart> {
  const onlyOf = ([side, other]: readonly Side[]) => (other === undefined ? side : undefined);
  const about = onlyOf(await sidesUsed(scope, term.sql));
  if (term.fails === undefined) return { term, about, fails: undefined };
  const sides = await sidesUsed(scope, term.fails);
  return { term, about, fails: sides.length === 0 ? about : onlyOf(sides) };
}

/** Tests the parts that fail by values of one side, in their order: those that join it only for rows that are left. */
function sideTest(parts: readonly ConditionPart[], side: Side, text: string): SqlExpression | undefined {
  const own = parts.filter(({ about }) => about === side);
  const tested = [...own, ...parts.filter((part) => part.about !== side && part.fails === side)];
  const last = tested.findLastIndex(({ fails }) => fails === side);
  if (last < 0) return undefined;
  const cases = tested.slice(0, last + 1).flatMap((part, index) => {
    const { term } = part;
    const fails = part.fails === side ? [sql`WHEN ${term.fails ?? sql`FALSE`} THEN ${failure(text)}`] : [];
    const left = index < last && part.about === side ? [sql`WHEN ${term.sql} IS NOT TRUE THEN TRUE`] : [];
    return [...fails, ...left];
  });
  return sql`(CASE ${joinSql(cases, sql` `)} ELSE TRUE END)`;
}

/** A translated condition that ends the statement where it cannot be evaluated. */
function guarded({ sql: holds, fails }: Term, text: string): SqlExpression {
  return fails === undefined ? holds : sql`(CASE WHEN ${fails} THEN ${failure(text)} ELSE ${holds} END)`;
}

function failure(text: string): SqlExpression {
  const message = `The condition ${text} cannot be evaluated for some row: a cast, an overflow or an index fails`;
  return sql`error(${quoteText(message)})`;
}

/** The sides whose columns a translated expression uses. */
async function sidesUsed({ fenced, target, source }: MergeScope, expression: SqlExpression): Promise<Side[]> {
  const qualifiers = new Set((await columnPaths(fenced, expression)).map(([first = ""]) => foldName(first)));
  const relations = { target, source };
  return (["target", "source"] as const).filter((side) => qualifiers.has(foldName(relations[side].relation)));
}

/** Names of the columns of a table that expressions may use; those of the other side may be among them. */
export async function columnsUsed(
  session: Session,
  expressions: readonly SqlExpression[],
  schema: StructType,
): Promise<string[]> {
  const names = new Set<string>();
  for (const expression of expressions)
    for (const path of await columnPaths(session, expression))
      for (const part of path.slice(0, 2)) {
        const field = findField(schema, part);
        if (field !== undefined) names.add(field.name);
      }
  return schema.fields.map(({ name }) => name).filter((name) => names.has(name));
}

/** The columns that an expression names, with their qualifiers and fields. */
async function columnPaths(session: Session, expression: SqlExpression): Promise<string[][]> {
  const found: string[][] = [];
  const visit = (value: JsonValue | undefined): void => {
    if (Array.isArray(value)) for (const item of value as readonly JsonValue[]) visit(item);
    else if (isJsonObject(value)) {
      const path = value["class"] === "COLUMN_REF" ? value["column_names"] : undefined;
      if (Array.isArray(path)) found.push((path as readonly JsonValue[]).map(String));
      for (const item of Object.values(value)) visit(item);
    }
  };
  visit(await session.syntaxTree(sql`SELECT ${expression}`));
  return found;
}
