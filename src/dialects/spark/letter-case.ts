import { sql } from "../../sql/sql.ts";
import { quoteText } from "../../sql/sql-text.ts";
import { anyOf, surely, type Term, term } from "./term.ts";

/**
 * Characters whose upper case differs between Spark's ICU or Java and the engine's utf8proc: those that
 * become several (ß → SS), titles, and letters younger than one of the three. Found by comparing all
 * 1,112,064 code points (test/interop/spark-expressions.test.ts).
 */
const unlikeUpper =
  "ßŉƛɤǰΐΰև\\x{1E96}-\\x{1E9A}\\x{1F50}\\x{1F52}\\x{1F54}\\x{1F56}\\x{1F80}-\\x{1FAF}\\x{1FB2}-\\x{1FB4}\\x{1FB6}\\x{1FB7}\\x{1FBC}" +
  "\\x{1FC2}-\\x{1FC4}\\x{1FC6}\\x{1FC7}\\x{1FCC}\\x{1FD2}\\x{1FD3}\\x{1FD6}\\x{1FD7}\\x{1FE2}-\\x{1FE4}\\x{1FE6}\\x{1FE7}\\x{1FF2}-\\x{1FF4}" +
  "\\x{1FF6}\\x{1FF7}\\x{1FFC}\\x{1C89}-\\x{1C8A}\\x{A7CB}-\\x{A7DC}\\x{FB00}-\\x{FB06}\\x{FB13}-\\x{FB17}\\x{10D50}-\\x{10D85}\\x{16EA0}-\\x{16ED3}";

/** The same for lower case; a sigma is written otherwise at the end of a word. */
const unlikeLower = "Σİ\\x{1C89}-\\x{1C8A}\\x{A7CB}-\\x{A7DC}\\x{10D50}-\\x{10D85}\\x{16EA0}-\\x{16ED3}";

/** Upper case, which fails for texts that hold a character of which it is not proved. */
export function raised(x: Term): Term {
  return term(
    "string",
    sql`upper(${x.sql})`,
    anyOf([x.fails, surely(sql`regexp_matches(${x.sql}, ${quoteText(`[${unlikeUpper}]`)})`)]),
  );
}

/** Lower case, likewise. */
export function lowered(x: Term): Term {
  return term(
    "string",
    sql`lower(${x.sql})`,
    anyOf([x.fails, surely(sql`regexp_matches(${x.sql}, ${quoteText(`[${unlikeLower}]`)})`)]),
  );
}
