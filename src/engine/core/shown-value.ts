import { type SqlExpression, type SqlText, sql } from "../../sql/sql.ts";
import type { EngineRow } from "./contract.ts";

/** Longest text of a value in an error. */
const longest = 200;

/** SELECT list of a value for {@link shownValue}: its text, and the engine's name of its type. */
export function shownColumns(value: SqlExpression): SqlText {
  return sql`CAST(${value} AS VARCHAR) AS "value", typeof(${value}) AS value_type`;
}

/**
 * A value as errors show it, whatever the source: numbers as in JSON, moments in ISO 8601. The engine prints `nan`,
 * `inf`, and a space between day and time.
 *
 * @param row has the columns of {@link shownColumns}
 */
export function shownValue(row: EngineRow | undefined): string | null {
  const [text, type] = [row?.["value"], row?.["value_type"]];
  if (typeof text !== "string") return null;
  if (type === "DOUBLE" || type === "FLOAT") return numbers[text] ?? text;
  if (typeof type === "string" && /^TIMESTAMP[A-Z_ ]*$/.test(type))
    return text.replace(" ", "T").replace(/\+00$/, "Z");
  return text.slice(0, longest);
}

const numbers: Readonly<Record<string, string>> = { nan: "NaN", inf: "Infinity", "-inf": "-Infinity" };
