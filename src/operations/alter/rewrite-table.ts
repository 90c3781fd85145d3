import { assertInternal, VarveError } from "../../errors.ts";
import type { LogSnapshot } from "../../log/contract.ts";
import type {
  AddAction,
  DomainMetadataAction,
  MetadataAction,
  ProtocolAction,
} from "../../protocol/actions.ts";
import { allFields } from "../../schema/fields.ts";
import { pathText } from "../../schema/type-names.ts";
import type { StructType } from "../../schema/types.ts";
import { sql } from "../../sql/sql.ts";
import { quoteName } from "../../sql/sql-text.ts";
import type { CommittedResult } from "../../table/commit/commit-request.ts";
import { commitChange } from "../../table/commit/table-change.ts";
import { commitOrWithdraw, publishData } from "../../table/data-files/publish-data-files.ts";
import { checkPartitioning } from "../../table/data-files/writable-schema.ts";
import { type StagedData, stageData } from "../../table/data-files/write-data-files.ts";
import { writeRequirements } from "../../table/rules/write-requirements.ts";
import { planFiles } from "../../table/scan/scan.ts";
import { optionText } from "../../util/option-text.ts";
import { sumOf } from "../../util/sum.ts";
import { type BatchTarget, dataTarget } from "../../write/plan/batch-target.ts";
import { requireAllRows } from "../../write/stages/accounted-rows.ts";
import { keptRowIds } from "../../write/stages/kept-row-ids.ts";
import { liveFiles } from "../../write/stages/live-files.ts";
import { inRoom, type WriteRoom } from "../../write/stages/write-room.ts";
import { hasSpecialCharacter } from "./alter-columns.ts";
import type { AlterOperation } from "./alter-operation.ts";
import type { AlterOptions } from "./alter-options.ts";
import { type Definition, type PropertyChange, removesMapping } from "./next-definition.ts";

/** A definition for which every data file of the table is written again. */
export interface RewrittenTable {
  readonly snapshot: LogSnapshot;
  readonly after: Definition;
  readonly definition: readonly (ProtocolAction | MetadataAction | DomainMetadataAction)[];
  /** Files to write again; default: all. */
  readonly files?: readonly AddAction[] | undefined;
  /** The clustering as it will be. */
  readonly clustering: DomainMetadataAction | undefined;
  readonly operation: AlterOperation;
}

/** Why every data file is written again. */
export interface Rewrite {
  readonly partitionColumns: readonly string[];
  /** What it is for, after "to". */
  readonly why: string;
  readonly operation: AlterOperation;
}

/**
 * Whether a change needs every data file to be written again: other partition columns, or column mapping that is
 * taken off, after which files name columns as the schema does.
 *
 * @throws `INVALID_ARGUMENT` for changes that cannot be made in the same commit, and names that files cannot have;
 * as `checkPartitioning`
 */
export function rewriteOf(
  snapshot: LogSnapshot,
  options: AlterOptions,
  properties: Pick<PropertyChange, "set" | "unset">,
): Rewrite | undefined {
  const { metadata, schema } = snapshot;
  const partitionColumns =
    options.partitionBy === undefined
      ? metadata.partitionColumns
      : checkPartitioning(schema, options.partitionBy);
  const unmaps = removesMapping(snapshot, properties);
  const moves = JSON.stringify(partitionColumns) !== JSON.stringify(metadata.partitionColumns);
  if (!unmaps && !moves) return undefined;
  const why = moves ? "partition the table by other columns" : "remove the column mapping";
  requireAlone(otherChanges(options), why);
  if (unmaps) requirePlainNames(schema);
  const operation = moves
    ? { name: "WRITE", parameters: { mode: "Overwrite", partitionBy: partitionColumns } }
    : { name: "REMOVE COLUMN MAPPING", parameters: {} };
  return { partitionColumns, why, operation };
}

/** @throws `INVALID_ARGUMENT` for a name that data files cannot have without column mapping */
export function requirePlainNames(schema: StructType): void {
  const special = [...allFields(schema)].find(({ field }) => hasSpecialCharacter(field.name));
  if (special === undefined) return;
  throw new VarveError(
    "INVALID_ARGUMENT",
    `The column mapping cannot be removed: the name of column ${pathText(special.path)} has a character that engines refuse in data files. Rename it first.`,
    { column: [...special.path] },
  );
}

type OtherChange = (typeof otherNames)[number];

const otherNames = [
  "addColumns",
  "renameColumns",
  "dropColumns",
  "alterColumns",
  "clusterBy",
  "addConstraints",
  "dropConstraints",
  "dropFeatures",
] as const;

function otherChanges(options: AlterOptions): readonly OtherChange[] {
  return otherNames.filter((name) => Object.keys(options[name] ?? {}).length > 0);
}

/** A change that cannot be combined with others, as messages name it: an option, or what it is in words. */
export function changeText(other: string): string {
  const option = otherNames.find((name) => name === other);
  return option === undefined ? other : optionText(option);
}

/** @throws `INVALID_ARGUMENT` for changes that cannot be made in the commit that writes every file again */
export function requireAlone(others: readonly string[], why: string): void {
  if (others.length === 0) return;
  throw new VarveError(
    "INVALID_ARGUMENT",
    `Every data file is written again to ${why}, which cannot be combined with ${others.map(changeText).join(" and ")}. Make the changes one after the other.`,
    { options: others },
  );
}

/**
 * Writes all rows of a table to new files that fit another definition, in one commit that changes no row: readers of
 * changes do not see it, and row ids stay. Earlier versions keep their files until a vacuum.
 *
 * @throws `CONFLICT_…` if another writer changed the table meanwhile, even by an append, whose files would not fit;
 * `COMMIT_OUTCOME_UNKNOWN`, `CANCELLED`
 */
export async function rewriteTable(
  table: RewrittenTable,
  { userMetadata, signal }: AlterOptions,
): Promise<CommittedResult> {
  const { snapshot, operation, definition } = table;
  const { context } = snapshot;
  const removes = table.files ?? (await liveFiles(snapshot));
  const commit = async (
    adds: readonly AddAction[],
    rows: number,
    idsKept: boolean,
  ): Promise<CommittedResult> => {
    const result = await commitChange(
      { context, snapshot },
      {
        operation: operation.name,
        operationParameters: operation.parameters,
        definition,
        files: {
          adds,
          removes,
          rearranges: true,
          rows: { written: rows, copied: rows, idsKept },
          metrics: metricsOf(adds, removes, rows),
        },
        // A commit with metadata that read the whole table yields even to a blind append.
        reads: { wholeTable: true, files: removes.map(({ path }) => path) },
        userMetadata,
        signal,
      },
    );
    assertInternal(result.outcome === "committed", "an alteration carries no application transaction");
    return result;
  };
  if (removes.length === 0) return commit([], 0, true);
  return inRoom(context, signal, async (room) => {
    const { data, rows, idsKept } = await stagedRows(room, table, removes, signal);
    const adds = (await publishData(context, data, signal)).map((add) => ({ ...add, dataChange: false }));
    return commitOrWithdraw(context, data, () => commit(adds, rows, idsKept));
  });
}

/** Writes the rows of files to new ones that fit the definition. @throws `ROWS_UNACCOUNTED` */
async function stagedRows(
  { session, staging }: WriteRoom,
  { snapshot, after, clustering }: RewrittenTable,
  files: readonly AddAction[],
  signal: AbortSignal | undefined,
): Promise<{ readonly data: StagedData; readonly rows: number; readonly idsKept: boolean }> {
  const target: BatchTarget = {
    ...after,
    context: snapshot.context,
    snapshot,
    requirements: writeRequirements({ ...after, clustering }),
    changes: [],
  };
  const ids = keptRowIds(target);
  const scan = await planFiles(session, snapshot, files, {
    typedVariants: true,
    rowTracking: ids !== undefined,
    signal,
  });
  const columns = snapshot.schema.fields.map(({ name }) => quoteName(name));
  const [count] = await session.rows(sql`SELECT count(*) AS n FROM (${scan.sql})`);
  const rows = Number(count?.["n"] ?? 0);
  const select = sql`SELECT ${[...columns, ...(ids?.items ?? [])]} FROM (${scan.sql})`;
  const data = await stageData(session, dataTarget(target), select, staging, {
    hiddenColumns: ids?.columns,
    signal,
  });
  requireAllRows({ rows, clean: data.rows, quarantined: 0, dropped: 0 });
  return { data, rows, idsKept: ids !== undefined };
}

function metricsOf(
  adds: readonly AddAction[],
  removes: readonly AddAction[],
  rows: number,
): Record<string, string> {
  return {
    numAddedFiles: String(adds.length),
    numAddedBytes: String(sumOf(adds, ({ size }) => size)),
    numRemovedFiles: String(removes.length),
    numRemovedBytes: String(sumOf(removes, ({ size }) => size)),
    numCopiedRows: String(rows),
  };
}
