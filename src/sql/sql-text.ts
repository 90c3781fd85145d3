import { assertInternal } from "../errors.ts";
import { type SqlExpression, type SqlName, sql } from "./sql.ts";

/** A name as a quoted SQL identifier. */
export function quoteName(name: string): SqlName {
  return `"${name.replaceAll('"', '""')}"` as SqlName;
}

/**
 * A name chosen by varve, as an SQL identifier without quotes; only ASCII letters, digits and `_` are
 * allowed.
 */
export function plainName(name: string): SqlName {
  assertInternal(/^[A-Za-z_][A-Za-z0-9_]*$/.test(name), `the plain name ${name}`);
  return name as SqlName;
}

/**
 * A text as an SQL string literal, or as an expression if it contains NUL, at which the engine ends a
 * statement.
 */
export function quoteText(text: string): SqlExpression {
  const quoted = `'${text.replaceAll("'", "''")}'`;
  return (text.includes("\0") ? `(${quoted.replaceAll("\0", "' || chr(0) || '")})` : quoted) as SqlExpression;
}

/**
 * A lambda of the engine. Its body receives the parameter in parentheses, because the engine takes `x.a` for
 * a field of the column `x`, if there is one, and `(x).a` for a field of the parameter.
 */
export function lambda(parameter: string, body: (value: SqlExpression) => SqlExpression): SqlExpression {
  const name = plainName(parameter);
  return sql`lambda ${name}: ${body(sql`(${name})`)}`;
}

/** The pattern that matches exactly this file, whose name or folder may contain `*`, `?` or `[`. */
export function filePattern(file: string): string {
  return file.replace(/[*?[]/g, (character) => `[${character}]`);
}

/**
 * A local file's name as a literal for the engine's readers (`read_parquet` and the like), never as a pattern
 * that matches other files.
 */
export function quoteFile(file: string): SqlExpression {
  return quoteText(filePattern(file));
}

/** A list of local files' names for the engine's readers. */
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

/** SQL of a suite as its author wrote it, for SQL that is returned and not run here. */
export function sqlAsWritten(text: string): SqlExpression {
  return text as SqlExpression;
}

/** A number's digits in JavaScript's notation. */
export function numberDigits(value: number | bigint): SqlExpression {
  return String(value) as SqlExpression;
}

/** The type of a column, as the engine spells it. */
export function columnType(type: string): SqlExpression {
  return type as SqlExpression;
}

/**
 * Folds a name as the engine does when it compares names: only the letters A to Z become lower case. If more
 * names were considered equal, a name that the engine does not know, such as one with a Kelvin sign for a k,
 * could stand for a file.
 */
export function engineFold(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}
