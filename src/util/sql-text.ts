/** A name as an SQL identifier, exact in spelling. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A text as an SQL string literal. */
export function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** A list literal of texts, e.g. `['a', 'b']`; the usual first argument of `read_parquet`. */
export function textList(texts: readonly string[]): string {
  return `[${texts.map(quoteText).join(", ")}]`;
}
