import type { Metrics } from "../../../index.ts";

/** Metrics as a table: value, interval or reason, and what a constant prediction reaches. */
export async function metricLines(
  metrics: Metrics,
  dummy: Metrics,
  output: string | undefined,
): Promise<string> {
  const { tableWidth, textTable } = await import("../../shared/text-table.ts");
  const rows = Object.entries(metrics).map(([name, { value, low, high, reason }]) => [
    name,
    value === null ? `undefined: ${(reason ?? "").replaceAll("_", " ")}` : digits(value),
    low === null || high === null ? "" : `${digits(low)} to ${digits(high)}`,
    digits(dummy[name]?.value ?? null),
  ]);
  return `${textTable(["metric", "value", "95 %", "constant"], rows, { width: tableWidth(output) })}\n`;
}

/** A number with four digits; nothing for null. */
export function digits(value: number | null): string {
  return value === null ? "" : String(Number(value.toPrecision(4)));
}
