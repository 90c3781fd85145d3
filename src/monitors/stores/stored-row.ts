/** A value of a store: whole numbers are numbers. */
export type PlainValue =
  | null
  | boolean
  | number
  | string
  | Uint8Array
  | readonly PlainValue[]
  | { readonly [name: string]: PlainValue };

export type PlainRow = Readonly<Record<string, PlainValue>>;

/** A number of a row, or null. */
export function numberOrNull(value: PlainValue | undefined): number | null {
  return typeof value === "number" ? value : null;
}

/** A text of a row, or null. */
export function textOrNull(value: PlainValue | undefined): string | null {
  return typeof value === "string" ? value : null;
}

/** A list of a row; null is empty. */
export function itemsOf(value: PlainValue | undefined): readonly PlainValue[] {
  return Array.isArray(value) ? (value as readonly PlainValue[]) : [];
}

/** A struct of a row, or null. */
export function structOrNull(value: PlainValue | undefined): PlainRow | null {
  return typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof Uint8Array)
    ? (value as PlainRow)
    : null;
}

/** The numbers of a list. */
export function numbersOf(value: PlainValue | undefined): number[] {
  return itemsOf(value).map((item) => (typeof item === "number" ? item : 0));
}
