import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { isJsonObject, type JsonObject, type JsonValue } from "../../src/util/json.ts";

/** One case: what a peer answered (`expected`), and what is right where the peer errs (`right`). */
export interface DriftCase {
  readonly id: string;
  readonly kind: string;
  readonly peer: string;
  readonly method: string;
  readonly params: JsonObject;
  readonly inputs: JsonObject;
  readonly expected: JsonValue;
  readonly right?: JsonObject;
  readonly note?: string;
  /** A number for every field, a number by field with `default`, or words that say how to judge. */
  readonly tolerance: JsonValue;
}

/** A value of a series: numbers include NaN and infinities, null is missing. */
export type SeriesValue = number | string | boolean | null;

/** Compares varve's answer with one case; throws where they differ. */
export type CompareCase = (item: DriftCase, series: SeriesByName) => Promise<void> | void;

/** The series of a name, or of a literal list. */
export type SeriesByName = (source: JsonValue | undefined) => readonly SeriesValue[];

interface DriftCaseFile {
  readonly datasets: Readonly<Record<string, readonly JsonValue[]>>;
  readonly cases: readonly DriftCase[];
}

export const driftCasesFile =
  process.env["VARVE_DRIFT_CASES"] ??
  resolve(import.meta.dirname, "../../../shared/reference/drift-cases.json");

/** Whether the file of cases is at hand; it has to be where `CI` is set. */
export const driftCasesFound = existsSync(driftCasesFile);

/** All cases of the file with its series; none where the file is not at hand. */
export function readDriftCases(): { readonly cases: readonly DriftCase[]; readonly series: SeriesByName } {
  const file: DriftCaseFile = driftCasesFound
    ? JSON.parse(readFileSync(driftCasesFile, "utf8"))
    : { datasets: {}, cases: [] };
  return { cases: file.cases, series: (source) => seriesOf(file, source) };
}

function seriesOf({ datasets }: DriftCaseFile, source: JsonValue | undefined): readonly SeriesValue[] {
  const values = typeof source === "string" ? datasets[source] : source;
  if (!Array.isArray(values)) throw new Error(`the file of cases has no series ${JSON.stringify(source)}`);
  return values.map(seriesValue);
}

/** In the file, the texts NaN, Infinity and -Infinity are those doubles. */
function seriesValue(value: JsonValue): SeriesValue {
  if (value === "NaN" || value === "Infinity" || value === "-Infinity") return Number(value);
  if (typeof value === "bigint" || (typeof value === "object" && value !== null))
    throw new Error("a series holds a list or an object");
  return value;
}

/** What a case expects in a field; throws where it is no object. */
export function objectOf(value: JsonValue | undefined, what: string): JsonObject {
  if (!isJsonObject(value)) throw new Error(`${what} is no object: ${JSON.stringify(value)}`);
  return value;
}
