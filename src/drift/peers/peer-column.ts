/** A value of a column as the libraries see it; whole numbers beyond 2^53 are rounded. */
export type PeerValue = number | string | boolean | null;

/** How a library treats a column. */
export type PeerType = "numeric" | "categorical" | "text";

/** Both sides of a column, row by row. */
export interface PeerColumn {
  readonly type: PeerType;
  readonly baseline: readonly PeerValue[];
  readonly current: readonly PeerValue[];
}

/** What a library would say of a column. */
export interface PeerAnswer {
  /** The library's own name of the test. */
  readonly test: string;
  /** A p-value or a distance; null where it is undefined, with the reason. */
  readonly score: number | null;
  readonly threshold: number;
  readonly drifted: boolean;
  readonly reason?: string | undefined;
}

/** A value that is neither missing nor NaN. */
export type Category = number | string | boolean;

/** Finite numbers of a side, in row order. */
export function finiteNumbers(values: readonly PeerValue[]): number[] {
  return values.filter((value) => typeof value === "number" && Number.isFinite(value)).map(Number);
}

/** Values of a side that are neither missing nor NaN, in row order. */
export function categories(values: readonly PeerValue[]): Category[] {
  return values.filter((value): value is Category => value !== null && !Number.isNaN(value));
}

/** Values of a side without missing and infinite ones, in row order. */
export function finiteCategories(values: readonly PeerValue[]): Category[] {
  return categories(values).filter((value) => typeof value !== "number" || Number.isFinite(value));
}

/** Different categories of one side or two in ascending order: by value, texts by code point. */
export function differentCategories(
  first: readonly Category[],
  second: readonly Category[] = [],
): Category[] {
  const all = new Set(first);
  for (const category of second) all.add(category);
  return [...all].sort(compareCategories);
}

/** Counts of a side by category, in the order of `all`. */
export function countsOf(values: readonly Category[], all: readonly Category[]): number[] {
  const counts = new Map<Category, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return all.map((category) => counts.get(category) ?? 0);
}

function compareCategories(a: Category, b: Category): number {
  if (typeof a === "string" && typeof b === "string") return compareTexts(a, b);
  if (typeof a !== "string" && typeof b !== "string") return Number(a) - Number(b);
  return typeof a === "string" ? 1 : -1;
}

/** Texts by code point. */
export function compareTexts(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
