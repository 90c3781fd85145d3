import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { type JsonObject, parseJson } from "../../src/util/json.ts";

/** A commit that Spark made; of values that vary, such as times, the text is `*`. */
export interface ExpectedCommit {
  readonly version: number;
  readonly changes?: readonly JsonObject[];
  readonly operation?: string;
  readonly operationParameters?: Readonly<Record<string, string>>;
  readonly operationMetrics?: Readonly<Record<string, string>>;
}

/** Numbers of files below a table, without its log. */
export interface DiskFiles {
  readonly parquet: number;
  readonly deletionVectors: number;
  readonly changeFiles: number;
  readonly other: number;
}

/** What Spark did in one step; absent members say nothing. */
export interface ExpectedStep {
  readonly version?: number | undefined;
  readonly error?: { readonly condition: string | null; readonly message: string } | undefined;
  readonly commits?: readonly ExpectedCommit[];
  /** Every row with `__row_id` and `__row_commit_version`. */
  readonly rowIds?: readonly JsonObject[];
  /** All properties and features of the table, where the step changed them. */
  readonly properties?: Readonly<Record<string, string>>;
  readonly rows?: readonly JsonObject[];
  readonly rowsUnchanged?: boolean;
  readonly schema?: JsonObject;
  readonly partitionColumns?: readonly string[];
  readonly protocol?: {
    readonly minReaderVersion: number;
    readonly minWriterVersion: number;
    readonly readerFeatures?: readonly string[];
    readonly writerFeatures?: readonly string[];
  };
  /** Texts of the domains' configurations. */
  readonly domains?: Readonly<Record<string, string>>;
  readonly liveFiles?: number;
  readonly liveFilesFixed?: boolean;
  /** Around a VACUUM. */
  readonly diskBefore?: DiskFiles;
  readonly diskAfter?: DiskFiles;
  readonly result?: readonly JsonObject[];
  readonly readError?: JsonObject;
}

/** One statement, and what Spark did. */
export interface DmlStep {
  readonly sql: string;
  readonly settings?: Readonly<Record<string, string>> | undefined;
  readonly expect: ExpectedStep;
}

/** The table that a case changes. */
export interface DmlTable {
  readonly schema: JsonObject;
  readonly partitionColumns: readonly string[];
  readonly properties: Readonly<Record<string, string>>;
  readonly setup: readonly string[];
  readonly version: number;
  readonly rows: readonly JsonObject[];
  readonly rowIds?: readonly JsonObject[] | undefined;
  readonly domains?: JsonObject | undefined;
}

/** A table that the statements only read. */
export interface DmlView {
  readonly schema: JsonObject;
  readonly rows: readonly JsonObject[];
}

/** Statements on a table, with what Spark did at each. */
export interface DmlCase {
  readonly id: string;
  /** Other properties of the table under which the statements mean the same, such as `rt-dv-cdf`. */
  readonly alsoUnder?: readonly string[] | undefined;
  readonly disputed?: string | undefined;
  readonly tables: { readonly t: DmlTable } & Readonly<Record<string, DmlTable | DmlView>>;
  readonly steps: readonly DmlStep[];
}

export const dmlCasesFile =
  process.env["VARVE_DML_CASES"] ?? resolve(import.meta.dirname, "../../../shared/reference/dml-cases.json");

/** Whether the file of cases is at hand; it has to be where `CI` is set. */
export const dmlCasesFound = existsSync(dmlCasesFile);

/** All cases; none where the file is not at hand. */
export function readDmlCases(): readonly DmlCase[] {
  if (!dmlCasesFound) return [];
  const file: unknown = parseJson(readFileSync(dmlCasesFile, "utf8"));
  return (file as { readonly cases: readonly DmlCase[] }).cases;
}

/** A case on a table with other properties: vectors, a change feed, row tracking, mapped names. */
export function underVariant(item: DmlCase, variant: string): DmlCase {
  const parts = new Set(variant.split("-"));
  const { t } = item.tables;
  const properties = {
    ...t.properties,
    "delta.enableDeletionVectors": String(parts.has("dv")),
    ...(parts.has("cdf") ? { "delta.enableChangeDataFeed": "true" } : {}),
    ...(parts.has("rt") ? { "delta.enableRowTracking": "true" } : {}),
    ...(parts.has("name") ? { "delta.columnMapping.mode": "name" } : {}),
  };
  const steps = item.steps.map((step) => underOther(step, parts.has("cdf")));
  return {
    ...item,
    id: `${item.id} under ${variant}`,
    tables: { ...item.tables, t: { ...t, properties } },
    steps,
  };
}

/** The step under other properties than Spark's: what its commits say of themselves is Spark's own. */
function underOther(step: DmlStep, feeds: boolean): DmlStep {
  const commits = step.expect.commits?.map(
    ({ version, changes }): ExpectedCommit =>
      feeds && changes !== undefined ? { version, changes } : { version },
  );
  return commits === undefined ? step : { ...step, expect: { ...step.expect, commits } };
}
