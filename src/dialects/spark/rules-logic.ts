import { isPrimitive } from "../../schema/type-names.ts";
import type { DeltaType } from "../../schema/types.ts";
import { joinSql, type SqlExpression, sql } from "../../sql/sql.ts";
import { quoteText } from "../../sql/sql-text.ts";
import { engineTypeText } from "../engine-types.ts";
import { castTo } from "./casts.ts";
import { commonTerms, paddedTerms } from "./coercion.ts";
import { lowered } from "./letter-case.ts";
import {
  anyOf,
  type Form,
  failsInOrder,
  kindOf,
  momentKinds,
  numberKinds,
  type Parameter,
  type Rule,
  sqlsOf,
  type Term,
  type TypeKind,
  term,
  typed,
} from "./term.ts";

const boolean: Parameter = { kinds: ["boolean"] };
const text: Parameter = { kinds: ["string"] };
const scalarKinds: readonly TypeKind[] = [...numberKinds, ...momentKinds, "string", "boolean", "binary"];
const scalar: Parameter = { kinds: [...scalarKinds, "void"] };
const anything: Parameter = { kinds: [...scalarKinds, "void", "array", "map", "struct"] };
/** What text is cast to beside it. */
const besides: Parameter = { kinds: [...numberKinds, ...momentKinds, "boolean", "binary"] };
const textDomain = "text as in a cast";
const infix = (name: string, [left, right]: readonly string[]): string => `${left} ${name} ${right}`;
const joined = (name: string, args: readonly string[]): string =>
  args.map((arg) => `(${arg})`).join(` ${name} `);
const comparisons = { "=": sql`=`, "<>": sql`<>`, "<": sql`<`, "<=": sql`<=`, ">": sql`>`, ">=": sql`>=` };
type Comparison = keyof typeof comparisons;

/**
 * Comparisons and what depends on conditions: text by its bytes, NaN equal to itself and greater than
 * all, -0.0 equal to 0.0.
 */
export const logicRules: readonly Rule[] = [
  ...Object.entries(comparisons).map(
    ([name, symbol]): Rule => ({
      names: [name],
      spell: infix,
      forms: [
        ...besideText((args) => comparison(symbol, args)),
        { takes: [scalar, scalar], build: (args) => comparison(symbol, args) },
        ...nestedForms((left, right) => sql`${left} ${symbol} ${right}`, name === "=" || name === "<>"),
      ],
    }),
  ),
  {
    names: ["<=>"],
    spell: infix,
    forms: [
      ...besideText(sameOrNull),
      { takes: [scalar, scalar], build: sameOrNull },
      ...nestedForms((left, right) => sql`${left} IS NOT DISTINCT FROM ${right}`, true),
    ],
  },
  {
    names: ["and"],
    spell: joined,
    forms: [{ takes: [boolean, boolean], repeats: true, build: (args) => connected("AND", args) }],
  },
  {
    names: ["or"],
    spell: joined,
    forms: [{ takes: [boolean, boolean], repeats: true, build: (args) => connected("OR", args) }],
  },
  {
    names: ["not"],
    spell: (_, [x]) => `NOT (${x})`,
    forms: [{ takes: [boolean], build: ([x]) => x && term("boolean", sql`NOT ${x.sql}`, x.fails) }],
  },
  ...[true, false].map(
    (value): Rule => ({
      names: [`is ${value}`],
      spell: (_, [x]) => `(${x}) IS ${value}`,
      forms: [
        {
          takes: [boolean],
          build: ([x]) => x && term("boolean", sql`${x.sql} IS ${value ? sql`TRUE` : sql`FALSE`}`, x.fails),
        },
      ],
    }),
  ),
  { names: ["is null"], spell: (_, [x]) => `(${x}) IS NULL`, forms: [nullTest(sql`IS NULL`)] },
  { names: ["isnull"], forms: [nullTest(sql`IS NULL`)] },
  { names: ["isnotnull"], forms: [nullTest(sql`IS NOT NULL`)] },
  {
    names: ["between"],
    spell: (_, [x, low, high]) => `${x} BETWEEN ${low} AND ${high}`,
    forms: [
      { takes: [besides, text, text], domain: textDomain, exact: true, build: between },
      { takes: [text, besides, besides], domain: textDomain, exact: true, build: between },
      { takes: [scalar, scalar, scalar], build: between },
    ],
  },
  {
    names: ["in"],
    spell: (_, [x, ...items]) => `${x} IN (${items.join(", ")})`,
    forms: [
      ...besideText(memberOf).map((form) => ({ ...form, repeats: true })),
      { takes: [scalar, scalar], repeats: true, build: memberOf },
    ],
  },
  { names: ["case"], spell: spellCase, forms: [caseForm(2), caseForm(3)] },
  { names: ["if"], forms: [caseForm(3)] },
  { names: ["coalesce"], forms: [{ takes: [scalar, scalar], repeats: true, build: firstPresent }] },
  { names: ["nvl", "ifnull"], forms: [{ takes: [scalar, scalar], build: firstPresent }] },
  { names: ["nullif"], forms: [...besideText(nullIf), { takes: [scalar, scalar], build: nullIf }] },
  {
    names: ["nvl2"],
    forms: [
      {
        takes: [scalar, scalar, scalar],
        build: ([x, ...rest]) => x && chosen([term("boolean", sql`${x.sql} IS NOT NULL`, x.fails), ...rest]),
      },
    ],
  },
  ...(["greatest", "least"] as const).map(
    (name): Rule => ({
      names: [name],
      forms: [
        {
          takes: [{ kinds: scalarKinds }, { kinds: scalarKinds }],
          repeats: true,
          build: (args) => extreme(name, args),
        },
      ],
    }),
  ),
  {
    names: ["like"],
    spell: (_, [x, pattern, mark]) => `${x} LIKE ${pattern}${mark === undefined ? "" : ` ESCAPE ${mark}`}`,
    forms: [
      {
        takes: [
          text,
          {
            kinds: ["string"],
            constants: ["'a%'", "'_'", "'%\\\\_%'", "''", "'%😀%'", "'_\\%'", "'%\\n%'", "'\\\\\\\\%'"],
          },
        ],
        build: ([x, pattern]) => x && pattern && like(x, pattern, "\\"),
      },
      {
        takes: [
          text,
          { kinds: ["string"], constants: ["'a!%%'", "'!_%'", "'!!%'"] },
          { kinds: ["string"], constants: ["'!'"] },
        ],
        build: ([x, pattern, mark]) => x && pattern && like(x, pattern, mark?.literal?.value ?? ""),
      },
    ],
  },
  {
    names: ["ilike"],
    spell: (_, [x, pattern]) => `${x} ILIKE ${pattern}`,
    forms: [
      {
        takes: [text, { kinds: ["string"], constants: ["'A%'", "'_'", "'%\\\\%b'"] }],
        domain: "letters whose lower case is known to be the same",
        build: ([x, pattern]) => x && pattern && likeInAnyCase(x, pattern),
      },
    ],
  },
];

/** Forms that compare text with other values, to whose type it is cast. */
function besideText(build: Form["build"]): readonly Form[] {
  return [
    { takes: [besides, text], domain: textDomain, exact: true, build },
    { takes: [text, besides], domain: textDomain, exact: true, build },
  ];
}

function nullTest(test: SqlExpression): Form {
  return { takes: [anything], build: ([x]) => x && term("boolean", sql`${x.sql} ${test}`, x.fails) };
}

function compared(name: Comparison, args: readonly Term[]): Term | undefined {
  return comparison(comparisons[name], args);
}

/** Structs and arrays of one type are equal if their parts are, of which nulls are equal too. */
function nestedForms(
  compare: (left: SqlExpression, right: SqlExpression) => SqlExpression,
  isEquality: boolean,
): readonly Form[] {
  if (!isEquality) return [];
  return (["struct", "array"] as const).map((kind) => ({
    takes: [{ kinds: [kind] }, { kinds: [kind] }],
    build: ([left, right]) => {
      if (left === undefined || right === undefined) return undefined;
      if (engineTypeText(left.type) !== engineTypeText(right.type) || hasNoOrder(left.type)) return undefined;
      return term("boolean", compare(left.sql, right.sql), anyOf([left.fails, right.fails]));
    },
  }));
}

/** Whether Spark compares no values of a type: those with a map or a variant in them. */
export function hasNoOrder(type: DeltaType): boolean {
  if (isPrimitive(type)) return type === "variant";
  if (type.type === "array") return hasNoOrder(type.elementType);
  if (type.type === "struct") return type.fields.some((field) => hasNoOrder(field.type));
  return type.type === "map";
}

function comparison(symbol: SqlExpression, args: readonly Term[]): Term | undefined {
  const [left, right] = commonTerms(paddedTerms(args), true, true) ?? [];
  return (
    left && right && term("boolean", sql`${left.sql} ${symbol} ${right.sql}`, failsInOrder([left, right]))
  );
}

function sameOrNull(args: readonly Term[]): Term | undefined {
  const [left, right] = commonTerms(paddedTerms(args), true, true) ?? [];
  return (
    left &&
    right &&
    term("boolean", sql`${left.sql} IS NOT DISTINCT FROM ${right.sql}`, anyOf([left.fails, right.fails]))
  );
}

/** A condition fails where an operand does that is looked at: none is after the first that decides. */
function connected(word: "AND" | "OR", args: readonly Term[]): Term {
  const decides = word === "AND" ? sql`FALSE` : sql`TRUE`;
  const fails = args.map((arg, index) => {
    const before = args.slice(0, index).map((arg) => sql`${arg.sql} IS NOT ${decides}`);
    return arg.fails === undefined ? undefined : sql`(${joinSql([...before, arg.fails], sql` AND `)})`;
  });
  return term("boolean", joinSql(sqlsOf(args), word === "AND" ? sql` AND ` : sql` OR `), anyOf(fails));
}

function between([x, low, high]: readonly Term[]): Term | undefined {
  const [above, below] = [x && low && compared(">=", [x, low]), x && high && compared("<=", [x, high])];
  return above && below && connected("AND", [above, below]);
}

/** Items are looked at in their order up to the first that is equal, and none for a null. */
function memberOf(args: readonly Term[]): Term | undefined {
  const [x, ...items] = commonTerms(paddedTerms(args), false, true) ?? [];
  if (x === undefined) return undefined;
  const fails = items.map((item, index) => {
    const before = items.slice(0, index).map((other) => sql`(${x.sql} = ${other.sql}) IS NOT TRUE`);
    return item.fails && sql`(${joinSql([sql`${x.sql} IS NOT NULL`, ...before, item.fails], sql` AND `)})`;
  });
  return term("boolean", sql`${x.sql} IN (${sqlsOf(items)})`, anyOf([x.fails, ...fails]));
}

function spellCase(_: string, args: readonly string[]): string {
  const otherwise = args.length % 2 === 0 ? "" : ` ELSE ${args.at(-1)}`;
  const branches = args
    .slice(0, args.length - (args.length % 2))
    .flatMap((when, index) => (index % 2 === 0 ? [`WHEN ${when} THEN ${args[index + 1]}`] : []));
  return `CASE ${branches.join(" ")}${otherwise} END`;
}

function caseForm(count: 2 | 3): Form {
  return { takes: [boolean, scalar, scalar].slice(0, count), build: chosen };
}

/** `CASE WHEN c1 THEN v1 … [ELSE v]` of its parts in order. */
function chosen(args: readonly Term[]): Term | undefined {
  const branchCount = Math.floor(args.length / 2);
  const conditions = Array.from({ length: branchCount }, (_, index) => args[2 * index]).filter(
    (arg) => arg !== undefined,
  );
  const values = commonTerms(
    args.filter((_, index) => index % 2 === 1 || index === 2 * branchCount),
    false,
  );
  if (values === undefined || conditions.some(({ type }) => type !== "boolean")) return undefined;
  const type: DeltaType = values[0]?.type ?? "void";
  const fails: SqlExpression[] = [];
  const branches: SqlExpression[] = [];
  let before = sql``;
  for (const [index, condition] of conditions.entries()) {
    const value = values[index];
    if (condition.fails !== undefined) fails.push(sql`(${before}${condition.fails})`);
    if (value?.fails !== undefined) fails.push(sql`(${before}${condition.sql} IS TRUE AND ${value.fails})`);
    branches.push(sql`WHEN ${condition.sql} THEN ${value?.sql ?? sql`NULL`}`);
    before = sql`${before}${condition.sql} IS NOT TRUE AND `;
  }
  const otherwise = values[branchCount];
  if (otherwise?.fails !== undefined) fails.push(sql`(${before}${otherwise.fails})`);
  if (otherwise !== undefined) branches.push(sql`ELSE ${otherwise.sql}`);
  return term(type, sql`CASE ${joinSql(branches, sql` `)} END`, anyOf(fails));
}

function firstPresent(args: readonly Term[]): Term | undefined {
  const terms = commonTerms(args, false);
  if (terms === undefined) return undefined;
  const fails = terms.map((arg, index) => {
    const before = terms.slice(0, index).map((arg) => sql`${arg.sql} IS NULL`);
    return arg.fails === undefined ? undefined : sql`(${joinSql([...before, arg.fails], sql` AND `)})`;
  });
  return term(terms[0]?.type ?? "void", sql`coalesce(${sqlsOf(terms)})`, anyOf(fails));
}

function nullIf([x, other]: readonly Term[]): Term | undefined {
  const same = x && other && compared("=", [x, other]);
  return (
    same &&
    x &&
    term(x.type, sql`CASE WHEN ${same.sql} THEN NULL ELSE ${x.sql} END`, anyOf([x.fails, same.fails]))
  );
}

/** Of floats too as doubles: the engine's own would lose the sign of a zero. */
function extreme(name: "greatest" | "least", args: readonly Term[]): Term | undefined {
  const terms = commonTerms(args, false);
  const type = terms?.[0]?.type ?? "void";
  const compared = type === "float" ? terms?.map((arg) => castTo(arg, "double")) : terms;
  if (compared === undefined || !compared.every((arg) => arg !== undefined)) return undefined;
  return typed(
    type,
    sql`${name === "least" ? sql`least` : sql`greatest`}(${sqlsOf(compared)})`,
    anyOf(compared.map(({ fails }) => fails)),
  );
}

function like(x: Term, pattern: Term, mark: string): Term | undefined {
  const value = pattern.literal?.value;
  if (typeof value !== "string") return undefined;
  const likePattern = enginePattern(value, mark);
  if (likePattern === undefined || kindOf(x.type) !== "string") return undefined;
  return term(
    "boolean",
    sql`${x.sql} LIKE ${quoteText(likePattern)}${likePattern.includes("\\") ? sql` ESCAPE '\\'` : sql``}`,
    x.fails,
  );
}

function likeInAnyCase(x: Term, pattern: Term): Term | undefined {
  const value = pattern.literal?.value ?? "";
  // biome-ignore lint/suspicious/noControlCharactersInRegex: every character beyond ASCII is left out
  if (!/^[\x01-\x7f]*$/.test(value)) return undefined;
  const literal = { kind: "literal" as const, type: "string" as const, value: value.toLowerCase() };
  return like(lowered(x), { ...pattern, literal }, "\\");
}

/** A pattern of Spark in which a backslash escapes; `undefined` for one that Spark refuses too. */
function enginePattern(pattern: string, mark: string): string | undefined {
  if ([...mark].length !== 1 || mark === "%" || mark === "_" || pattern.includes("\0")) return undefined;
  const characters = [...pattern];
  let result = "";
  for (let index = 0; index < characters.length; index++) {
    const character = characters[index] ?? "";
    if (character !== mark) {
      result += character === "\\" ? "\\\\" : character;
      continue;
    }
    const escaped = characters[++index];
    if (escaped !== "%" && escaped !== "_" && escaped !== mark) return undefined;
    result += escaped === "%" || escaped === "_" || escaped === "\\" ? `\\${escaped}` : escaped;
  }
  return result;
}
