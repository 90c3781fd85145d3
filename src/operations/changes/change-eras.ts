import { assertInternal } from "../../errors.ts";
import { columnMappingKeys } from "../../schema/column-mapping.ts";
import { findField } from "../../schema/fields.ts";
import { pathText, typeText } from "../../schema/type-names.ts";
import { canReadWidened } from "../../schema/type-widening.ts";
import type { DeltaType, StructField, StructType } from "../../schema/types.ts";
import { isUntypedField } from "../../schema/untyped-columns.ts";
import { type SqlExpression, sql } from "../../sql/sql.ts";
import { quoteName } from "../../sql/sql-text.ts";
import { readTypeText } from "../../table/scan/read-type.ts";
import { mappingModeOf } from "../../table/scan/scan.ts";
import type { VersionDefinition } from "./change-files.ts";
import { fileName, obstacleBetween, unavailable } from "./change-schema.ts";

/** Definitions that follow each other, whose files are all read under the last of them. */
export interface Era {
  /** Indices of the definitions, both inclusive. */
  readonly first: number;
  readonly last: number;
}

/** Columns of a range of changes, and what they were in the eras of it. */
export interface ChangeColumns {
  readonly definitions: readonly VersionDefinition[];
  readonly eras: readonly Era[];
  readonly shown: StructType;
}

/**
 * Cuts a table's definitions into as few eras as possible, the newest first. A definition under which the newer ones'
 * reader would not find or understand the values ends an era: other partition columns, column mapping that was taken
 * off, another type.
 */
export function erasOf(definitions: readonly VersionDefinition[]): Era[] {
  const eras: Era[] = [];
  for (let last = definitions.length - 1; last >= 0; ) {
    let first = last;
    while (first > 0 && fits(definitions, first - 1, last)) first -= 1;
    eras.push({ first, last });
    last = first - 1;
  }
  return eras;
}

/** Whether rows of one definition are read under a later one, and neither were those in between of another kind. */
function fits(definitions: readonly VersionDefinition[], index: number, last: number): boolean {
  const [earlier, next, newest] = [definitions[index], definitions[index + 1], definitions[last]];
  if (earlier === undefined || next === undefined || newest === undefined) return false;
  return obstacleBetween(earlier, next) === undefined && obstacleBetween(earlier, newest) === undefined;
}

/**
 * The columns of a range's last version, each with the widest type that it had in the range: a restore takes back
 * that a column was made wider, but not the values that were written since.
 */
export function shownSchema(definitions: readonly VersionDefinition[], eras: readonly Era[]): StructType {
  const now = definitions.at(-1);
  assertInternal(now !== undefined, "changes of a table without a definition");
  const fields = now.schema.fields.map((field) => {
    const types = eras.map((_, index) => columnThen(definitions, eras, index, field)?.type ?? field.type);
    return { ...field, type: types.reduce(widerType, field.type) };
  });
  return { type: "struct", fields };
}

/** The one of two types that holds the values of both, part by part; the first where neither does. */
function widerType(one: DeltaType, other: DeltaType): DeltaType {
  if (typeof one === "string" || typeof other === "string" || one.type !== other.type)
    return other !== "void" && canReadWidened(one, other) ? other : one;
  if (one.type === "array" && other.type === "array")
    return { ...one, elementType: widerType(one.elementType, other.elementType) };
  if (one.type === "map" && other.type === "map") {
    const keyType = widerType(one.keyType, other.keyType);
    return { ...one, keyType, valueType: widerType(one.valueType, other.valueType) };
  }
  if (one.type === "struct" && other.type === "struct") {
    const fields = one.fields.map((field) => {
      const old = findField(other, field.name);
      return old === undefined ? field : { ...field, type: widerType(field.type, old.type) };
    });
    return { type: "struct", fields };
  }
  return canReadWidened(one, other) ? other : one;
}

/**
 * The columns of a range, over the columns that an era's files are read as: SQL for each, by what the column was in
 * the era; null where it was none.
 *
 * @param shown columns of the last version, by {@link shownSchema}
 * @param index of the era
 * @param version one of the era's, for the message
 * @throws `CHANGES_UNAVAILABLE` for a column whose values of that time are not all values of its type now
 */
export function columnsThen(
  { definitions, eras, shown }: ChangeColumns,
  index: number,
  version: number,
): SqlExpression[] {
  const last = definitions.at(-1)?.version ?? version;
  return shown.fields.map((field) => {
    const type = readTypeText(field.type);
    const name = quoteName(field.name);
    const old = columnThen(definitions, eras, index, field);
    if (old === undefined || isUntypedField(old)) return sql`CAST(NULL AS ${type}) AS ${name}`;
    const change = typeChange(old.type, field.type, [field.name]);
    if (change !== undefined) throw unavailable(version, last, change);
    const same = typeText(old.type) === typeText(field.type);
    return same
      ? sql`${quoteName(old.name)} AS ${name}`
      : sql`CAST(${quoteName(old.name)} AS ${type}) AS ${name}`;
  });
}

/** What a column of the last version was in an era, followed back through its names. */
function columnThen(
  definitions: readonly VersionDefinition[],
  eras: readonly Era[],
  index: number,
  column: StructField,
): StructField | undefined {
  let field: StructField | undefined = column;
  let at = definitions.length - 1;
  for (const end = eras[index]?.last ?? at; at > end && field !== undefined; at--) {
    const [later, earlier] = [definitions[at], definitions[at - 1]];
    field = later && earlier && before(field, later, earlier);
  }
  return field;
}

/** What a column was under an earlier definition: the one of its name in files if both are mapped, else of its name. */
function before(
  field: StructField,
  later: VersionDefinition,
  earlier: VersionDefinition,
): StructField | undefined {
  const mapped = [later, earlier].map((each) => mappingModeOf(each) !== "none");
  const { fields } = earlier.schema;
  if (mapped[0] === true && mapped[1] === true)
    return fields.find((each) => fileName(each) === fileName(field));
  // Where mapping began in place, files go by the names of that time; where it was taken off, columns kept theirs.
  const isRenamed = mapped[0] === true && typeof field.metadata[columnMappingKeys.physicalName] === "string";
  return findField(earlier.schema, isRenamed ? fileName(field) : field.name);
}

/** How a type changed so that not all of its values are values of the newer one; `undefined` if they are. */
function typeChange(then: DeltaType, now: DeltaType, path: readonly string[]): string | undefined {
  if (typeText(then) === typeText(now) || then === "void" || canReadWidened(then, now)) return undefined;
  const [a, b] = [partsOf(then), partsOf(now)];
  if (a === undefined || b === undefined || a.kind !== b.kind)
    return `column ${pathText(path)} was ${typeText(then)} and is ${typeText(now)}`;
  let shared = 0;
  for (const { name, type } of b.parts.fields) {
    const old = findField(a.parts, name);
    if (old === undefined) continue;
    shared += 1;
    const change = typeChange(old.type, type, [...path, name]);
    if (change !== undefined) return change;
  }
  return shared > 0 ? undefined : `no field of ${pathText(path)} is one of that time`;
}

/** The parts of a nested type, by their names in paths. */
function partsOf(type: DeltaType): { readonly kind: string; readonly parts: StructType } | undefined {
  if (typeof type === "string" || type.type === "decimal") return undefined;
  const part = (name: string, of: DeltaType): StructField => ({
    name,
    type: of,
    nullable: true,
    metadata: {},
  });
  const fields =
    type.type === "struct"
      ? type.fields
      : type.type === "array"
        ? [part("element", type.elementType)]
        : [part("key", type.keyType), part("value", type.valueType)];
  return { kind: type.type, parts: { type: "struct", fields } };
}
