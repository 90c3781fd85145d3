import { VarveError } from "../errors.ts";
import type { TableContext } from "../log/contract.ts";
import type { Artifact } from "../runs/artifact.ts";
import { sideTableRows } from "../sidetables/read-rows.ts";
import { sql } from "../sql/sql.ts";
import { quoteText } from "../sql/sql-text.ts";
import { isJsonObject, type JsonValue, parseJson } from "../util/json.ts";
import { requireLedger } from "./commit-predictions.ts";
import { ledgerOf } from "./ledger-table.ts";
import type { RecordedInput, RecordedPrediction } from "./prediction.ts";

/**
 * Reads a prediction from a ledger; files and row groups that cannot hold it are skipped.
 *
 * @throws `PREDICTION_NOT_FOUND`, `NOT_A_TABLE`, `LOG_CORRUPT`-like errors of a damaged ledger
 */
export async function findPrediction(
  context: TableContext,
  predictionId: string,
  { signal }: { readonly signal?: AbortSignal | undefined } = {},
): Promise<RecordedPrediction> {
  const side = ledgerOf(context);
  const snapshot = await requireLedger(side, signal);
  await using session = await (await context.engine()).open({ signal });
  const predicate = {
    op: "eq",
    column: ["prediction_id"],
    value: { type: "string", value: predictionId },
  } as const;
  const rows = await sideTableRows(side, session, snapshot, { predicate, signal });
  const [row] = await session.rows(
    sql`SELECT inputs, features, output, model, code, epoch_ms("at") AS "at", epoch_ms(recorded_at) AS recorded_at FROM (${rows.sql}) WHERE prediction_id = ${quoteText(predictionId)} LIMIT 1`,
  );
  if (row === undefined)
    throw new VarveError(
      "PREDICTION_NOT_FOUND",
      `The ledger at ${context.store.uri} has no prediction ${JSON.stringify(predictionId)} (version ${snapshot.version}). Check the id: it is compared letter by letter.`,
      { predictionId, uri: context.store.uri, version: snapshot.version },
    );
  const damaged = (column: string, cause?: unknown) =>
    new VarveError(
      "DATA_FILE_CORRUPT",
      `The ledger at ${context.store.uri} is damaged: ${column} of prediction ${JSON.stringify(predictionId)} is not what varve writes. Another program may have changed it; restore an earlier version of the ledger.`,
      { column: [column] },
      cause,
    );
  const json = (column: string): JsonValue | undefined => {
    const text = row[column];
    if (text === null || text === undefined) return undefined;
    try {
      return parseJson(String(text));
    } catch (error) {
      throw damaged(column, error);
    }
  };
  const artifact = (column: string): Artifact | undefined => {
    const value = json(column);
    if (value === undefined) return undefined;
    if (!isJsonObject(value) || !Object.values(value).every((member) => typeof member === "string"))
      throw damaged(column);
    return value;
  };
  const inputs = json("inputs");
  if (!Array.isArray(inputs) || !inputs.every(isRecordedInput)) throw damaged("inputs");
  return {
    predictionId,
    inputs,
    features: json("features"),
    output: json("output") ?? null,
    model: artifact("model"),
    code: artifact("code"),
    at: new Date(Number(row["at"])),
    recordedAt: new Date(Number(row["recorded_at"])),
  };
}

/** Whether a member of the JSON is an input as varve writes it: rows by value, by key or by a condition. */
function isRecordedInput(value: JsonValue): value is JsonValue & RecordedInput {
  if (!isJsonObject(value)) return false;
  const { table, tableId, version, pinName, key, where, values, rows, fingerprint } = value;
  if (pinName !== undefined && typeof pinName !== "string") return false;
  if (typeof rows !== "number" || typeof fingerprint !== "string") return false;
  if (values !== undefined) return Array.isArray(values) && values.every(isJsonObject);
  const isPlace = typeof table === "string" && typeof tableId === "string" && Number.isSafeInteger(version);
  return isPlace && (isJsonObject(key) ? Object.keys(key).length > 0 : typeof where === "string");
}
