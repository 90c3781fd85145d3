import { formatTimestamp } from "../../schema/calendar.ts";
import { foldName } from "../../schema/schema-json.ts";
import { isPrimitive, typeText } from "../../schema/type-names.ts";
import type { ArrayType, DeltaType, StructField, StructType } from "../../schema/types.ts";
import { sql } from "../../sql/sql.ts";
import { lambda, quoteText } from "../../sql/sql-text.ts";
import { castTo } from "./casts.ts";
import { commonTerms } from "./coercion.ts";
import { constructors } from "./constructors.ts";
import { applyLambda, lambdaFunctions } from "./lambdas.ts";
import { literal } from "./literals.ts";
import { type ParseOptions, parseExpression } from "./parse.ts";
import { incomparable, mismatched, unknownColumn, unsupported } from "./refusal.ts";
import { oneOf, type ScopeRelation, type SparkRelation, scopeRelation } from "./relations.ts";
import { arrayRules } from "./rules-arrays.ts";
import { collectionRules } from "./rules-collections.ts";
import { dateRules } from "./rules-dates.ts";
import { hasNoOrder, logicRules } from "./rules-logic.ts";
import { moreNumberRules, numberRules } from "./rules-numbers.ts";
import { moreTextRules, patternRules } from "./rules-patterns.ts";
import { textRules } from "./rules-text.ts";
import type { CallSyntax, CastSyntax, FieldSyntax, Syntax } from "./syntax.ts";
import {
  type Form,
  kindOf,
  literalTerm,
  momentKinds,
  numberKinds,
  type Rule,
  type Term,
  type TypeKind,
  term,
  typed,
} from "./term.ts";

/**
 * Every function and operator that is translated; each form is proved against Spark
 * (test/interop/spark-expressions.test.ts).
 */
export const rules: readonly Rule[] = [
  ...logicRules,
  ...numberRules,
  ...moreNumberRules,
  ...textRules,
  ...moreTextRules,
  ...patternRules,
  ...dateRules,
  ...collectionRules,
  ...arrayRules,
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

const connectives: ReadonlySet<string> = new Set(["and", "or", "not"]);
const comparisons: ReadonlySet<string> = new Set(["=", "<>", "<", "<=", ">", ">=", "<=>", "in", "between"]);
const arithmetic: ReadonlySet<string> = new Set(["+", "-", "*", "/", "%", "div", "mod", "pmod"]);
/** What Spark casts to text unasked. */
const writable: readonly TypeKind[] = [...numberKinds, ...momentKinds, "boolean"];

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
  /** CHAR columns are padded with spaces, as Spark reads them from a table. Default: as they are stored. */
  readonly padsChars?: boolean | undefined;
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
  { qualifiers = [], padsChars, ...options }: TranslationOptions = {},
): Term {
  return translateOver(expression, [{ names: qualifiers, schema, padsChars }], options);
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
      return castTerm(translate(syntax.operand, scope), syntax);
    case "call":
      return lambdaFunctions.has(syntax.name) ? lambdaTerm(syntax, scope) : callTerm(syntax, scope);
    case "lambda":
      throw unsupported("a lambda where it stands");
  }
}

function castTerm(operand: Term, { type, tried = false }: Pick<CastSyntax, "type" | "tried">): Term {
  const given = tried ? { ...operand, fails: undefined } : operand;
  const cast = castTo(given, type);
  if (cast === undefined) throw unsupported(`a cast of ${typeText(operand.type)} to ${typeText(type)}`);
  if (!tried) return cast;
  const value =
    cast.fails === undefined ? cast.sql : sql`CASE WHEN ${cast.fails} THEN NULL ELSE ${cast.sql} END`;
  return typed(cast.type, value, operand.fails);
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
  if (!isPrimitive(type) && type.type === "array") return fieldsTerm(operand, type, name);
  const field = fieldOf(type, name);
  if (field === undefined) throw unsupported(`the field ${name} of a ${typeText(type)}`);
  return term(field.type, sql`struct_extract(${operand.sql}, ${quoteText(field.name)})`, operand.fails);
}

/** A field of each element of an array. */
function fieldsTerm(operand: Term, { elementType }: ArrayType, name: string): Term {
  const field = fieldOf(elementType, name);
  if (field === undefined) throw unsupported(`the field ${name} of an array of ${typeText(elementType)}`);
  const values = sql`list_transform(${operand.sql}, ${lambda("x", (x) => sql`struct_extract(${x}, ${quoteText(field.name)})`)})`;
  return term({ type: "array", elementType: field.type, containsNull: true }, values, operand.fails);
}

function fieldOf(type: DeltaType, name: string): StructField | undefined {
  const fields = !isPrimitive(type) && type.type === "struct" ? type.fields : [];
  return fields.find((candidate) => foldName(candidate.name) === foldName(name));
}

function callTerm({ name, args: syntaxes }: CallSyntax, scope: Scope): Term {
  const clock = syntaxes.length === 0 ? clockTerm(name, scope) : undefined;
  if (clock !== undefined) return clock;
  const construct = Object.hasOwn(constructors, name) ? constructors[name] : undefined;
  const isSpecial = construct !== undefined || Object.hasOwn(castFunctions, name);
  const forms = isSpecial ? [] : byName.get(name);
  if (forms === undefined) throw unsupported(`the function or operator ${name}`);
  const given = syntaxes.map((arg) => translate(arg, scope));
  const args = arithmetic.has(name) ? asNumbers(given) : given;
  const castType = args.length === 1 && Object.hasOwn(castFunctions, name) ? castFunctions[name] : undefined;
  if (castType !== undefined)
    return castTerm(args[0] ?? literalTerm(literal("void", null)), { type: castType });
  const constructed = name === "[]" ? namedField(args) : construct?.(args);
  if (constructed !== undefined) return constructed;
  for (const form of forms) {
    const result = covers(form, name, args) ? form.build(args) : undefined;
    if (result !== undefined) return result;
  }
  for (const form of forms) {
    const cast = implicitlyCast(form, args);
    const result = cast !== undefined && covers(form, name, cast) ? form.build(cast) : undefined;
    if (result !== undefined) return result;
  }
  const notTrue = connectives.has(name) ? args.find(({ type }) => type !== "boolean") : undefined;
  if (notTrue !== undefined) throw mismatched(notTrue.type, "boolean");
  const unordered = comparisons.has(name) ? args.find(({ type }) => hasNoOrder(type)) : undefined;
  if (unordered !== undefined) throw incomparable(unordered.type);
  throw unsupported(
    `${describe(name)} with ${args.map(({ type }) => typeText(type)).join(", ") || "no arguments"}`,
  );
}

/** Operands of arithmetic: text beside a number is a bigint or a double, as in a comparison, and NULL has its type. */
function asNumbers(args: readonly Term[]): readonly Term[] {
  const isNumber = ({ type }: Term) => numberKinds.some((kind) => kind === kindOf(type));
  const isOther = ({ type }: Term) => type === "string" || type === "void";
  const casts = args.length === 2 && args.some(isNumber) && args.some(isOther);
  return (casts ? commonTerms(args, false, true) : undefined) ?? args;
}

/** `struct['field']`. */
function namedField([struct, name]: readonly Term[]): Term | undefined {
  const field = name?.literal?.type === "string" ? name.literal.value : null;
  return struct === undefined || kindOf(struct.type) !== "struct" || field === null
    ? undefined
    : fieldTerm(struct, field);
}

function lambdaTerm({ name, args }: CallSyntax, scope: Scope): Term {
  const [collection, body, ...more] = args;
  if (collection === undefined || body?.kind !== "lambda" || more.length > 0)
    throw unsupported(`the function ${name} without one lambda`);
  const depth = scope.depth + 1;
  const { parameters } = body;
  const of = (values: readonly Term[]) => {
    const named = parameters.flatMap((parameter, index): [string, Term][] => {
      const value = values[index];
      return value === undefined ? [] : [[foldName(parameter), value]];
    });
    return translate(body.body, { ...scope, variables: new Map([...scope.variables, ...named]), depth });
  };
  const inner = { parameters: parameters.length, of };
  const result = applyLambda(name, translate(collection, scope), inner, `x${depth}`);
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

/** Arguments cast as Spark does unasked: values to text, text to dates, and NULL to whatever is expected. */
function implicitlyCast({ takes, exact }: Form, args: readonly Term[]): readonly Term[] | undefined {
  if (exact === true) return undefined;
  let isOther = false;
  const cast = args.map((arg, index) => {
    const { kinds = [], constants } = takes[index] ?? takes.at(-1) ?? {};
    const type = constants === undefined ? implicitType(arg, kinds) : undefined;
    const value = type && castTo(arg, type);
    isOther ||= value !== undefined;
    return value ?? arg;
  });
  return isOther ? cast : undefined;
}

function implicitType({ type }: Term, kinds: readonly TypeKind[]): DeltaType | undefined {
  const [first] = kinds;
  const kind = kindOf(type);
  if (kinds.includes(kind)) return undefined;
  if (first === "string" && kinds.length === 1 && (kind === "void" || writable.includes(kind)))
    return "string";
  if (first === "boolean" && kind === "void") return "boolean";
  const isMoment = first === "date" || first === "timestamp";
  return isMoment && (kind === "string" || kind === "void") ? first : undefined;
}

function describe(name: string): string {
  return /^[a-z_0-9]+$/.test(name) ? `the function ${name}` : `the operator ${name}`;
}
