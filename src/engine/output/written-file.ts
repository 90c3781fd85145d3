import type { DuckDBType } from "@duckdb/node-api";
import { assertInternal } from "../../errors.ts";
import type { EngineRow, EngineValue, WrittenColumn, WrittenFile } from "../core/contract.ts";
import type { EngineCore, TypedColumn } from "../core/core.ts";

/** DuckDB cuts longer text statistics to this many bytes without saying so, and rounds a cut maximum up. */
const statisticsBytes = 256;

/** What is known of the rows that were written. */
export interface WrittenRelation {
  readonly core: EngineCore;
  readonly columns: readonly TypedColumn[];
}

/** What a row of a COPY's `RETURN_STATS` says of the file that it wrote. */
export function writtenFile(
  { core, columns }: WrittenRelation,
  row: EngineRow,
  partitionValues: readonly (string | null)[],
): WrittenFile {
  const statistics = pairs(row["column_statistics"]);
  const types = new Map(columns.map((column) => [column.name, column.type]));
  return {
    file: String(row["filename"]),
    rows: Number(row["count"]),
    bytes: Number(row["file_size_bytes"]),
    partitionValues,
    columns: statistics.map(([name, facts]) =>
      writtenColumn(core, splitPath(name), new Map(pairs(facts)), types),
    ),
  };
}

function writtenColumn(
  core: EngineCore,
  path: readonly string[],
  facts: ReadonlyMap<string, EngineValue>,
  types: ReadonlyMap<string, DuckDBType>,
): WrittenColumn {
  const type = leafType(core, types.get(path[0] ?? ""), path.slice(1));
  const nulls = textOrNull(facts.get("null_count"));
  const nan = facts.get("has_nan");
  return {
    path,
    ...bounds(core, type, textOrNull(facts.get("min")), textOrNull(facts.get("max"))),
    nullCount: nulls === null ? undefined : Number(nulls),
    hasNan: nan === undefined || nan === null ? undefined : String(nan) === "true",
  };
}

function leafType(
  { driver: { api } }: EngineCore,
  top: DuckDBType | undefined,
  path: readonly string[],
): DuckDBType | undefined {
  let type = top;
  for (const name of path) {
    if (type instanceof api.DuckDBStructType) type = type.entryTypes[type.entryNames.indexOf(name)];
    else if (type instanceof api.DuckDBListType || type instanceof api.DuckDBArrayType) type = type.valueType;
    else if (type instanceof api.DuckDBMapType) type = name === "key" ? type.keyType : type.valueType;
  }
  return type;
}

function bounds(
  { driver: { api } }: EngineCore,
  type: DuckDBType | undefined,
  min: string | null,
  max: string | null,
): Pick<WrittenColumn, "min" | "max" | "maxPrefix"> {
  if (min === null || max === null || type === api.BLOB) return {};
  if (type === api.BOOLEAN)
    return { min: min === "1" ? "true" : "false", max: max === "1" ? "true" : "false" };
  const isCut = Buffer.byteLength(max) >= statisticsBytes;
  return isCut ? { min, maxPrefix: max } : { min, max };
}

/** Takes apart `"st"."a ""b"""` into `st`, `a "b"`. */
function splitPath(quoted: string): string[] {
  return [...quoted.matchAll(/"((?:[^"]|"")*)"/g)].map((match) => (match[1] ?? "").replaceAll('""', '"'));
}

/** The number of the partition that a file holds, by a row of a COPY with `PARTITION_BY`. */
export function partitionNumber(row: EngineRow): number {
  const keys = pairs(row["partition_keys"]);
  const number = Number(keys[0]?.[1]);
  assertInternal(Number.isSafeInteger(number) && number > 0, "a partitioned file without its number");
  return number;
}

function pairs(value: EngineValue | undefined): [string, EngineValue][] {
  if (!Array.isArray(value)) return [];
  return value.map((pair): [string, EngineValue] =>
    Array.isArray(pair) ? [String(pair[0]), pair[1]] : ["", null],
  );
}

/** The text of a value, or its null. */
export function textOrNull(value: EngineValue | undefined): string | null {
  return value === null || value === undefined ? null : String(value);
}
