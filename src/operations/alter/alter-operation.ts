import type { LogSnapshot } from "../../log/contract.ts";
import { constraintPrefix } from "../../protocol/constraint-names.ts";
import { placedType, requireField } from "../../schema/change-fields.ts";
import { metadataKeys } from "../../schema/column-metadata.ts";
import { typeToJson } from "../../schema/schema-json.ts";
import { pathText } from "../../schema/type-names.ts";
import type { StructField } from "../../schema/types.ts";
import type { NewClustering } from "../../table/definition/cluster-by.ts";
import type { JsonValue } from "../../util/json.ts";
import type { PlannedConstraints } from "./alter-constraints.ts";
import type { AlterOptions } from "./alter-options.ts";
import type { ColumnChanges, NewColumn, PathAlteration } from "./column-options.ts";
import type { Definition } from "./next-definition.ts";

/** How the history shows a change. */
export interface AlterOperation {
  readonly name: string;
  readonly parameters: Readonly<Record<string, JsonValue>>;
}

/** A change, as it was asked for and as it was planned. */
export interface PlannedChange {
  readonly options: AlterOptions;
  readonly columns: ColumnChanges;
  readonly clustering: NewClustering | undefined;
  readonly constraints: PlannedConstraints;
  readonly before: LogSnapshot;
  readonly after: Definition;
}

/**
 * The name and parameters of a change, those of Spark if it is of one kind. PROTOCOL.md "Commit Provenance
 * Information".
 */
export function operationOf(change: PlannedChange): AlterOperation {
  const features = [...new Set(change.options.dropFeatures ?? [])];
  if (features.length > 0) {
    const properties = propertiesOf(change);
    return {
      name: "DROP FEATURE",
      parameters: {
        featureName: features.join(","),
        truncateHistory: "false",
        ...(Object.keys(properties).length === 0 ? {} : { properties }),
      },
    };
  }
  const kinds = [...columnOperations(change), ...propertyOperations(change)];
  const [only] = kinds;
  if (only === undefined) return setOperation(change);
  if (kinds.length === 1) return only;
  if (kinds.some(({ name }) => !/TBLPROPERTIES|CONSTRAINT/.test(name))) {
    const changes = kinds.map(({ name, parameters }) => ({ operation: name, ...parameters }));
    return { name: "ALTER TABLE", parameters: { changes } };
  }
  return { name: "SET TBLPROPERTIES", parameters: { properties: propertiesOf(change) } };
}

function columnOperations({ columns, clustering, before }: PlannedChange): AlterOperation[] {
  const { alters, drops, renames, adds } = columns;
  const operations: AlterOperation[] = [];
  const altered = alters.map((alter) => changedColumn(alter, before));
  const [first] = altered;
  if (first !== undefined && altered.length === 1)
    operations.push({ name: "CHANGE COLUMN", parameters: first });
  if (altered.length > 1) operations.push({ name: "CHANGE COLUMNS", parameters: { columns: altered } });
  if (drops.length > 0)
    operations.push({ name: "DROP COLUMNS", parameters: { columns: drops.map(pathText) } });
  for (const { path, name } of renames)
    operations.push({
      name: "RENAME COLUMN",
      parameters: { oldColumnPath: pathText(path), newColumnPath: pathText([...path.slice(0, -1), name]) },
    });
  if (adds.length > 0)
    operations.push({ name: "ADD COLUMNS", parameters: { columns: adds.map(addedColumn) } });
  if (clustering?.domain !== undefined)
    operations.push({
      name: "CLUSTER BY",
      parameters: {
        oldClusteringColumns: clustering.before.map(pathText).join(","),
        newClusteringColumns: clustering.after.map(pathText).join(","),
      },
    });
  return operations;
}

function propertyOperations(change: PlannedChange): AlterOperation[] {
  const { options, constraints, before } = change;
  const unset = options.unset ?? [];
  const added = Object.entries(constraints.set);
  const operations: AlterOperation[] = [];
  if (Object.keys(options.set ?? {}).length > 0 || options.description !== undefined)
    operations.push(setOperation(change));
  if (unset.length > 0)
    operations.push({ name: "UNSET TBLPROPERTIES", parameters: { properties: [...unset], ifExists: true } });
  for (const [key, expr] of added)
    operations.push({
      name: "ADD CONSTRAINT",
      parameters: { name: key.slice(constraintPrefix.length), expr },
    });
  for (const key of constraints.unset)
    operations.push({
      name: "DROP CONSTRAINT",
      parameters: {
        name: key.slice(constraintPrefix.length),
        expr: before.metadata.configuration[key] ?? "",
        existed: "true",
      },
    });
  return operations;
}

function setOperation({ options, before, after }: PlannedChange): AlterOperation {
  const comment = options.description === undefined ? {} : { comment: options.description };
  if (
    after.protocol !== before.protocol &&
    JSON.stringify(after.metadata) === JSON.stringify(before.metadata)
  ) {
    const { minReaderVersion, minWriterVersion, readerFeatures, writerFeatures } = after.protocol;
    const newProtocol = {
      minReaderVersion,
      minWriterVersion,
      readerFeatures: readerFeatures === undefined ? null : [...readerFeatures],
      writerFeatures: writerFeatures === undefined ? null : [...writerFeatures],
    };
    return { name: "UPGRADE PROTOCOL", parameters: { newProtocol } };
  }
  return { name: "SET TBLPROPERTIES", parameters: { properties: { ...options.set, ...comment } } };
}

/** Requested properties and constraints; null for removed ones. */
function propertiesOf({ options, constraints }: PlannedChange): Readonly<Record<string, string | null>> {
  const unset = [...(options.unset ?? []), ...constraints.unset];
  return { ...options.set, ...constraints.set, ...Object.fromEntries(unset.map((key) => [key, null])) };
}

function addedColumn({ path, field, position }: NewColumn): JsonValue {
  return { column: fieldJson(path, field), ...positionJson(position) };
}

/** A changed column as it is afterwards, under its name before. */
function changedColumn(alter: PathAlteration, { schema }: LogSnapshot): Readonly<Record<string, JsonValue>> {
  const place = placedType(schema, alter.path);
  const field =
    place.below.length === 0
      ? requireField(schema, alter.path)
      : { name: place.below.at(-1) ?? "", type: place.type, nullable: true, metadata: {} };
  const changed: StructField = {
    ...field,
    type: alter.type?.type ?? field.type,
    nullable: alter.nullable ?? field.nullable,
    metadata: {
      ...field.metadata,
      ...(alter.comment == null ? {} : { [metadataKeys.comment]: alter.comment }),
      ...(alter.default === undefined ? {} : { [metadataKeys.default]: alter.default }),
    },
  };
  return { column: fieldJson([...place.owner, ...place.below], changed), ...positionJson(alter.position) };
}

const shownMetadata: readonly string[] = [metadataKeys.comment, metadataKeys.default];

function fieldJson(path: readonly string[], { type, nullable, metadata }: StructField): JsonValue {
  const shown = Object.entries(metadata).filter(
    ([key, value]) => shownMetadata.includes(key) && value !== null,
  );
  return { name: pathText(path), type: typeToJson(type), nullable, metadata: Object.fromEntries(shown) };
}

function positionJson(position: PathAlteration["position"]): Readonly<Record<string, JsonValue>> {
  if (position === undefined) return {};
  return { position: position === "first" ? "FIRST" : `AFTER ${position.after}` };
}
