import { fileURLToPath } from "node:url";
import type { DriftReport } from "../../drift/comparison/drift-record.ts";
import type { DriftInput, DriftServices } from "../../drift/drift.ts";
import type { Engine } from "../../engine/core/contract.ts";
import { VarveError } from "../../errors.ts";
import { type JsonObject, type JsonValue, toJsonValue } from "../../util/json.ts";
import type { ContextOptions } from "../shared/options.ts";
import { Snapshot } from "../shared/snapshot.ts";
import { toWriteSource } from "../shared/source.ts";
import type { Source } from "../shared/table-options.ts";
import { shownPath } from "../source-paths.ts";
import { Table } from "../table.ts";
import type { DriftOptions } from "./drift-options.ts";

/** A baseline without its rows: bins and counts, as plain JSON (spec/drift.md, "Stored baselines"). */
export interface DriftBaseline {
  readonly format: 1;
  readonly rows: number;
  /** Columns of the rows that were not counted, if there are any. */
  readonly left_out?: readonly string[] | undefined;
  readonly columns: readonly JsonObject[];
}

/** Rows of a side: any source, or a table's folder or URI, with or without `@v12`, a time or the name of a pin. */
export type DriftSource = Source | string;

/**
 * Compares two versions, pins, files or relations column by column, and says which columns moved, by how much and
 * how. A column drifts if its effect (the Jensen-Shannon distance above its noise floor) reaches the threshold and its
 * adjusted p-value is below alpha (spec/drift.md).
 *
 * @param a the baseline, whose bins are used: rows, or what {@link driftBaseline} stored of them, which halves the work
 * @param b the current side
 * @throws `INVALID_ARGUMENT`, `BASELINE_UNREADABLE`, `BASELINE_IS_CURRENT`, `COLUMN_NOT_FOUND`, `LIMIT_EXCEEDED`,
 * `ROWS_NEEDED` for options that a stored baseline cannot answer, `SQL_REFUSED`, `SQL_FAILED`, errors of the sources
 *
 * @example
 * ```ts
 * import { drift } from "varve";
 *
 * const january = Array.from({ length: 500 }, (_, day) => ({ amount: day % 100, country: day % 2 ? "DE" : "FR" }));
 * const february = january.map(({ amount, country }) => ({ amount: amount * 1.5, country }));
 * const { verdict, columns } = await drift(january, february);
 * console.log(verdict, columns.map(({ text }) => text));
 * ```
 */
export async function drift(
  a: DriftSource | DriftBaseline,
  b: DriftSource,
  options: DriftOptions = {},
): Promise<DriftReport> {
  if (isDriftBaseline(a)) return driftFromBaseline({ baseline: a, name: "stored baseline" }, b, options);
  const { driftDefinition } = await import("./drift-options.ts");
  const { definition, context, signal } = driftDefinition(options);
  const { drift: compare } = await import("../../drift/drift.ts");
  const [baseline, current] = [await inputOf(a, context), await inputOf(b, context)];
  return compare(baseline, current, definition, await driftServices(context, signal));
}

/** Whether a side is a stored baseline, and not rows. */
function isDriftBaseline(side: DriftSource | DriftBaseline): side is DriftBaseline {
  return typeof side === "object" && side !== null && "format" in side && "columns" in side;
}

/** Compares with a stored baseline, which the report calls by a name. */
export async function driftFromBaseline(
  { baseline, name }: { readonly baseline: DriftBaseline; readonly name: string },
  current: DriftSource,
  options: DriftOptions,
): Promise<DriftReport> {
  const { driftDefinition } = await import("./drift-options.ts");
  const { definition, context, signal } = driftDefinition(options);
  const { driftFromStored } = await import("../../drift/stored-baseline.ts");
  const stored = { json: jsonOfBaseline(baseline), name };
  const services = await driftServices(context, signal);
  return driftFromStored(stored, await inputOf(current, context), definition, services);
}

/** A stored baseline as JSON. @throws `INVALID_ARGUMENT` for what no JSON is made of */
export function jsonOfBaseline(baseline: DriftBaseline): JsonValue {
  try {
    return toJsonValue(baseline);
  } catch (error) {
    if (!(error instanceof TypeError || error instanceof RangeError)) throw error;
    throw new VarveError(
      "INVALID_ARGUMENT",
      `This is no stored baseline: ${error.message}. Pass what driftBaseline returned.`,
      { option: "baseline" },
      error,
    );
  }
}

/** What a comparison runs with. */
export async function driftServices(
  context: ContextOptions,
  signal: AbortSignal | undefined,
): Promise<DriftServices> {
  const [{ openSession }, { sourceAccess }, { realWorld }] = await Promise.all([
    import("../../engine/session/session.ts"),
    import("../../table/definition/open-context.ts"),
    import("../../util/world.ts"),
  ]);
  const access = sourceAccess({ s3: context.s3 });
  const { memoryLimit, threads, temporaryFolder, world = realWorld } = context;
  const engine: Engine = {
    open: (request) => openSession({ memoryLimit, threads, temporaryFolder, ...request }),
  };
  return { engine, world, access, signal };
}

/** A side as a comparison takes it. */
export async function inputOf(source: DriftSource, context: ContextOptions): Promise<DriftInput> {
  if (typeof source !== "string") return { source: toWriteSource(source), name: nameOf(source) };
  const { openTable } = await import("../open-table.ts");
  const table = await openTable(source, context);
  return inputOf(table, context);
}

/** A source in words. */
function nameOf(source: Source): string {
  if (source instanceof Table) return nameOf(source.snapshot());
  if (source instanceof Snapshot) return `${localPath(shownPath(source.uri))}@v${source.version}`;
  if (typeof source !== "object" || source === null) return "rows";
  if ("sql" in source) return "SQL";
  for (const format of ["csv", "ndjson", "parquet", "arrow"])
    if (format in source) return filesText(Reflect.get(source, format));
  return "rows";
}

/** A file's URI as its path. */
function localPath(uri: string): string {
  return uri.startsWith("file:") ? fileURLToPath(uri) : uri;
}

function filesText(paths: unknown): string {
  const all: readonly unknown[] = Array.isArray(paths) ? paths : [paths];
  const names = all.map((path) => (typeof path === "string" ? shownPath(path) : "data"));
  const [first = "files", ...others] = names;
  return others.length === 0 ? first : `${first} and ${others.length} more`;
}
