import type {
  AlterChange,
  AlterStatement,
  ChangedColumn,
  ColumnChange,
} from "../dialects/statements/syntax.ts";
import { VarveError } from "../errors.ts";
import type { LogSnapshot } from "../log/contract.ts";
import { alterTable as alter } from "../operations/alter/alter.ts";
import type { AlterOptions, ColumnAlteration } from "../operations/alter/alter-options.ts";
import { constraintPrefix } from "../protocol/constraint-names.ts";
import { fieldAt } from "../schema/fields.ts";
import { pathText } from "../schema/type-names.ts";
import { type StatementContext, type StatementResult, tableText } from "./contract.ts";

/** ALTER TABLE: columns, properties, constraints, clustering and features. */
export async function alterTable(
  { kind, target, change }: AlterStatement,
  context: StatementContext,
): Promise<StatementResult> {
  const table = await context.table(target.table);
  const snapshot = await table.writable();
  const options = alterOptions(change, snapshot);
  const { upgradeProtocol, userMetadata, signal } = context;
  const result = await alter(snapshot, { ...options, upgradeProtocol, userMetadata, signal });
  if (result.outcome === "committed") await table.committed(result);
  const { outcome, version } = result;
  return { statement: `${kind} ${change.change}`, outcome, table: tableText(target.table), version };
}

function alterOptions(change: AlterChange, snapshot: LogSnapshot): AlterOptions {
  switch (change.change) {
    case "SET TBLPROPERTIES":
      return { set: change.properties };
    case "UNSET TBLPROPERTIES":
      return { unset: change.keys };
    case "ADD CONSTRAINT":
      return { addConstraints: { [change.name]: change.condition.text } };
    case "DROP CONSTRAINT": {
      const key = `${constraintPrefix}${change.name}`.toLowerCase();
      const { configuration } = snapshot.metadata;
      const exists = Object.keys(configuration).some((other) => other.toLowerCase() === key);
      return exists || !change.ifExists ? { dropConstraints: [change.name] } : {};
    }
    case "DROP FEATURE":
      return { dropFeatures: [change.feature], truncateHistory: change.truncatesHistory };
    case "ADD COLUMNS":
      return { addColumns: change.columns.map(({ source }) => source.text) };
    case "RENAME COLUMN":
      return { renameColumns: { [pathText(change.path)]: change.name } };
    case "DROP COLUMNS": {
      const exists = (path: readonly string[]) => fieldAt(snapshot.schema, path) !== undefined;
      const paths = change.ifExists ? change.paths.filter(exists) : change.paths;
      return { dropColumns: paths.map(pathText) };
    }
    case "ALTER COLUMN":
      return columnOptions(change.columns);
    case "CLUSTER BY":
      return { clusterBy: change.columns.map(pathText) };
  }
}

function columnOptions(columns: readonly ChangedColumn[]): AlterOptions {
  const alterations = new Map<string, ColumnAlteration>();
  const names = new Map<string, string>();
  for (const { path, changes } of columns) {
    const column = pathText(path);
    if (alterations.has(column)) throw namedTwice(path);
    let alteration: ColumnAlteration = {};
    for (const change of changes) {
      alteration = { ...alteration, ...alterationOf(change) };
      if (change.set === "name") names.set(column, change.name);
    }
    if (Object.keys(alteration).length > 0) alterations.set(column, alteration);
  }
  return { alterColumns: Object.fromEntries(alterations), renameColumns: Object.fromEntries(names) };
}

function namedTwice(path: readonly string[]): VarveError {
  return new VarveError(
    "INVALID_ARGUMENT",
    `Column ${pathText(path)} is changed twice by ALTER COLUMN. Change it once.`,
    {
      column: [...path],
    },
  );
}

function alterationOf(change: ColumnChange): ColumnAlteration {
  switch (change.set) {
    case "name":
      return {};
    case "type":
      return { type: change.typeText };
    case "comment":
      return { comment: change.comment };
    case "position":
      return { position: change.position };
    case "default":
      return { default: change.expression?.text ?? null };
    case "nullable":
      return { nullable: change.nullable };
    case "identity":
      return { syncIdentity: true };
  }
}
