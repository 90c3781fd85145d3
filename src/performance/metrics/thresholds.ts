/** Bounds of a metric between which windows are unremarkable; null where there is none. */
export interface Threshold {
  readonly low: number | null;
  readonly high: number | null;
}

/** How thresholds follow from windows of the baseline. */
export interface ThresholdRule {
  readonly ddof: 0 | 1;
  /** Fewer windows give no thresholds. */
  readonly minWindows: number;
  /** A bound at or outside of what the metric can be drops out, or moves to that limit. */
  readonly beyondLimit: "drop" | "move";
}

/** Mean ± 3 standard deviations of the baseline's windows. */
export function windowThreshold(
  values: readonly number[],
  { ddof, minWindows, beyondLimit }: ThresholdRule,
  { least, most }: { readonly least: number | null; readonly most: number | null },
): Threshold {
  if (values.length < Math.max(minWindows, ddof + 1)) return { low: null, high: null };
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  const half = 3 * Math.sqrt(squares / (values.length - ddof));
  const [low, high] = [mean - half, mean + half];
  const limited = (limit: number) => (beyondLimit === "move" ? limit : null);
  return {
    low: least !== null && low <= least ? limited(least) : low,
    high: most !== null && high >= most ? limited(most) : high,
  };
}

/** Whether a value lies outside of its bounds. */
export function isOutside(value: number | null, { low, high }: Threshold): boolean {
  return value !== null && ((low !== null && value < low) || (high !== null && value > high));
}
