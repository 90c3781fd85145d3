import { exceedsDigits, widestDecimal } from "../engine/core/decimal-digits.ts";
import { isVarveError } from "../errors.ts";
import { foldName } from "../schema/schema-json.ts";
import { isPrimitive, typeText } from "../schema/type-names.ts";
import type { DeltaType, StructType } from "../schema/types.ts";
import { joinSql, type SqlExpression, sql } from "../sql/sql.ts";
import { columnType, lambda, quoteName, quoteText } from "../sql/sql-text.ts";
import { deltaTypeOfEngine, type EngineType, engineTypeName, engineTypeText } from "./engine-types.ts";
import {
  holdsShreddedVariant,
  isVariantParts,
  toVariantSql,
  variantFaultSql,
  variantMisfits,
} from "./variant-conversion.ts";

/**
 * Why a value of the source may not fit: a null where none may be, digits or range lost, a moment that is no
 * moment, nothing between the quotes of a partition's value.
 */
export type MisfitKind = "null" | "lossy" | "infinite" | "empty";

/** An expression made of one value's. */
type SqlOfValue = (value: SqlExpression) => SqlExpression;

/**
 * A question about every value of one column; `violated` is SQL over the value, true where it does not fit.
 */
export interface ValueCheck {
  readonly kind: MisfitKind;
  readonly path: readonly string[];
  readonly expected: string;
  readonly found: string;
  readonly violated: SqlOfValue;
  /** SQL of what is wrong with a value that does not fit, where the value itself does not show it. */
  readonly problem?: SqlOfValue | undefined;
}

/** A difference that no value could mend. */
export interface Mismatch {
  readonly path: readonly string[];
  readonly expected: string;
  readonly found: string;
  readonly reason: "type" | "missing" | "unknown";
}

/**
 * How values of one type become another: `identical` where nothing has to be done, `convert` as SQL over SQL,
 * and what must be checked.
 */
export interface Conversion {
  readonly identical: boolean;
  readonly convert: SqlOfValue;
  readonly checks: readonly ValueCheck[];
}

/**
 * Plans the lossless conversion of an engine type to a Delta type, nested types member by member.
 *
 * Numbers convert to any numeric type that holds each value exactly; wall-clock times become moments as of
 * UTC; nothing becomes text but text; everything becomes a variant, and the two binary parts of one the
 * variant that they are. Differences that no value could mend are added to `mismatches`.
 */
export function planConversion(
  source: EngineType,
  target: DeltaType,
  path: readonly string[],
  mismatches: Mismatch[],
  options: ConversionOptions = {},
): Conversion {
  return convertType(source, target, path, {
    mismatches,
    depth: 0,
    ownVariants: options.ownVariants === true,
  });
}

/** How lenient a conversion is. */
export interface ConversionOptions {
  /** Do not test variants in two binary parts: varve made them. */
  readonly ownVariants?: boolean | undefined;
}

interface Context {
  readonly mismatches: Mismatch[];
  readonly depth: number;
  readonly ownVariants: boolean;
}

/** Decimal digits that hold every value of a whole-number type, and bits of a binary fraction that do. */
const integers: ReadonlyMap<
  string,
  { readonly bits: number; readonly signed: boolean; readonly digits: number }
> = new Map([
  ["TINYINT", { bits: 8, signed: true, digits: 3 }],
  ["SMALLINT", { bits: 16, signed: true, digits: 5 }],
  ["INTEGER", { bits: 32, signed: true, digits: 10 }],
  ["BIGINT", { bits: 64, signed: true, digits: 19 }],
  ["HUGEINT", { bits: 128, signed: true, digits: 39 }],
  ["UTINYINT", { bits: 8, signed: false, digits: 3 }],
  ["USMALLINT", { bits: 16, signed: false, digits: 5 }],
  ["UINTEGER", { bits: 32, signed: false, digits: 10 }],
  ["UBIGINT", { bits: 64, signed: false, digits: 20 }],
  ["UHUGEINT", { bits: 128, signed: false, digits: 39 }],
]);

const moments: ReadonlySet<string> = new Set([
  "DATE",
  "TIMESTAMP",
  "TIMESTAMP_S",
  "TIMESTAMP_MS",
  "TIMESTAMP_NS",
  "TIMESTAMP WITH TIME ZONE",
]);
const texts: ReadonlySet<string> = new Set(["VARCHAR", "JSON", "UUID", "ENUM"]);

function convertType(
  source: EngineType,
  target: DeltaType,
  path: readonly string[],
  context: Context,
): Conversion {
  if (target === "variant") return convertToVariant(source, path, context);
  if (isPrimitive(target) || target.type === "decimal") return convertScalar(source, target, path, context);
  if (target.type === "struct" && source.kind === "struct")
    return convertStruct(source, target, path, context);
  if (target.type === "array" && source.kind === "list")
    return convertList(source.element, target, path, context);
  if (target.type === "map" && source.kind === "map") return convertMap(source, target, path, context);
  return onlyNulls(source, target, path, context);
}

function convertToVariant(source: EngineType, path: readonly string[], context: Context): Conversion {
  const sourceText = foundText(source, path);
  if (holdsShreddedVariant(source))
    context.mismatches.push({ path, expected: "variant", found: sourceText, reason: "type" });
  const isSound = context.ownVariants && isVariantParts(source);
  const misfits = isSound ? [] : variantMisfits(source);
  const checks = misfits.map(
    (violated): ValueCheck => ({
      kind: "lossy",
      path,
      expected: "variant",
      found: sourceText,
      violated,
      problem: isVariantParts(source) ? variantFaultSql : undefined,
    }),
  );
  return {
    identical: engineTypeName(source) === "VARIANT",
    convert: (value) => toVariantSql(source, value),
    checks,
  };
}

function convertScalar(
  source: EngineType,
  target: DeltaType,
  path: readonly string[],
  context: Context,
): Conversion {
  const [from, to] = [engineTypeName(source), engineTypeText(target)];
  if (target === "void") return onlyNulls(source, target, path, context);
  const castable =
    source.kind === "decimal" ? isNumeric(target) : source.kind === "scalar" && canCast(source.name, target);
  if (!castable) return onlyNulls(source, target, path, context);
  const checks: ValueCheck[] = [];
  const check = (kind: MisfitKind, violated: SqlOfValue) =>
    checks.push({ kind, path, expected: typeText(target), found: foundText(source, path), violated });
  if (moments.has(from)) check("infinite", (value) => sql`NOT isfinite(${value})`);
  if (from === to) {
    if (source.kind === "decimal" && source.precision === widestDecimal)
      check("lossy", (value) => exceedsDigits(value, source.scale));
    return { identical: true, convert: (value) => value, checks };
  }
  if (!isLossless(source, target)) {
    check(
      "lossy",
      (value) =>
        sql`${value} IS NOT NULL AND TRY_CAST(TRY_CAST(${value} AS ${to}) AS ${columnType(from)}) IS DISTINCT FROM ${value}`,
    );
  }
  return { identical: false, convert: (value) => sql`CAST(${value} AS ${to})`, checks };
}

function canCast(from: string, target: DeltaType): boolean {
  if (target === "string") return texts.has(from);
  if (target === "binary") return from === "BLOB";
  if (target === "boolean") return from === "BOOLEAN";
  if (target === "date") return from === "DATE";
  if (target === "timestamp") return moments.has(from);
  if (target === "timestamp_ntz") return moments.has(from) && from !== "TIMESTAMP WITH TIME ZONE";
  return isNumeric(target) && (integers.has(from) || from === "FLOAT" || from === "DOUBLE");
}

function isNumeric(target: DeltaType): boolean {
  if (!isPrimitive(target)) return target.type === "decimal";
  return ["byte", "short", "integer", "long", "float", "double"].includes(target);
}

/** Whether every value of the source is one of the target, so that no value has to be looked at. */
function isLossless(source: EngineType, target: DeltaType): boolean {
  if (source.kind === "decimal") {
    if (isPrimitive(target) || target.type !== "decimal") return false;
    return target.scale >= source.scale && target.precision - target.scale >= source.precision - source.scale;
  }
  if (source.kind !== "scalar") return false;
  if (source.name === "TIMESTAMP_NS") return false;
  const whole = integers.get(source.name);
  if (whole === undefined)
    return source.name !== "DOUBLE" && !(source.name === "FLOAT" && target !== "double");
  if (!isPrimitive(target))
    return target.type === "decimal" && target.precision - target.scale >= whole.digits;
  if (target === "double") return whole.bits <= 32;
  if (target === "float") return whole.bits <= 16;
  const bits = integers.get(engineTypeText(target))?.bits ?? 0;
  return whole.signed ? bits >= whole.bits : bits > whole.bits;
}

/** The engine gives untyped nulls as INTEGER: such a column fits any type as long as it holds nothing. */
function onlyNulls(
  source: EngineType,
  target: DeltaType,
  path: readonly string[],
  context: Context,
): Conversion {
  const [expected, sourceText] = [typeText(target), foundText(source, path)];
  const untyped = source.kind === "scalar" && (source.name === "INTEGER" || source.name === "NULL");
  if (!untyped && target !== "void")
    context.mismatches.push({ path, expected, found: sourceText, reason: "type" });
  return {
    identical: false,
    convert: () => sql`CAST(NULL AS ${engineTypeText(target)})`,
    checks: [
      { kind: "lossy", path, expected, found: sourceText, violated: (value) => sql`${value} IS NOT NULL` },
    ],
  };
}

function convertStruct(
  source: Extract<EngineType, { kind: "struct" }>,
  target: StructType,
  path: readonly string[],
  context: Context,
): Conversion {
  const byName = new Map(source.fields.map((field) => [foldName(field.name), field]));
  const checks: ValueCheck[] = [];
  let identical = source.fields.length === target.fields.length;
  const parts = target.fields.map((field, index) => {
    const fieldPath = [...path, field.name];
    const sourceField = byName.get(foldName(field.name));
    byName.delete(foldName(field.name));
    if (sourceField === undefined) {
      if (!field.nullable)
        context.mismatches.push({
          path: fieldPath,
          expected: `${typeText(field.type)} not null`,
          found: "no such field",
          reason: "missing",
        });
      identical = false;
      return { field, convert: () => sql`CAST(NULL AS ${engineTypeText(field.type)})` };
    }
    const member = (value: SqlExpression) => sql`struct_extract(${value}, ${quoteText(sourceField.name)})`;
    const plan = convertType(sourceField.type, field.type, fieldPath, context);
    identical &&= plan.identical && source.fields[index]?.name === field.name;
    if (!field.nullable)
      checks.push(
        nullCheck(fieldPath, field.type, (value) => sql`${value} IS NOT NULL AND ${member(value)} IS NULL`),
      );
    for (const check of plan.checks)
      checks.push({
        ...check,
        violated: (value: SqlExpression) => check.violated(member(value)),
        problem: within(check.problem, member),
      });
    return { field, convert: (value: SqlExpression) => plan.convert(member(value)) };
  });
  for (const extra of byName.values()) {
    identical = false;
    context.mismatches.push({
      path: [...path, extra.name],
      expected: "no such field",
      found: foundText(extra.type, path),
      reason: "unknown",
    });
  }
  const pack = (value: SqlExpression) =>
    joinSql(parts.map((part) => sql`${quoteName(part.field.name)} := ${part.convert(value)}`));
  return {
    identical,
    convert: (value) =>
      identical ? value : sql`CASE WHEN ${value} IS NULL THEN NULL ELSE struct_pack(${pack(value)}) END`,
    checks,
  };
}

function convertList(
  element: EngineType,
  target: Extract<DeltaType, { type: "array" }>,
  path: readonly string[],
  context: Context,
): Conversion {
  const fieldPath = [...path, "element"];
  const plan = convertType(element, target.elementType, fieldPath, { ...context, depth: context.depth + 1 });
  const variable = `varve_${context.depth}`;
  const some =
    (violated: SqlOfValue): SqlOfValue =>
    (value) =>
      sql`len(list_filter(${value}, ${lambda(variable, violated)})) > 0`;
  const checks = plan.checks.map(
    (check): ValueCheck => ({ ...check, violated: some(check.violated), problem: undefined }),
  );
  if (!target.containsNull)
    checks.push(
      nullCheck(
        fieldPath,
        target.elementType,
        some((value) => sql`${value} IS NULL`),
      ),
    );
  return {
    identical: plan.identical,
    convert: (value) =>
      plan.identical ? value : sql`list_transform(${value}, ${lambda(variable, plan.convert)})`,
    checks,
  };
}

function convertMap(
  source: Extract<EngineType, { kind: "map" }>,
  target: Extract<DeltaType, { type: "map" }>,
  path: readonly string[],
  context: Context,
): Conversion {
  const inner = { ...context, depth: context.depth + 1 };
  const keys = convertType(source.key, target.keyType, [...path, "key"], inner);
  const values = convertType(source.value, target.valueType, [...path, "value"], inner);
  const variable = `varve_${context.depth}`;
  const some =
    (list: SqlExpression, violated: SqlOfValue): SqlOfValue =>
    (value) =>
      sql`len(list_filter(${list}(${value}), ${lambda(variable, violated)})) > 0`;
  const checks = [
    ...keys.checks.map(
      (check): ValueCheck => ({
        ...check,
        violated: some(sql`map_keys`, check.violated),
        problem: undefined,
      }),
    ),
    ...values.checks.map(
      (check): ValueCheck => ({
        ...check,
        violated: some(sql`map_values`, check.violated),
        problem: undefined,
      }),
    ),
  ];
  if (!target.valueContainsNull)
    checks.push(
      nullCheck(
        [...path, "value"],
        target.valueType,
        some(sql`map_values`, (value) => sql`${value} IS NULL`),
      ),
    );
  const identical = keys.identical && values.identical;
  const entry = lambda(
    variable,
    (entry) =>
      sql`struct_pack("key" := ${keys.convert(sql`${entry}.key`)}, "value" := ${values.convert(sql`${entry}.value`)})`,
  );
  return {
    identical,
    convert: (value) =>
      identical ? value : sql`map_from_entries(list_transform(map_entries(${value}), ${entry}))`,
    checks,
  };
}

function within(problem: SqlOfValue | undefined, member: SqlOfValue): SqlOfValue | undefined {
  return problem === undefined ? undefined : (value) => problem(member(value));
}

function nullCheck(path: readonly string[], type: DeltaType, violated: SqlOfValue): ValueCheck {
  return { kind: "null", path, expected: `${typeText(type)} not null`, found: "null", violated };
}

/** The source's type in Delta's words, or the engine's where Delta has none. */
export function foundText(type: EngineType, path: readonly string[]): string {
  try {
    return typeText(deltaTypeOfEngine(type, path));
  } catch (error) {
    if (isVarveError(error, "SCHEMA_MISMATCH")) return engineTypeName(type);
    throw error;
  }
}
