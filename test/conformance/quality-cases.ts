import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { EngineColumn, SourceRow } from "../../src/engine/core/contract.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../../src/util/json.ts";

/** One conformance case: what another project's own test asserts. */
export interface QualityCase {
  readonly id: string;
  readonly kind: string;
  readonly method: string;
  readonly current: JsonValue;
  readonly reference: JsonValue;
  readonly params: JsonObject;
  readonly expected: JsonObject;
  readonly tolerance: number;
}

const file =
  process.env["VARVE_QUALITY_CASES"] ??
  resolve(import.meta.dirname, "../../../shared/reference/quality-cases.json");

/** Whether the file of cases is at hand; it has to be where `CI` is set. */
export const casesFound = existsSync(file);
export const casesFile = file;

/** All cases; none where the file is not at hand. */
export function readCases(): readonly QualityCase[] {
  if (!casesFound) return [];
  return (JSON.parse(readFileSync(file, "utf8")) as { readonly cases: readonly QualityCase[] }).cases;
}

/** A case's table as row objects and column types: whole numbers, fractions, booleans, else text. */
export function tableOf(
  current: JsonValue,
  whenEmpty: string,
): { readonly rows: SourceRow[]; readonly columns: EngineColumn[] } {
  const given = isJsonObject(current) ? current : { values: current };
  const lists = Object.entries(given).map(([name, value]) => [name, valuesOf(value)] as const);
  const columns = lists.map(([name, values]) => ({ name, type: typeOf(values, whenEmpty) }));
  const length = Math.max(0, ...lists.map(([, values]) => values.length));
  const rows = Array.from({ length }, (_, at) =>
    Object.fromEntries(
      lists.map(([name, values], index) => [name, cell(values[at] ?? null, columns[index]?.type)]),
    ),
  );
  return { rows, columns };
}

function valuesOf(value: JsonValue | undefined): readonly JsonValue[] {
  if (Array.isArray(value)) return value;
  if (!isJsonObject(value)) return [];
  if (Array.isArray(value["range"])) {
    const [from, to] = value["range"].map(Number);
    return Array.from({ length: (to ?? 0) - (from ?? 0) }, (_, at) => (from ?? 0) + at);
  }
  const counts = isJsonObject(value["counts"]) ? value["counts"] : {};
  return Object.entries(counts).flatMap(([name, count]) => Array.from({ length: Number(count) }, () => name));
}

function typeOf(values: readonly JsonValue[], whenEmpty: string): string {
  const present = values.filter((value) => value !== null);
  if (present.length === 0) return whenEmpty;
  if (present.every((value) => typeof value === "boolean")) return "BOOLEAN";
  if (present.every((value) => typeof value === "number"))
    return present.every((value) => Number.isInteger(value)) ? "BIGINT" : "DOUBLE";
  return "VARCHAR";
}

function cell(value: JsonValue, type: string | undefined): JsonValue {
  if (value === null) return null;
  if (type === "BIGINT") return BigInt(Number(value));
  return type === "VARCHAR" ? String(value) : value;
}
