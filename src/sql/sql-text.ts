import { assertInternal } from "../errors.ts";
import { type SqlExpression, type SqlName, sql } from "./sql.ts";

/** A name as an SQL identifier, exact in spelling. */
export function quoteName(name: string): SqlName {
  return `"${name.replaceAll('"', '""')}"` as SqlName;
}

/** A name that varve made, as an SQL identifier without quotes: of ASCII letters, digits and `_` only. */
export function plainName(name: string): SqlName {
  assertInternal(/^[A-Za-z_][A-Za-z0-9_]*$/.test(name), `the plain name ${name}`);
  return name as SqlName;
}

/** A text as an SQL string literal; one that holds NUL, at which the engine ends a statement, as an expression. */
export function quoteText(text: string): SqlExpression {
  const quoted = `'${text.replaceAll("'", "''")}'`;
  return (text.includes("\0") ? `(${quoted.replaceAll("\0", "' || chr(0) || '")})` : quoted) as SqlExpression;
}

/**
 * A lambda of the engine. Its body gets the parameter in parentheses: the engine takes `x.a` for a field of the
 * column `x`, where there is one, and `(x).a` for a field of the parameter.
 */
export function lambda(parameter: string, body: (value: SqlExpression) => SqlExpression): SqlExpression {
  const name = plainName(parameter);
  return sql`lambda ${name}: ${body(sql`(${name})`)}`;
}

/**
 * The pattern under which the engine finds exactly this file, whose name or folder may hold `*`, `?` or `[`.
 */
export function filePattern(file: string): string {
  return file.replace(/[*?[]/g, (character) => `[${character}]`);
}

/**
 * A local file's name as the engine's readers take it (`read_parquet` and the like): never as a pattern that
 * finds other files.
 */
export function quoteFile(file: string): SqlExpression {
  return quoteText(filePattern(file));
}

/** Local files' names as the engine's readers take several. */
export function fileList(files: readonly string[]): SqlExpression {
  return textList(files.map(filePattern));
}

/** A list literal of texts, e.g. `['a', 'b']`. */
export function textList(texts: readonly string[]): SqlExpression {
  return sql`[${texts.map(quoteText)}]`;
}

/** A name as an identifier of Spark SQL. */
export function quoteSparkName(name: string): SqlName {
  return `\`${name.replaceAll("`", "``")}\`` as SqlName;
}

/** A text as a literal of Spark SQL, where a backslash is an escape. */
export function quoteSparkText(text: string): SqlExpression {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'` as SqlExpression;
}

/** The expression with each occurrence of a part replaced. */
export function replaceSql(whole: SqlExpression, part: SqlExpression, by: SqlExpression): SqlExpression {
  return whole.replaceAll(part, () => by) as SqlExpression;
}

/** SQL of a suite as its author wrote it, for a text that is handed out and not run here. */
export function sqlAsWritten(text: string): SqlExpression {
  return text as SqlExpression;
}

/** A number's digits as JavaScript writes them. */
export function numberDigits(value: number | bigint): SqlExpression {
  return String(value) as SqlExpression;
}

/** The type of a column, in the engine's own words for it. */
export function columnType(type: string): SqlExpression {
  return type as SqlExpression;
}

/**
 * A name as the engine compares names: it takes the letters A to Z alone for those in lower case. To hold more names
 * equal would let a name that the engine does not know, such as one with a Kelvin sign for a k, answer for a file.
 */
export function engineFold(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}
