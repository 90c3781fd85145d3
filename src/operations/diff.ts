import type { LogSnapshot } from "../log/contract.ts";
import type { AddAction } from "../protocol/actions.ts";
import { typeText } from "../schema/type-names.ts";
import type { DeltaType, StructType } from "../schema/types.ts";
import { fileDifference } from "./diff-files.ts";
import type { RowDifference } from "./diff-rows.ts";

/**
 * One difference between two schemas; `column` is the column's full name, and `before` and `after` are types.
 */
export interface SchemaDifference {
  readonly kind: "added" | "removed" | "changed";
  readonly column: string;
  readonly before?: string | undefined;
  readonly after?: string | undefined;
}

/** One table property that differs; `before` or `after` is absent if that version does not have it. */
export interface PropertyDifference {
  readonly key: string;
  readonly before?: string | undefined;
  readonly after?: string | undefined;
}

/** Differences between two versions of a table. */
export interface VersionDiff {
  readonly from: number;
  readonly to: number;
  readonly schema: readonly SchemaDifference[];
  readonly properties: readonly PropertyDifference[];
  /**
   * Numbers and bytes of live files that only one version has; a file whose deletion vector changed counts on
   * both sides.
   */
  readonly files: {
    readonly added: number;
    readonly removed: number;
    readonly bytesAdded: number;
    readonly bytesRemoved: number;
  };
  /**
   * Numbers of rows in the multiset difference, over the columns that both versions have with the same type;
   * absent unless requested.
   */
  readonly rows?: RowDifference | undefined;
}

export interface DiffOptions {
  /** Also compare rows, by reading the files that only one side has. */
  readonly rows?: boolean | undefined;
  /** Columns that tell which rows are the same one, so that changed ones are counted as such. */
  readonly key?: readonly string[] | undefined;
}

/** Compares two versions of one table: schema, properties, files and, if requested, rows. */
export async function diffVersions(
  before: LogSnapshot,
  after: LogSnapshot,
  options: DiffOptions = {},
): Promise<VersionDiff> {
  const { added, removed } = await fileDifference(before, after);
  const result: VersionDiff = {
    from: before.version,
    to: after.version,
    schema: schemaDifference(before.schema, after.schema),
    properties: propertyDifference(before.metadata.configuration, after.metadata.configuration),
    files: {
      added: added.length,
      removed: removed.length,
      bytesAdded: bytesOf(added),
      bytesRemoved: bytesOf(removed),
    },
  };
  if (options.rows !== true) return result;
  const { countDifference, stageDifference } = await import("./diff-rows.ts");
  await using session = await (await after.context.engine()).open();
  const difference = await stageDifference(session, { before, after, added, removed }, options.key);
  return { ...result, rows: await countDifference(session, difference) };
}

/** Columns, including nested ones by their full names, that only one schema has or that differ. */
function schemaDifference(before: StructType, after: StructType): SchemaDifference[] {
  const [old, now] = [columnsOf(before), columnsOf(after)];
  const removed = [...old]
    .filter(([column]) => !now.has(column))
    .map(([column, text]) => ({ kind: "removed" as const, column, before: text }));
  const rest = [...now].flatMap(([column, text]): SchemaDifference[] => {
    const earlier = old.get(column);
    if (earlier === undefined) return [{ kind: "added", column, after: text }];
    return earlier === text ? [] : [{ kind: "changed", column, before: earlier, after: text }];
  });
  return [...removed, ...rest];
}

function columnsOf(schema: StructType): Map<string, string> {
  const columns = new Map<string, string>();
  const add = (path: string, type: DeltaType, nullable: boolean): void => {
    if (path !== "") columns.set(path, `${nested(type) ?? typeText(type)}${nullable ? "" : " not null"}`);
    if (typeof type === "string" || type.type === "decimal") return;
    const below = (name: string): string => (path === "" ? name : `${path}.${name}`);
    if (type.type === "struct")
      for (const field of type.fields) add(below(field.name), field.type, field.nullable);
    else if (type.type === "array") add(below("element"), type.elementType, type.containsNull);
    else {
      add(below("key"), type.keyType, false);
      add(below("value"), type.valueType, type.valueContainsNull);
    }
  };
  add("", schema, true);
  return columns;
}

/** A nested type without its fields, which have entries of their own. */
function nested(type: DeltaType): string | undefined {
  return typeof type === "string" || type.type === "decimal" ? undefined : type.type;
}

function propertyDifference(
  before: Readonly<Record<string, string>>,
  after: Readonly<Record<string, string>>,
): PropertyDifference[] {
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  return keys.flatMap((key) => {
    const [old, now] = [before[key], after[key]];
    if (old === now) return [];
    return [{ key, before: old, after: now }];
  });
}

function bytesOf(files: readonly AddAction[]): number {
  return files.reduce((sum, file) => sum + file.size, 0);
}
