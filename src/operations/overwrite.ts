import { engineColumns, engineTypeText, schemaOfEngine } from "../dialects/engine-types.ts";
import type { FencedSession, OpenSession, Session, StagedRelation } from "../engine/core/contract.ts";
import { VarveError } from "../errors.ts";
import type { LogSnapshot } from "../log/contract.ts";
import { withMetricHistory } from "../metrics/metrics.ts";
import type { AddAction } from "../protocol/actions.ts";
import type { Predicate } from "../protocol/predicate.ts";
import { physicalName } from "../schema/column-mapping.ts";
import { findField, requireColumn } from "../schema/fields.ts";
import { decodePartitionValue, partitionValueSql } from "../schema/partition-values.ts";
import type { StructField } from "../schema/types.ts";
import { quoteName } from "../sql/sql-text.ts";
import type { ReadSet } from "../table/commit/commit-request.ts";
import type { StagedData } from "../table/data-files/write-data-files.ts";
import { predicateFromSql } from "../table/scan/predicate-from-sql.ts";
import { planScan } from "../table/scan/scan.ts";
import { freePrefix } from "../util/free-prefix.ts";
import type { WrittenRows } from "../write/batch-checks.ts";
import { type BatchTarget, existingTarget, replacedTarget } from "../write/batch-target.ts";
import { alreadyApplied, appliedAt, commitBatch } from "../write/commit-batch.ts";
import { prepareWithEarlier } from "../write/quarantine-again.ts";
import { quarantineRows } from "../write/quarantine-write.ts";
import { type BatchHooks, prepareBatch } from "../write/write-batch.ts";
import type { WriteOptions, WriteOutcome } from "../write/write-options.ts";
import type { WriteSource } from "../write/write-source.ts";

/** What an overwrite replaces; without any of these the whole table. */
export interface OverwriteOptions extends WriteOptions {
  /** Replace the rows that meet this SQL condition; every new row must meet it too. */
  readonly replaceWhere?: string | undefined;
  /** Replace just the partitions that the new rows fall into. */
  readonly dynamicPartitions?: boolean | undefined;
  /** Let the batch's columns replace the table's schema. */
  readonly overwriteSchema?: boolean | undefined;
  /**
   * With `overwriteSchema`: the new partition columns; default: the old ones that the new schema still has.
   */
  readonly partitionBy?: readonly string[] | undefined;
}

/** What a kind of overwrite takes away, found once the new rows are staged. */
interface Replacement {
  readonly hooks: BatchHooks;
  readonly removed: (data: StagedData) => Promise<{
    readonly files: readonly AddAction[];
    readonly reads: ReadSet;
    readonly copiedRows?: number | undefined;
    readonly rowIdsCopied?: boolean | undefined;
  }>;
  readonly parameters: Readonly<Record<string, string>>;
}

/**
 * Replaces rows of a table with those of a source in one commit: readers see all old rows or all new ones.
 *
 * @throws as `append`, and `TABLE_APPEND_ONLY`; `INVALID_ARGUMENT` for options that exclude each other;
 * `CONSTRAINT_VIOLATED` for new rows that do not meet `replaceWhere`; `SQL_FAILED`, `SQL_REFUSED` for its
 * text
 */
export async function overwrite(
  snapshot: LogSnapshot,
  source: WriteSource,
  options: OverwriteOptions = {},
): Promise<WriteOutcome> {
  checkOptions(options);
  const target = await existingTarget(snapshot);
  if (target.demands.appendOnly) throw appendOnly(snapshot);
  const applied = await appliedAt(target, options);
  if (applied !== undefined) return alreadyApplied(applied);
  const replacement = replacementOf(snapshot, target, options);
  const prepare = () => prepareBatch(target, source, withMetricHistory(snapshot, options), replacement.hooks);
  const { prepared: batch, earlier } = await prepareWithEarlier(target, options, prepare);
  try {
    const { files, reads, copiedRows, rowIdsCopied } = await replacement.removed(batch.data);
    const quarantine = await quarantineRows(batch, options, { earlier });
    const partitionBy = JSON.stringify(batch.target.metadata.partitionColumns);
    return await commitBatch(
      batch,
      {
        operation: "WRITE",
        operationParameters: { mode: "Overwrite", partitionBy, ...replacement.parameters },
        removes: files,
        reads,
        copiedRows,
        rowIdsCopied,
        quarantine,
      },
      options,
    );
  } finally {
    await batch.close();
  }
}

function replacementOf(snapshot: LogSnapshot, target: BatchTarget, options: OverwriteOptions): Replacement {
  if (options.replaceWhere !== undefined) return replacingWhere(snapshot, target, options.replaceWhere);
  if (options.dynamicPartitions === true) return replacingPartitions(snapshot, target);
  const hooks: BatchHooks =
    options.overwriteSchema === true
      ? { untyped: true, adapt: (relation) => replacedBy(target, schemaOfEngine(relation.columns), options) }
      : {};
  const kept = async () => undefined;
  const parameters = options.overwriteSchema === true ? { overwriteSchema: "true" } : {};
  return {
    hooks: { ...hooks, kept },
    removed: async () => ({ files: await liveFiles(snapshot), reads: { wholeTable: true } }),
    parameters,
  };
}

function replacedBy(
  target: BatchTarget,
  schema: Parameters<typeof replacedTarget>[1],
  options: OverwriteOptions,
): BatchTarget {
  const partitionBy =
    options.partitionBy ??
    target.metadata.partitionColumns.filter((name) => findField(schema, name) !== undefined);
  return replacedTarget(target, schema, partitionBy, options.upgradeProtocol === true);
}

/** Whole partitions go; which ones, the new files tell. */
function replacingPartitions(snapshot: LogSnapshot, target: BatchTarget): Replacement {
  const fields = partitionFields(target);
  if (fields.length === 0)
    throw new VarveError(
      "INVALID_ARGUMENT",
      "The table has no partitions, so none can be replaced. Leave dynamicPartitions out.",
      {},
    );
  const keyOf = (values: Readonly<Record<string, string | null>>) =>
    JSON.stringify(
      fields.map(({ field, physical }) =>
        String(decodePartitionValue(field.type, values[physical] ?? null, [field.name])),
      ),
    );
  const removed = async (data: StagedData) => {
    const partitions = new Map(data.files.map((file) => [keyOf(file.partitionValues), file.partitionValues]));
    const files = (await liveFiles(snapshot)).filter((file) => partitions.has(keyOf(file.partitionValues)));
    const predicates = [...partitions.values()].map((values) => partitionPredicate(fields, values));
    return { files, reads: { predicates, files: files.map((file) => file.path) } };
  };
  const kept: BatchHooks["kept"] = async (_, held, batch) => {
    const same = fields.map(
      ({ field }) => `b.${quoteName(field.name)} IS NOT DISTINCT FROM h.${quoteName(field.name)}`,
    );
    return keptRows(held, `NOT EXISTS (SELECT 1 FROM (${batch.sql}) AS b WHERE ${same.join(" AND ")})`);
  };
  return { hooks: { kept }, removed, parameters: { partitionOverwriteMode: "dynamic" } };
}

/**
 * Rows that meet a condition go; rows of the same files that do not are written again beside the new ones.
 */
function replacingWhere(snapshot: LogSnapshot, target: BatchTarget, where: string): Replacement {
  let found:
    | { readonly predicate: Predicate; readonly files: readonly AddAction[]; readonly scan: string }
    | undefined;
  let removed: readonly AddAction[] = [];
  let copiedRows = 0;
  const ids = rowIdColumns(target);
  const open = async (session: OpenSession): Promise<readonly string[]> => {
    const predicate = await predicateFromSql(session, where, snapshot.schema);
    const scan = await planScan(session, snapshot, {
      predicate,
      rowTracking: ids !== undefined,
      typedVariants: true,
    });
    found = { predicate, files: (await (await snapshot.files()).prune(predicate)).files, scan: scan.sql };
    return scan.files;
  };
  const compose = async (
    session: FencedSession,
    rows: WrittenRows,
    changed: BatchTarget,
  ): Promise<WrittenRows> => {
    if (found === undefined) return rows;
    const condition = `((${await session.callerExpression(where, engineColumns(changed.schema))}) IS TRUE)`;
    await refuseOutside(session, rows, condition, where);
    removed = (await matchingPartitions(session, target, found.files, where)) ?? found.files;
    if (removed !== found.files) return rows;
    const kept = `SELECT ${ids?.items ?? "*"} FROM (${found.scan}) WHERE NOT ${condition}`;
    const [count] = await session.rows(`SELECT count(*) AS n FROM (${kept})`);
    copiedRows = Number(count?.["n"] ?? 0);
    if (copiedRows === 0) return rows;
    if (target.demands.changeDataFeed) throw needsWholeFiles(where);
    return { sql: `${rows.sql} UNION ALL BY NAME (${kept})`, copied: copiedRows, hidden: ids?.columns };
  };
  const kept: BatchHooks["kept"] = async (session, held) =>
    keptRows(
      held,
      `NOT ((${await session.callerExpression(where, engineColumns(snapshot.schema))}) IS TRUE)`,
    );
  return {
    hooks: { open, compose, kept },
    removed: async () => ({
      files: removed,
      reads: { predicates: [found?.predicate ?? { op: "unknown" }], files: removed.map((file) => file.path) },
      copiedRows,
      rowIdsCopied: ids !== undefined,
    }),
    parameters: { predicate: JSON.stringify([where]) },
  };
}

/** The rows of a table that meet a condition, `h` being their alias. */
function keptRows(held: StagedRelation, condition: string): StagedRelation {
  const of = (sql: string) => `SELECT * FROM (${sql}) AS h WHERE ${condition}`;
  return { ...held, sql: of(held.sql), positionedSql: of(held.positionedSql) };
}

/**
 * How copied rows keep their ids and commit versions where rows are tracked: columns of the data files that
 * the schema does not have (PROTOCOL.md "Writer Requirements for Row Tracking"), and the query's items with
 * them.
 */
function rowIdColumns({
  demands,
  schema,
}: BatchTarget): { readonly columns: readonly string[]; readonly items: string } | undefined {
  if (demands.rowTracking === undefined || findField(schema, "_metadata") !== undefined) return undefined;
  const { rowIdColumn, rowCommitVersionColumn } = demands.rowTracking;
  const ids = `_metadata.row_id AS ${quoteName(rowIdColumn)}, _metadata.row_commit_version AS ${quoteName(rowCommitVersionColumn)}`;
  return { columns: [rowIdColumn, rowCommitVersionColumn], items: `* EXCLUDE (_metadata), ${ids}` };
}

/**
 * The files whose partition values meet a condition; `undefined` where the condition looks at other columns
 * too.
 */
async function matchingPartitions(
  session: FencedSession,
  target: BatchTarget,
  files: readonly AddAction[],
  where: string,
): Promise<readonly AddAction[] | undefined> {
  const fields = partitionFields(target);
  if (fields.length === 0 || files.length === 0) return undefined;
  const columns = fields.map(({ field }) => ({ name: field.name, type: engineTypeText(field.type) }));
  const condition = await session.callerExpression(where, columns).catch((error: unknown) => {
    if (error instanceof VarveError && error.code === "SQL_FAILED") return undefined;
    throw error;
  });
  if (condition === undefined) return undefined;
  const rows = files.map((file, at) => {
    const values = fields.map(({ field, physical }) =>
      partitionValueSql(field.type, file.partitionValues[physical] ?? null, engineTypeText(field.type), [
        field.name,
      ]),
    );
    return `(${[at, ...values].join(", ")})`;
  });
  const number = `${freePrefix(columns.map(({ name }) => name))}file`;
  const names = [number, ...columns.map((column) => column.name)].map(quoteName).join(", ");
  const matching = await session.rows(
    `SELECT ${number} AS at FROM (VALUES ${rows.join(", ")}) AS t(${names}) WHERE (${condition}) IS TRUE`,
  );
  const chosen = new Set(matching.map((row) => Number(row["at"])));
  return files.filter((_, at) => chosen.has(at));
}

async function refuseOutside(
  session: Session,
  rows: WrittenRows,
  condition: string,
  where: string,
): Promise<void> {
  const [outside] = await session.rows(`SELECT count(*) AS n FROM (${rows.sql}) WHERE NOT ${condition}`);
  if (outside?.["n"] === 0n) return;
  throw new VarveError(
    "CONSTRAINT_VIOLATED",
    `${String(outside?.["n"])} of the new rows do not meet the condition of the rows that they replace (${where}). Nothing was written. Filter the source, or replace more.`,
    { constraint: "replaceWhere", condition: where, rows: Number(outside?.["n"]) },
  );
}

interface PartitionField {
  readonly field: StructField;
  readonly physical: string;
}

function partitionFields(target: BatchTarget): PartitionField[] {
  return target.metadata.partitionColumns.map((name) => {
    const field = requireColumn(target.schema, name);
    return { field, physical: physicalName(field, target.demands.columnMapping) };
  });
}

function partitionPredicate(
  fields: readonly PartitionField[],
  values: Readonly<Record<string, string | null>>,
): Predicate {
  const args = fields.map(({ field, physical }): Predicate => {
    const value = decodePartitionValue(field.type, values[physical] ?? null, [field.name]);
    if (value === null) return { op: "isNull", column: [field.name] };
    return value instanceof Uint8Array
      ? { op: "unknown" }
      : { op: "eq", column: [field.name], value: { type: field.type, value } };
  });
  return { op: "and", args };
}

async function liveFiles(snapshot: LogSnapshot): Promise<AddAction[]> {
  const files: AddAction[] = [];
  for await (const chunk of (await snapshot.files()).all()) files.push(...chunk);
  return files;
}

function checkOptions(options: OverwriteOptions): void {
  const chosen = [
    options.replaceWhere !== undefined,
    options.dynamicPartitions === true,
    options.overwriteSchema === true,
  ].filter(Boolean);
  if (chosen.length > 1) {
    throw new VarveError(
      "INVALID_ARGUMENT",
      "An overwrite takes one of replaceWhere, dynamicPartitions and overwriteSchema, not several.",
      {},
    );
  }
  if (options.partitionBy !== undefined && options.overwriteSchema !== true) {
    throw new VarveError(
      "INVALID_ARGUMENT",
      "The partition columns of a table change with overwriteSchema only. Set it, or leave partitionBy out.",
      {},
    );
  }
}

function appendOnly(snapshot: LogSnapshot): VarveError {
  return new VarveError(
    "TABLE_APPEND_ONLY",
    "The table is append-only (delta.appendOnly is true), so its rows cannot be replaced. Set the property to false first if that is meant.",
    { version: snapshot.version },
  );
}

function needsWholeFiles(where: string): VarveError {
  return new VarveError(
    "UNSUPPORTED_FEATURE",
    `The table keeps a change data feed, and the rows that meet ${where} share files with others that would be reported as changed. ` +
      "Replace by a condition over partition columns. Nothing was written.",
    { features: ["changeDataFeed"], condition: where },
  );
}
