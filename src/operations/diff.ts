import type { LogSnapshot } from "../log/contract.ts";
import type { AddAction } from "../protocol/actions.ts";
import { logPathKey } from "../schema/paths.ts";
import { typeText } from "../schema/type-names.ts";
import type { DeltaType, StructType } from "../schema/types.ts";
import { type SqlSelect, sql } from "../sql/sql.ts";
import { planFiles } from "../table/scan/scan.ts";

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
  readonly rows?: { readonly added: number; readonly removed: number } | undefined;
}

export interface DiffOptions {
  /** Also compare rows, by reading the files that only one side has. */
  readonly rows?: boolean | undefined;
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
  return options.rows === true
    ? { ...result, rows: await rowDifference(before, removed, after, added) }
    : result;
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

async function fileDifference(before: LogSnapshot, after: LogSnapshot) {
  const only = new Map<string, AddAction>();
  for await (const chunk of (await before.files()).all())
    for (const file of chunk) only.set(keyOf(file), file);
  const added: AddAction[] = [];
  for await (const chunk of (await after.files()).all()) {
    for (const file of chunk) if (!only.delete(keyOf(file))) added.push(file);
  }
  return { added, removed: [...only.values()] };
}

function keyOf(file: AddAction): string {
  const vector = file.deletionVector;
  return vector === undefined
    ? logPathKey(file.path)
    : `${logPathKey(file.path)}\n${vector.pathOrInlineDv}\n${vector.offset ?? 0}`;
}

function bytesOf(files: readonly AddAction[]): number {
  return files.reduce((sum, file) => sum + file.size, 0);
}

/** Rows of files that both versions have cancel out, so only the others are read. */
async function rowDifference(
  before: LogSnapshot,
  removed: readonly AddAction[],
  after: LogSnapshot,
  added: readonly AddAction[],
) {
  await using session = await (await after.context.engine()).open();
  const columns = comparable(before.schema, after.schema);
  const old = await planFiles(session, before, removed, { columns });
  const now = await planFiles(session, after, added, { columns });
  const count = async (relation: SqlSelect, other: SqlSelect): Promise<number> => {
    const [row] = await session.rows(
      sql`SELECT count(*) AS n FROM (FROM (${relation}) EXCEPT ALL FROM (${other}))`,
    );
    return Number(row?.["n"]);
  };
  return { added: await count(now.sql, old.sql), removed: await count(old.sql, now.sql) };
}

function comparable(before: StructType, after: StructType): string[] {
  const types = new Map(before.fields.map((field) => [field.name, typeText(field.type)]));
  return after.fields
    .filter((field) => types.get(field.name) === typeText(field.type))
    .map((field) => field.name);
}
