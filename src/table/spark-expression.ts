import { VarveError } from "../errors.ts";
import { foldName } from "../schema/schema-json.ts";
import { quoteName, quoteText } from "../util/sql-text.ts";

/** Functions that mean the same in Spark SQL and in the engine, for the types that Delta has. */
const sameFunctions: ReadonlySet<string> = new Set(
  (
    "abs ceil ceiling floor coalesce nullif greatest least length char_length upper lower ucase lcase trim ltrim rtrim substring substr concat " +
    "replace left right lpad rpad starts_with startswith endswith contains instr year month day dayofmonth hour minute second quarter " +
    "date_trunc isnan sqrt exp ln sign power pow reverse repeat if ifnull nvl isnull isnotnull current_date current_timestamp"
  ).split(" "),
);

/** Functions under another name in the engine. */
const renamedFunctions: Readonly<Record<string, string>> = {
  ucase: "upper",
  lcase: "lower",
  startswith: "starts_with",
  endswith: "ends_with",
  char_length: "length",
  nvl: "ifnull",
  dayofmonth: "day",
  size: "len",
};

/** Words that stand before a parenthesis without being functions. */
const keywords: ReadonlySet<string> = new Set(
  "and or not in between like is null case when then else end as cast true false date timestamp interval exists".split(" "),
);

/** Types of Spark by the engine's name; casts to whole numbers are left out because Spark cuts a fraction where the engine rounds. */
const castTypes: Readonly<Record<string, string>> = {
  string: "VARCHAR",
  date: "DATE",
  timestamp: "TIMESTAMPTZ",
  timestamp_ntz: "TIMESTAMP",
  double: "DOUBLE",
  boolean: "BOOLEAN",
  binary: "BLOB",
};

interface Token {
  readonly kind: "word" | "name" | "text" | "number" | "symbol";
  readonly value: string;
}

/**
 * Rewrites a scalar expression of Spark SQL, as tables hold them in constraints and generated columns, for the engine.
 *
 * Only what means the same in both is let through: `"text"` and escapes in texts, back-ticks, `<=>`, `==`, `rlike`, Spark's type names and
 * a list of functions are handled.
 *
 * @param columns names of the columns that it may use: the engine reserves words that Spark does not
 * @throws `UNSUPPORTED_FEATURE` naming the function, type or character that is not
 */
export function sparkToEngineSql(expression: string, columns: readonly string[] = []): string {
  const names = new Map(columns.map((name) => [foldName(name), name]));
  const tokens = [...tokenize(expression)];
  let result = "";
  for (const [at, token] of tokens.entries()) result += `${rewrite(token, at, tokens, names)} `;
  return result.trim();
}

function rewrite(token: Token, at: number, tokens: readonly Token[], columns: ReadonlyMap<string, string>): string {
  if (token.kind === "text") return quoteText(token.value);
  if (token.kind === "name") return quoteName(token.value);
  if (token.kind === "number") return token.value;
  if (token.kind === "symbol") return token.value === "<=>" ? "IS NOT DISTINCT FROM" : token.value === "==" ? "=" : token.value;
  const word = token.value.toLowerCase();
  if (word === "rlike" || word === "regexp") throw unsupported(`the operator ${token.value}`);
  if (isCastType(at, tokens)) return castType(word);
  const column = columns.get(foldName(token.value));
  if (column !== undefined && tokens[at + 1]?.value !== "(" && tokens[at - 1]?.value !== ".") return quoteName(column);
  if (tokens[at + 1]?.value !== "(" || keywords.has(word))
    return word === "timestamp" && tokens[at + 1]?.kind === "text" ? "TIMESTAMPTZ" : token.value;
  if (word !== "size" && !sameFunctions.has(word)) throw unsupported(`the function ${token.value}`);
  return renamedFunctions[word] ?? token.value;
}

/** Whether a word is what a CAST casts to: it follows AS, as column aliases cannot stand in an expression. */
function isCastType(at: number, tokens: readonly Token[]): boolean {
  const before = tokens[at - 1];
  return before?.kind === "word" && before.value.toLowerCase() === "as";
}

function castType(word: string): string {
  const type = castTypes[word];
  if (type === undefined && word !== "decimal") throw unsupported(`a cast to ${word}`);
  return type ?? "DECIMAL";
}

function* tokenize(text: string): Generator<Token> {
  const pattern =
    /\s+|(?<word>[\p{L}_][\p{L}\p{N}_]*)|`(?<name>(?:[^`]|``)*)`|'(?<single>(?:[^'\\]|\\.|'')*)'|"(?<double>(?:[^"\\]|\\.|"")*)"|(?<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|\.\d+)(?<suffix>[\p{L}]*)|(?<symbol><=>|<>|!=|<=|>=|==|\|\||[-+*/%()<>=,.])/suy;
  let at = 0;
  while (at < text.length) {
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    if (found === null) throw unsupported(`the character ${JSON.stringify(text[at])}`);
    at = pattern.lastIndex;
    const groups = found.groups ?? {};
    if (groups["suffix"]) throw unsupported(`the number ${found[0]}`);
    if (groups["word"] !== undefined) yield { kind: "word", value: groups["word"] };
    else if (groups["name"] !== undefined) yield { kind: "name", value: groups["name"].replaceAll("``", "`") };
    else if (groups["single"] !== undefined) yield { kind: "text", value: unescapeText(groups["single"], "'") };
    else if (groups["double"] !== undefined) yield { kind: "text", value: unescapeText(groups["double"], '"') };
    else if (groups["number"] !== undefined) yield { kind: "number", value: groups["number"] };
    else if (groups["symbol"] !== undefined) yield { kind: "symbol", value: groups["symbol"] };
  }
}

/** Spark reads backslash escapes in texts unless told otherwise; a doubled quote is two texts side by side, which it joins. */
function unescapeText(text: string, quote: string): string {
  const known: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r", "0": "\0", b: "\b", "%": "\\%", _: "\\_" };
  return text.replaceAll(quote + quote, "").replace(/\\(.)/gs, (_, character: string) => known[character] ?? character);
}

function unsupported(what: string): VarveError {
  return new VarveError("UNSUPPORTED_FEATURE", `It uses ${what}, which is not known to mean the same in both.`, { what });
}
