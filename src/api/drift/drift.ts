import { fileURLToPath } from "node:url";
import type { DriftReport } from "../../drift/comparison/drift-record.ts";
import type { DriftInput, DriftServices } from "../../drift/drift.ts";
import type { Engine } from "../../engine/core/contract.ts";
import type { ContextOptions } from "../shared/options.ts";
import { Snapshot } from "../shared/snapshot.ts";
import { toWriteSource } from "../shared/source.ts";
import type { Source } from "../shared/table-options.ts";
import { shownPath } from "../source-paths.ts";
import { Table } from "../table.ts";
import type { DriftOptions } from "./drift-options.ts";

/** Rows of a side: any source, or a table's folder or URI, with or without `@v12`, a time or the name of a pin. */
export type DriftSource = Source | string;

/**
 * Compares two versions, pins, files or relations column by column, and says which columns moved, by how much and
 * how. A column drifts if its effect (the Jensen-Shannon distance above its noise floor) reaches the threshold and its
 * adjusted p-value is below alpha (spec/drift.md).
 *
 * @param a the baseline, whose bins are used
 * @param b the current side
 * @throws `INVALID_ARGUMENT`, `BASELINE_UNREADABLE`, `BASELINE_IS_CURRENT`, `COLUMN_NOT_FOUND`, `LIMIT_EXCEEDED`,
 * `SQL_REFUSED`, `SQL_FAILED`, errors of the sources
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
  a: DriftSource,
  b: DriftSource,
  options: DriftOptions = {},
): Promise<DriftReport> {
  const { driftDefinition } = await import("./drift-options.ts");
  const { definition, context, signal } = driftDefinition(options);
  const { drift: compare } = await import("../../drift/drift.ts");
  const [baseline, current] = [await inputOf(a, context), await inputOf(b, context)];
  return compare(baseline, current, definition, await driftServices(context, signal));
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
