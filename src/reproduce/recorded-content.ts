import { isJsonObject, type JsonValue, parseJson } from "../util/json.ts";
import { canonicalJson } from "./prediction.ts";

/** Columns of a ledger that hold the JSON of what a caller said. */
const contentColumns = ["inputs", "features", "output", "model", "code"] as const;

/**
 * Whether two rows of a ledger say the same, whatever the order of members and the way in which numbers are written.
 * The moment is compared if the caller gave it.
 */
export function hasSameContent(a: unknown, b: unknown): boolean {
  const [one, other] = [contentText(a), contentText(b)];
  return one !== undefined && one === other;
}

/** Undefined for a row that is damaged, which equals no other. */
function contentText(row: unknown): string | undefined {
  const cells = Object(row) as Readonly<Record<string, unknown>>;
  try {
    const content = contentColumns.map((column) => {
      const text = cells[column];
      const value = text === null || text === undefined ? null : parseJson(String(text));
      return column === "inputs" ? saidOfInputs(value) : value;
    });
    const [at, recordedAt] = [String(cells["at"]), String(cells["recorded_at"])];
    return canonicalJson([...content, at === recordedAt ? null : at]);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** What the caller said of inputs, without what was read from their tables. */
function saidOfInputs(inputs: JsonValue): JsonValue {
  if (!Array.isArray(inputs)) return inputs;
  return inputs.map((input) => {
    if (!isJsonObject(input)) return input;
    const { tableId: _, rows: __, fingerprint: ___, ...said } = input;
    return said;
  });
}
