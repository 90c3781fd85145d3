import { VarveError } from "../../../errors.ts";
import { joinSql, type SqlExpression, sql } from "../../../sql/sql.ts";
import { lambda, quoteFile, quoteName, quoteText, textList } from "../../../sql/sql-text.ts";
import type { FaultyVariant } from "../../core/contract.ts";
import type { EngineCore } from "../../core/core.ts";
import { isBeyondEngine } from "../../variant/variant-fault.ts";
import { registerVariantFunctions } from "../../variant/variant-function.ts";
import type { FileShape } from "./file-shapes.ts";
import { assertReadableVariants, elementOf, groupKind, isVariant } from "./file-types.ts";
import {
  type ParquetField,
  type ParquetSchema,
  readParquetSchemas,
  unreadableParquet,
} from "./parquet-schema.ts";
import type { RawType } from "./patched-footer.ts";
import { withRawCopy } from "./raw-copy.ts";

/**
 * Makes sure that variants which Parquet annotates are sound. The engine decodes them by itself, and then it
 * is too late: it cuts moments with nanoseconds and a zone, drops fields, and ends the process where they are
 * nested too deep. So their bytes are looked at before, in a sparse copy without the annotation. Those that
 * are not annotated are tested like all binary variants, where they are converted.
 *
 * @throws `SCHEMA_MISMATCH` naming file, row, column and what is wrong
 */
export async function refuseFaultyVariants(
  core: EngineCore,
  schema: ParquetSchema,
  { columns: known }: FileShape,
  signal?: AbortSignal,
): Promise<void> {
  const annotated = schema.fields.filter((_, index) => known[index]?.type.includes("VARIANT") === true);
  const bad = await firstFault(core, schema, annotated, signal);
  if (bad === undefined) return;
  const { file } = schema;
  const { column, row, fault } = bad;
  const where = row === undefined ? file : `row ${row} of ${file}`;
  const text = `Column ${column} is a variant, but the batch has one with ${fault} (${where}). Nothing was written. Correct the source.`;
  throw new VarveError("SCHEMA_MISMATCH", text, {
    column: [column],
    expected: "variant",
    found: fault,
    row,
    file,
  });
}

/**
 * The first variant in some columns of a file that Parquet annotates which the engine would not give as what
 * it is, or not survive.
 *
 * @throws `SOURCE_UNREADABLE` naming the file, `SCHEMA_MISMATCH` naming file, column and type for variants
 * that are shredded in a way that the engine does not read
 */
export async function faultyVariant(
  core: EngineCore,
  file: string,
  columns: readonly string[],
  signal?: AbortSignal,
): Promise<FaultyVariant | undefined> {
  const [schema] = await readParquetSchemas(core, [file]);
  if (schema === undefined) return undefined;
  const annotated = schema.fields.filter(({ name }) => columns.includes(name));
  assertReadableVariants({ file, fields: annotated });
  return await firstFault(core, schema, annotated, signal);
}

async function firstFault(
  core: EngineCore,
  schema: ParquetSchema,
  annotated: readonly ParquetField[],
  signal: AbortSignal | undefined,
): Promise<FaultyVariant | undefined> {
  if (annotated.length === 0) return undefined;
  core.enableVariants((connection) => registerVariantFunctions(core.driver, connection));
  const raw = new Map<number, RawType>();
  let ordinal = 0;
  const number = (field: ParquetField): void => {
    ordinal++;
    if (isVariant(field)) raw.set(ordinal, "group");
    for (const child of field.children) number(child);
  };
  for (const field of schema.fields) number(field);
  const names = annotated.map(({ name }) => name);
  return await withRawCopy(core, { file: schema.file, names, raw, signal }, async (copy) => {
    for (const field of annotated) {
      const bad = await faultIn(core, schema, copy, field);
      if (bad !== undefined) return bad;
    }
    return undefined;
  });
}

async function faultIn(
  core: EngineCore,
  { file, fields }: ParquetSchema,
  copy: string,
  field: ParquetField,
): Promise<FaultyVariant | undefined> {
  const fault = faultOf(field, quoteName(field.name), 0);
  if (fault === undefined) return undefined;
  const hidden = fields.some(({ name }) => name.toLowerCase() === "file_row_number");
  const row = hidden ? sql`NULL` : sql`file_row_number`;
  const scan = sql`read_parquet(${quoteFile(copy)}, hive_partitioning = false)`;
  const select = sql`SELECT * FROM (SELECT ${row} AS row, ${fault} AS fault FROM ${scan}) WHERE fault IS NOT NULL LIMIT 1`;
  const [bad] = await core.rows(select).catch((error: unknown) => {
    throw unreadableParquet(file, error, copy);
  });
  if (bad === undefined) return undefined;
  const text = String(bad["fault"]);
  return {
    column: field.name,
    row: bad["row"] === null ? undefined : Number(bad["row"]),
    fault: text,
    isDamage: !isBeyondEngine(text),
  };
}

/**
 * SQL of what is wrong with the variants in a value, null where nothing is; undefined where none is in it.
 */
function faultOf(field: ParquetField, value: SqlExpression, depth: number): SqlExpression | undefined {
  if (field.physical !== undefined) return undefined;
  if (isVariant(field)) return first(levelFaults(field, value, sql`${value}.metadata`, depth));
  const kind = groupKind(field);
  if (kind === "struct") return first(memberFaults(field, value, depth));
  const [key, item] = field.children[0]?.children ?? [];
  const lists: readonly (readonly [ParquetField | undefined, SqlExpression])[] =
    kind === "list"
      ? [[elementOf(field), value]]
      : [
          [key, sql`map_keys(${value})`],
          [item, sql`map_values(${value})`],
        ];
  return first(
    lists.map(([member, list]) =>
      member === undefined ? undefined : faultInList(list, depth, (one) => faultOf(member, one, depth + 1)),
    ),
  );
}

/** One level of a variant: its `value`, and what is shredded from it. */
function levelFaults(
  level: ParquetField,
  value: SqlExpression,
  metadata: SqlExpression,
  depth: number,
): (SqlExpression | undefined)[] {
  const faults = level.children.map((child) => {
    const member = sql`${value}.${quoteName(child.name)}`;
    if (child.name === "value") return sql`varve_variant_fault(${metadata}, ${member})`;
    if (child.name !== "typed_value" || child.physical !== undefined) return undefined;
    if (groupKind(child) === "list") {
      const element = elementOf(child);
      const ofItem = (item: SqlExpression) =>
        element === undefined ? undefined : first(levelFaults(element, item, metadata, depth + 1));
      return faultInList(member, depth, ofItem);
    }
    return first(
      child.children.flatMap((own) =>
        levelFaults(own, sql`struct_extract(${member}, ${quoteText(own.name)})`, metadata, depth),
      ),
    );
  });
  return [...faults, conflictOf(level, value, metadata)];
}

/**
 * What a level says twice, of which the engine would take one: only of an object may a part be in `value`, and
 * then with other fields than those that are shredded (VariantShredding.md, "Value Shredding").
 */
function conflictOf(
  { children }: ParquetField,
  value: SqlExpression,
  metadata: SqlExpression,
): SqlExpression | undefined {
  const typed = children.find(({ name }) => name === "typed_value");
  if (typed === undefined || !children.some(({ name }) => name === "value")) return undefined;
  const both = sql`${value}."value" IS NOT NULL AND ${value}.typed_value IS NOT NULL`;
  if (typed.physical !== undefined || groupKind(typed) === "list")
    return sql`CASE WHEN ${both} THEN 'both a value and a shredded value in one place' END`;
  const json = sql`CAST(varve_variant_json(${metadata}, ${value}."value") AS JSON)`;
  const names = textList(typed.children.map(({ name }) => name));
  return sql`CASE WHEN ${both} THEN CASE
    WHEN json_type(${json}) <> 'OBJECT' THEN 'shredded fields beside a value that is no object'
    WHEN len(list_filter(json_keys(${json}), lambda varve_key: list_contains(${names}, varve_key))) > 0
    THEN 'a shredded field that its value has too' END END`;
}

function memberFaults({ children }: ParquetField, value: SqlExpression, depth: number) {
  return children.map((child) =>
    faultOf(child, sql`struct_extract(${value}, ${quoteText(child.name)})`, depth),
  );
}

function faultInList(
  list: SqlExpression,
  depth: number,
  faultOfItem: (item: SqlExpression) => SqlExpression | undefined,
): SqlExpression | undefined {
  const name = `varve_${depth}`;
  if (faultOfItem(sql``) === undefined) return undefined;
  const faults = lambda(name, (item) => faultOfItem(item) ?? sql`NULL`);
  return sql`list_filter(list_transform(${list}, ${faults}), lambda varve_fault: varve_fault IS NOT NULL)[1]`;
}

function first(faults: readonly (SqlExpression | undefined)[]): SqlExpression | undefined {
  const known = faults.filter((fault) => fault !== undefined);
  return known.length === 0 ? undefined : sql`coalesce(${joinSql(known)})`;
}
