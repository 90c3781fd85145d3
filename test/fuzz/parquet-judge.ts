import { setImmediate } from "node:timers/promises";
import {
  type FileMetaData,
  parquetMetadata,
  parquetReadObjects,
  parquetSchema,
  type SchemaTree,
} from "hyparquet";
import { type EngineType, parseEngineType } from "../../src/dialects/engine-types.ts";
import type { EngineValue } from "../../src/engine/core/contract.ts";
import { fuzzCompressors } from "./compressors.ts";
import { canonical, micros } from "./given-values.ts";
import { columnsOfBrokenPages } from "./parquet-pages.ts";
import type { RowsRead } from "./source-format.ts";
import { hasForeignField } from "./thrift-types.ts";

/** Rows beyond which hyparquet is not asked: a damaged footer may say any number. */
const mostRows = 20_000;

/**
 * What varve reads differently from hyparquet, where that reads the bytes too.
 *
 * hyparquet gives the stored values without the annotations by which it would round decimals and cut moments;
 * they get their meaning by the engine's type and the schema's unit.
 */
export async function parquetDifference(
  bytes: Buffer,
  { columns, rows }: RowsRead,
): Promise<string | undefined> {
  let others: readonly Record<string, unknown>[];
  let tree: SchemaTree;
  try {
    const buffer = new Uint8Array(bytes).buffer;
    const metadata = parquetMetadata(buffer, { geoparquet: false });
    if (Number(metadata.num_rows) > mostRows || hasForeignField(bytes)) return undefined;
    tree = parquetSchema(metadata);
    const options = {
      file: buffer,
      metadata: withoutMeaning(metadata),
      compressors: fuzzCompressors,
      utf8: false,
      parsers,
    };
    others = await guarded(() => parquetReadObjects(options));
  } catch {
    return undefined;
  }
  if (others.length !== rows.length && rows.length < 5000) return `${rows.length} rows, not ${others.length}`;
  for (const { name, type } of columns) {
    const field = tree.children.find(({ element }) => element.name === name);
    if (field === undefined) return `no column ${name}`;
    const parsed = parseEngineType(type);
    // the file names no pages for it, in a place that only hyparquet looks at
    if (others.every((row) => row[name] === undefined)) continue;
    const at = rows.findIndex((row, index) => !same(parsed, row[name] ?? null, others[index]?.[name], field));
    // levels of what repeats are tested, so that none of it is broken
    if (at >= 0 && (repeats(field) || !columnsOfBrokenPages(bytes).has(name)))
      return `row ${at} of column ${name} (${type}) is ${shown(rows[at]?.[name])}, not ${shown(others[at]?.[name])}`;
  }
  return undefined;
}

/**
 * What hyparquet reads. Of several columns that fail it handles the first; the others' failures would end the
 * process.
 *
 * @throws the first failure
 */
async function guarded<T>(read: () => Promise<T>): Promise<T> {
  const failures: unknown[] = [];
  const note = (failure: unknown) => failures.push(failure);
  process.on("unhandledRejection", note);
  try {
    const value = await read();
    if (failures.length > 0) throw failures[0];
    return value;
  } finally {
    // they are reported once all that is due has run
    await setImmediate();
    process.off("unhandledRejection", note);
  }
}

function repeats({ element, children }: SchemaTree): boolean {
  return element.repetition_type === "REPEATED" || children.some(repeats);
}

/** An INT96 as its nanoseconds since 1970. */
const parsers = { timestampFromNanoseconds: (nanoseconds: bigint) => nanoseconds };

function withoutMeaning(metadata: FileMetaData): FileMetaData {
  const schema = metadata.schema.map((element) => {
    const { converted_type: _, logical_type: __, ...plain } = element;
    return plain;
  });
  return { ...metadata, schema };
}

function same(type: EngineType, value: EngineValue, raw: unknown, field: SchemaTree): boolean {
  if (value === null || raw === null || raw === undefined) return value === null && (raw ?? null) === null;
  switch (type.kind) {
    case "struct":
      return type.fields.every(({ name, type: inner }) => {
        const child = field.children.find(({ element }) => element.name === name);
        return child !== undefined && same(inner, memberOf(value, name), memberOf(raw, name), child);
      });
    case "list":
      return sameList(type.element, value, raw, field);
    case "map":
      return sameMap(type, value, raw, field);
    case "decimal":
      return canonical(String(value)) === canonical(`${unscaled(raw)}e-${type.scale}`);
    default:
      return sameScalar(type.name, value, raw, field);
  }
}

function memberOf<T>(value: unknown, name: string): T {
  return (value as Readonly<Record<string, T>>)[name] ?? (null as T);
}

function sameList(element: EngineType, value: EngineValue, raw: unknown, field: SchemaTree): boolean {
  const [level] = field.children;
  // what repeats outside of a list is a list of what it is
  if (field.element.repetition_type === "REPEATED") {
    const own = { ...field, element: { ...field.element, repetition_type: "REQUIRED" as const } };
    return (
      Array.isArray(value) &&
      Array.isArray(raw) &&
      raw.length === value.length &&
      value.every((item: EngineValue, index) => same(element, item, raw[index], own))
    );
  }
  const items = level === undefined ? undefined : memberOf<readonly unknown[]>(raw, level.element.name);
  if (level === undefined || !Array.isArray(value) || !Array.isArray(items) || items.length !== value.length)
    return false;
  const [inner] = level.children;
  return value.every((item: EngineValue, index) =>
    inner === undefined || level.children.length > 1 || isElement(level, field)
      ? same(element, item, items[index], level)
      : same(element, item, memberOf(items[index], inner.element.name), inner),
  );
}

/** By its name, a group of one field is the element of a list, not a level around it. */
function isElement({ element: { name } }: SchemaTree, list: SchemaTree): boolean {
  return name === "array" || name === `${list.element.name}_tuple`;
}

function sameMap(
  type: Extract<EngineType, { kind: "map" }>,
  value: EngineValue,
  raw: unknown,
  field: SchemaTree,
): boolean {
  const [level] = field.children;
  const [key, item] = level?.children ?? [];
  const entries = level === undefined ? undefined : memberOf<readonly unknown[]>(raw, level.element.name);
  if (key === undefined || item === undefined || !Array.isArray(value) || !Array.isArray(entries))
    return false;
  return (
    entries.length === value.length &&
    value.every((entry: EngineValue, index) => {
      const [ours, own] = entry as readonly EngineValue[];
      return (
        same(type.key, ours ?? null, memberOf(entries[index], key.element.name), key) &&
        same(type.value, own ?? null, memberOf(entries[index], item.element.name), item)
      );
    })
  );
}

function sameScalar(name: string, value: EngineValue, raw: unknown, { element }: SchemaTree): boolean {
  switch (name) {
    case "BOOLEAN":
      return value === raw;
    // a stored number may have more bits than its annotation says
    case "UTINYINT":
    case "USMALLINT":
    case "UINTEGER":
    case "UBIGINT":
      return BigInt(value as number) === BigInt.asUintN(bitsOf(name), BigInt(raw as number));
    case "TINYINT":
    case "SMALLINT":
    case "INTEGER":
    case "BIGINT":
      return BigInt(value as number) === BigInt.asIntN(bitsOf(name), BigInt(raw as number));
    case "FLOAT":
    case "DOUBLE":
      return typeof raw !== "number" || Object.is(value, raw) || (Number.isNaN(value) && Number.isNaN(raw));
    case "VARCHAR":
      return raw instanceof Uint8Array && value === text.decode(raw);
    case "BLOB":
      return value instanceof Uint8Array && raw instanceof Uint8Array && Buffer.from(raw).equals(value);
    case "UUID":
      return String(value).replaceAll("-", "") === Buffer.from(raw as Uint8Array).toString("hex");
    case "DATE":
      return Date.parse(String(value)) === Number(raw) * 86_400_000 || Math.abs(Number(raw)) > 90_000_000;
    case "TIMESTAMP":
    case "TIMESTAMP WITH TIME ZONE":
      return sameMoment(String(value), BigInt(raw as bigint), element);
    default:
      // what Delta does not have is refused later
      return true;
  }
}

function bitsOf(name: string): number {
  return { TINYINT: 8, SMALLINT: 16, INTEGER: 32 }[name.replace(/^U/, "")] ?? 64;
}

const text = new TextDecoder("utf-8", { ignoreBOM: true });

function sameMoment(value: string, raw: bigint, element: SchemaTree["element"]): boolean {
  const own = micros(value);
  // the engine's endless moments, and those beyond the years of a Date
  if (!/^-?\d+$/.test(own)) return true;
  const { converted_type: converted, logical_type: logical } = element;
  const unit = logical?.type === "TIMESTAMP" ? logical.unit : undefined;
  if (element.type === "INT96") return BigInt(own) * 1000n === raw;
  if (unit === "NANOS") return BigInt(own) * 1000n === raw;
  if (converted === "TIMESTAMP_MILLIS" || unit === "MILLIS") return BigInt(own) === raw * 1000n;
  return BigInt(own) === raw;
}

function unscaled(raw: unknown): bigint {
  if (!(raw instanceof Uint8Array)) return BigInt(raw as number);
  let value = 0n;
  for (const byte of raw) value = (value << 8n) | BigInt(byte);
  return BigInt.asIntN(raw.length * 8, value);
}

function shown(value: unknown): string {
  return String(JSON.stringify(value, (_, item) => (typeof item === "bigint" ? `${item}n` : item))).slice(
    0,
    300,
  );
}
