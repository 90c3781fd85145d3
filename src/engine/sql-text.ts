/** Quotes a name for use as an SQL identifier: `a"b` becomes `"a""b"`. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** Quotes a text for use as an SQL string literal: `it's` becomes `'it''s'`. */
export function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** A list literal of texts, e.g. `['a', 'b']`; the usual first argument of `read_parquet`. */
export function textList(texts: readonly string[]): string {
  return `[${texts.map(quoteText).join(", ")}]`;
}
