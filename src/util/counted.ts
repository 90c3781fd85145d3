/** A number as people read it: `1,500`. */
export function shownNumber(value: number | bigint): string {
  // The formats of languages take 10 ms to load.
  const isPlain = typeof value === "bigint" || (Number.isSafeInteger(value) && !Object.is(value, -0));
  return isPlain ? String(value).replace(/\B(?=(?:\d{3})+$)/g, ",") : value.toLocaleString("en-US");
}

/** A number with its noun, for people: `1 row`, `1,500 rows`; a noun with another plural than with s names it. */
export function counted(count: number | bigint, noun: string, plural = `${noun}s`): string {
  return `${shownNumber(count)} ${Number(count) === 1 ? noun : plural}`;
}

/** `1 of 1,500 rows fails`. */
export function failingOf(failing: number, all: number): string {
  return `${shownNumber(failing)} of ${counted(all, "row")} ${failing === 1 ? "fails" : "fail"}`;
}

/** `a long`, `an integer`. */
export function withArticle(noun: string): string {
  return `${/^[aeiou]/i.test(noun) ? "an" : "a"} ${noun}`;
}
