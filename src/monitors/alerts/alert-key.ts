/** What an alert is about. */
export interface AlertKey {
  readonly monitor: string;
  readonly rule: string;
  /** The column, or the metric of a rule on performance. */
  readonly column: string;
  readonly slice: { readonly key: string; readonly value: string | null } | null;
}

/** A key as text, different for different keys. */
export function alertKeyText({ monitor, rule, column, slice }: AlertKey): string {
  return JSON.stringify([monitor, rule, column, slice?.key, slice?.value]);
}
