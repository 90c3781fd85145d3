import { formatTimestamp } from "../../schema/calendar.ts";
import { foldName } from "../../schema/schema-json.ts";
import { typeText } from "../../schema/type-names.ts";
import type { DeltaType, StructType } from "../../schema/types.ts";
import { sql } from "../../sql/sql.ts";
import { quoteText } from "../../sql/sql-text.ts";
import { castTo } from "./casts.ts";
import { constructors, structOf } from "./constructors.ts";
import { applyLambda, lambdaFunctions } from "./lambdas.ts";
import { literal } from "./literals.ts";
import { type ParseOptions, parseExpression } from "./parse.ts";
import { unknownColumn, unsupported } from "./refusal.ts";
import { oneOf, type ScopeRelation, type SparkRelation, scopeRelation } from "./relations.ts";
import { collectionRules } from "./rules-collections.ts";
import { dateRules } from "./rules-dates.ts";
import { logicRules } from "./rules-logic.ts";
import { numberRules } from "./rules-numbers.ts";
import { textRules } from "./rules-text.ts";
import type { CallSyntax, FieldSyntax, Syntax } from "./syntax.ts";
import { type Form, kindOf, literalTerm, type Rule, type Term, term } from "./term.ts";

/**
 * Every function and operator that is translated; each form is proved against Spark
 * (test/interop/spark-expressions.test.ts).
 */
export const rules: readonly Rule[] = [
  ...logicRules,
  ...numberRules,
  ...textRules,
  ...dateRules,
  ...collectionRules,
];

/**
 * Longest SQL that an expression may become, in characters: conditions that may fail name their operands more
 * than once.
 */
const maxSqlLength = 500_000;
/**
 * Longest condition under which an expression fails: it repeats its parts, and costs the engine about the
 * cube of how deep they are nested.
 */
const maxFailsLength = 100_000;

/** Words that Spark reads as functions without parentheses, where no column has the name. */
const bareFunctions: ReadonlySet<string> = new Set(
  "current_user user session_user current_date current_timestamp current_time localtimestamp current_catalog current_database current_schema".split(
    " ",
  ),
);

const byName = new Map<string, readonly Form[]>();
for (const { names, forms } of rules)
  for (const name of names) byName.set(name, [...(byName.get(name) ?? []), ...forms]);

/** Functions whose value is one moment for all of a write: in defaults only. */
const clockFunctions: Readonly<Record<string, "date" | "timestamp" | "timestamp_ntz">> = {
  current_timestamp: "timestamp",
  now: "timestamp",
  localtimestamp: "timestamp_ntz",
  current_date: "date",
  curdate: "date",
};

/** Functions that cast their argument. */
const castFunctions: Readonly<Record<string, DeltaType>> = {
  boolean: "boolean",
  tinyint: "byte",
  smallint: "short",
  int: "integer",
  bigint: "long",
  float: "float",
  double: "double",
  string: "string",
  binary: "binary",
  date: "date",
  timestamp: "timestamp",
};

/** What an expression is translated for. */
export interface TranslationOptions extends ParseOptions {
  /**
   * What `current_timestamp()` and its like stand for, in milliseconds since 1970; without it they are
   * refused.
   */
  readonly now?: number | undefined;
  /** Names of the table, with which columns may be qualified. */
  readonly qualifiers?: readonly string[] | undefined;
}

interface Scope extends TranslationOptions {
  readonly relations: readonly ScopeRelation[];
  /** Parameters of the lambdas around, by their names in lower case. */
  readonly variables: ReadonlyMap<string, Term>;
  /** Number of lambdas around. */
  readonly depth: number;
}

/**
 * Translates a scalar expression of Spark SQL over a table's columns into the engine's SQL, exactly as Spark
 * 4 evaluates it with `spark.sql.ansi.enabled` (its default) and UTC as the session's zone.
 *
 * @throws `UNSUPPORTED_FEATURE` naming the function, operator, types or text that is not known to mean the
 * same
 */
export function translateSpark(
  expression: string,
  schema: StructType,
  { qualifiers = [], ...options }: TranslationOptions = {},
): Term {
  return translateOver(expression, [{ names: qualifiers, schema }], options);
}

/**
 * Translates an expression over the columns of several relations, as {@link translateSpark} does one over a table's.
 *
 * @throws `SQL_FAILED` for a name that more than one of them has
 */
export function translateOver(
  expression: string,
  relations: readonly SparkRelation[],
  { now, ...options }: Omit<TranslationOptions, "qualifiers"> = {},
): Term {
  return translate(parseExpression(expression, options), outerScope(relations, now));
}

/** The parts of a condition that are joined by AND, each as {@link translateOver} translates it. */
export function translateConjuncts(
  condition: string,
  relations: readonly SparkRelation[],
  { now, ...options }: Omit<TranslationOptions, "qualifiers"> = {},
): Term[] {
  const scope = outerScope(relations, now);
  return conjunctsOf(parseExpression(condition, options)).map((part) => translate(part, scope));
}

function conjunctsOf(syntax: Syntax): Syntax[] {
  return syntax.kind === "call" && syntax.name === "and" ? syntax.args.flatMap(conjunctsOf) : [syntax];
}

function outerScope(relations: readonly SparkRelation[], now: number | undefined): Scope {
  return { relations: relations.map(scopeRelation), variables: new Map(), now, depth: 0 };
}

function translate(syntax: Syntax, scope: Scope): Term {
  const result = translatePart(syntax, scope);
  const failsLength = result.fails?.length ?? 0;
  if (result.sql.length + failsLength > maxSqlLength || failsLength > maxFailsLength)
    throw unsupported("an expression that becomes too long");
  return result;
}

function translatePart(syntax: Syntax, scope: Scope): Term {
  switch (syntax.kind) {
    case "literal":
      return literalTerm(syntax);
    case "name":
      return columnTerm(syntax.name, scope);
    case "field":
      return qualifiedTerm(syntax, scope) ?? fieldTerm(translate(syntax.operand, scope), syntax.name);
    case "cast":
      return castTerm(translate(syntax.operand, scope), syntax.type);
    case "call":
      return lambdaFunctions.has(syntax.name) ? lambdaTerm(syntax, scope) : callTerm(syntax, scope);
    case "lambda":
      throw unsupported("a lambda where it stands");
  }
}

function castTerm(operand: Term, type: DeltaType): Term {
  const cast = castTo(operand, type);
  if (cast === undefined) throw unsupported(`a cast of ${typeText(operand.type)} to ${typeText(type)}`);
  return cast;
}

/** A column by the name of its relation; that comes before a struct of the same name. */
function qualifiedTerm({ operand, name }: FieldSyntax, { relations }: Scope): Term | undefined {
  if (operand.kind !== "name") return undefined;
  const qualifier = foldName(operand.name);
  const named = relations.filter(({ names }) => names.includes(qualifier));
  return oneOf(`${operand.name}.${name}`, named, foldName(name));
}

function columnTerm(name: string, scope: Scope): Term {
  const { relations, variables } = scope;
  const column = variables.get(foldName(name)) ?? oneOf(name, relations, foldName(name));
  if (column !== undefined) return column;
  const clock = clockTerm(name, scope);
  if (clock !== undefined) return clock;
  throw bareFunctions.has(name.toLowerCase()) ? unsupported(`the function ${name}`) : unknownColumn(name);
}

function clockTerm(name: string, { now }: Scope): Term | undefined {
  const type = Object.hasOwn(clockFunctions, name.toLowerCase())
    ? clockFunctions[name.toLowerCase()]
    : undefined;
  if (now === undefined || type === undefined) return undefined;
  const value = formatTimestamp(BigInt(now) * 1000n, " ");
  return literalTerm(literal(type, type === "date" ? value.slice(0, 10) : value));
}

function fieldTerm(operand: Term, name: string): Term {
  const { type } = operand;
  const fields = typeof type !== "string" && type.type === "struct" ? type.fields : [];
  const field = fields.find((candidate) => foldName(candidate.name) === foldName(name));
  if (field === undefined) throw unsupported(`the field ${name} of a ${typeText(type)}`);
  return term(field.type, sql`struct_extract(${operand.sql}, ${quoteText(field.name)})`, operand.fails);
}

function callTerm({ name, args: syntaxes }: CallSyntax, scope: Scope): Term {
  const clock = syntaxes.length === 0 ? clockTerm(name, scope) : undefined;
  if (clock !== undefined) return clock;
  const construct = Object.hasOwn(constructors, name) ? constructors[name] : undefined;
  const isSpecial = construct !== undefined || name === "struct" || Object.hasOwn(castFunctions, name);
  const forms = isSpecial ? [] : byName.get(name);
  if (forms === undefined) throw unsupported(`the function or operator ${name}`);
  const args = syntaxes.map((arg) => translate(arg, scope));
  const castType = args.length === 1 && Object.hasOwn(castFunctions, name) ? castFunctions[name] : undefined;
  if (castType !== undefined) return castTerm(args[0] ?? literalTerm(literal("void", null)), castType);
  const constructed = name === "struct" ? structOf(syntaxes.map(fieldName), args) : construct?.(args);
  if (constructed !== undefined) return constructed;
  for (const form of forms) {
    const result = covers(form, name, args) ? form.build(args) : undefined;
    if (result !== undefined) return result;
  }
  throw unsupported(
    `${describe(name)} with ${args.map(({ type }) => typeText(type)).join(", ") || "no arguments"}`,
  );
}

/** The name of a field that is made of an expression. */
function fieldName(syntax: Syntax, index: number): string {
  return syntax.kind === "name" || syntax.kind === "field" ? syntax.name : `col${index + 1}`;
}

function lambdaTerm({ name, args }: CallSyntax, scope: Scope): Term {
  const [array, body, ...more] = args;
  if (array === undefined || body?.kind !== "lambda" || more.length > 0)
    throw unsupported(`the function ${name} without one lambda of one parameter`);
  const depth = scope.depth + 1;
  const inside = (element: Term) => {
    const variables = new Map([...scope.variables, [foldName(body.parameter), element]]);
    return translate(body.body, { ...scope, variables, depth });
  };
  const result = applyLambda(name, translate(array, scope), inside, `x${depth}`);
  if (result === undefined) throw unsupported(`the function ${name} of these types`);
  return result;
}

function covers(form: Form, name: string, args: readonly Term[]): boolean {
  const { takes, repeats = false } = form;
  if (name === "case") return args.length >= 2;
  if (args.length < takes.length || (args.length > takes.length && !repeats)) return false;
  return args.every((arg, index) => {
    const parameter = takes[index] ?? takes.at(-1);
    if (parameter === undefined || !parameter.kinds.includes(kindOf(arg.type))) return false;
    return parameter.constants === undefined || (arg.literal !== undefined && arg.literal.value !== null);
  });
}

function describe(name: string): string {
  return /^[a-z_0-9]+$/.test(name) ? `the function ${name}` : `the operator ${name}`;
}
