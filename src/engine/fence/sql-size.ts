import { VarveError } from "../../errors.ts";
import { commentEnd } from "../../sql/block-comment.ts";
import { hasLoneSurrogate } from "../../util/lone-surrogate.ts";

/**
 * Maximum characters of one run of operator signs, including `/*`: the time of the engine's scanner grows
 * with the square of its length.
 */
const longestRun = 200;
/**
 * Maximum depth of nested calls (`a + b + c` has two): the time of the engine's optimiser grows with about
 * its cube. Spark expressions may have the same depth.
 */
const deepestExpression = 100;
/**
 * Maximum number of calls and operators in one expression of a suite, a repair or a condition. A list of
 * values, or `a AND b AND c`, counts as one.
 */
const mostCalls = 2_000;

const sign = "[~!@#^&|`?+\\-*/%<>=]";
const run = new RegExp(`${sign}+`, "y");

/**
 * A token of the engine's scanner, as far as signs in it have another meaning; block comments nest, and end
 * at {@link commentEnd}.
 */
const token = new RegExp(
  [
    "--[^\\n\\r]*",
    "/\\*",
    `${sign}+?(?=--|/\\*|[^~!@#^&|\`?+\\-*/%<>=]|$)`,
    "[eE]'[^'\\\\]*(?:(?:\\\\[\\s\\S]|'')[^'\\\\]*)*'",
    // A doubled quotation mark ends one token and begins the next: a loop over it has no room for megabytes.
    "'[^']*'",
    '"[^"]*"',
    "\\$([A-Za-z_\\u0080-\\uffff][\\w\\u0080-\\uffff]*)?\\$[\\s\\S]*?\\$\\1\\$",
    "[A-Za-z_\\u0080-\\uffff][\\w$\\u0080-\\uffff]*",
  ].join("|"),
  "g",
);

/**
 * Refuses SQL that takes the engine long to parse: long runs of signs, such as nested comments; and SQL that the
 * engine would get with other characters.
 *
 * @throws `SQL_REFUSED`, with the length and the limit of a run
 */
export function checkText(sql: string): void {
  if (hasLoneSurrogate(sql)) throw notUtf8();
  token.lastIndex = 0;
  for (let match = token.exec(sql); match !== null; match = token.exec(sql)) {
    const [text] = match;
    const signs = signsFrom(sql, match.index);
    // A comment that is a line of stars or dashes is read once.
    const isRule = text.startsWith("--") || (text === "/*" && !signs.includes("/*", 1));
    if (!isRule) checkRun(signs);
    if (text !== "/*") continue;
    token.lastIndex = commentEnd(sql, match.index);
    const comment = sql.slice(match.index, token.lastIndex);
    for (const [inner] of comment.matchAll(innerRun)) if (inner.includes("/*", 1)) checkRun(inner);
  }
}

const innerRun = new RegExp(`${sign}+`, "g");

function notUtf8(): VarveError {
  const reason = "it holds half of a surrogate pair";
  return new VarveError(
    "SQL_REFUSED",
    `This SQL was refused because ${reason}, which no text in a table can hold. Correct the text.`,
    { reason },
  );
}

function signsFrom(sql: string, index: number): string {
  run.lastIndex = index;
  return run.exec(sql)?.[0] ?? "";
}

function checkRun({ length }: string): void {
  if (length > longestRun) throw tooMuch(`a run of ${length} operator signs`, longestRun, length);
}

/**
 * Refuses an expression that would take the engine long. @throws `SQL_REFUSED` with the number and the limit
 */
export function checkExpressionSize(expression: object): void {
  const { calls } = checkDepth(expression);
  if (calls > mostCalls) throw tooMuch(`${calls} calls and operators`, mostCalls, calls);
}

/**
 * Refuses a tree with expressions that are too deep for the engine; returns its number of calls. @throws
 * `SQL_REFUSED`
 */
export function checkDepth(tree: object): { readonly calls: number } {
  let [calls, deepest] = [0, 0];
  const open: { readonly part: unknown; readonly depth: number }[] = [{ part: tree, depth: 0 }];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { part, depth } = next;
    const inner = isCall(part) ? depth + 1 : depth;
    if (inner > depth) calls++;
    deepest = Math.max(deepest, inner);
    if (typeof part !== "object" || part === null) continue;
    for (const value of Object.values(part)) open.push({ part: value, depth: inner });
  }
  if (deepest > deepestExpression)
    throw tooMuch(`expressions nested ${deepest} deep`, deepestExpression, deepest);
  return { calls };
}

function isCall(part: unknown): boolean {
  if (typeof part !== "object" || part === null || !("class" in part)) return false;
  const kind = part.class;
  return typeof kind === "string" && kind !== "CONSTANT" && kind !== "COLUMN_REF" && kind !== "LAMBDA_REF";
}

function tooMuch(what: string, limit: number, count: number): VarveError {
  return new VarveError(
    "SQL_REFUSED",
    `This SQL was refused because it has ${what}; the limit is ${limit}. Split or simplify it.`,
    {
      reason: `it has ${what}`,
      count,
      limit,
    },
  );
}
