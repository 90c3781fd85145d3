import {
  Binary,
  Bool,
  type Data,
  type DataType,
  DateDay,
  Decimal,
  Field,
  Float32,
  Float64,
  Int8,
  Int16,
  Int32,
  Int64,
  List,
  Map_,
  makeData,
  Null,
  RecordBatch,
  Schema,
  Struct,
  Table,
  TimestampMicrosecond,
  TimestampNanosecond,
  Utf8,
} from "apache-arrow";
import { type Column, Unspelled } from "./spellings.ts";
import type { CarrierType, StructValue, Value } from "./values.ts";

/** One batch; a value below a null one repeats the value before it, which no reader may see. */
export function arrowTable(columns: readonly Column[]): Table {
  const data = columns.map(({ type, values }) => arrowData(type, values));
  const fields = columns.map(({ name }, index) => new Field(name, typeAt(data, index), true));
  const schema = new Schema(fields);
  const length = columns[0]?.values.length ?? 0;
  const batch = makeData({ type: new Struct(fields), length, nullCount: 0, children: data });
  return new Table(schema, [new RecordBatch(schema, batch as never)]);
}

function typeAt(data: readonly Data[], index: number): DataType {
  const column = data[index];
  if (column === undefined) throw new Error(`no column ${index}`);
  return column.type;
}

/** Data of any type: the library types `makeData` by concrete types, which are not known here. */
function dataOf(type: DataType, values: readonly Value[], buffers: object): Data {
  const nullBitmap = new Uint8Array(Math.ceil(values.length / 8));
  values.forEach((value, index) => {
    if (value !== null) nullBitmap[index >> 3] = (nullBitmap[index >> 3] ?? 0) | (1 << (index & 7));
  });
  const nullCount = values.filter((value) => value === null).length;
  return makeData({ type, length: values.length, nullCount, nullBitmap, ...buffers } as never);
}

function arrowData(type: CarrierType, values: readonly Value[]): Data {
  if (typeof type === "string") return scalarData(type, values);
  switch (type.type) {
    case "decimal": {
      const words = new Uint32Array(values.length * 4);
      values.forEach((value, row) => {
        const unscaled = BigInt.asUintN(
          128,
          value === null ? 0n : BigInt(unscaledText(value as string, type.scale)),
        );
        for (let word = 0; word < 4; word++)
          words[row * 4 + word] = Number((unscaled >> BigInt(32 * word)) & 0xffffffffn);
      });
      return dataOf(new Decimal(type.scale, type.precision, 128), values, { data: words });
    }
    case "struct": {
      let last: StructValue = {};
      const filled = values.map((value) => {
        if (value !== null) last = value as StructValue;
        return last;
      });
      const children = type.fields.map(({ name, type: below }) =>
        arrowData(
          below,
          filled.map((value) => value[name] ?? null),
        ),
      );
      const fields = type.fields.map(({ name }, index) => new Field(name, typeAt(children, index), true));
      return dataOf(new Struct(fields), values, { children });
    }
    case "array": {
      const lists = values.map((value) => value as readonly Value[] | null);
      const child = arrowData(
        type.elementType,
        lists.flatMap((list) => list ?? []),
      );
      return dataOf(new List(new Field("element", child.type, true)), values, {
        valueOffsets: offsetsOf(lists.map((list) => list?.length ?? 0)),
        child,
      });
    }
    default: {
      const maps = values.map((value) => [...((value as ReadonlyMap<Value, Value> | null) ?? [])]);
      const entries = maps.flat();
      const key = arrowData(
        type.keyType,
        entries.map(([name]) => name),
      );
      const value = arrowData(
        type.valueType,
        entries.map(([, item]) => item),
      );
      const entry = new Struct([new Field("key", key.type, false), new Field("value", value.type, true)]);
      const child = makeData({ type: entry, length: entries.length, nullCount: 0, children: [key, value] });
      return dataOf(new Map_(new Field("entries", entry, false) as never), values, {
        valueOffsets: offsetsOf(maps.map((map) => map.length)),
        child,
      });
    }
  }
}

function offsetsOf(lengths: readonly number[]): Int32Array {
  const offsets = new Int32Array(lengths.length + 1);
  lengths.forEach((length, index) => {
    offsets[index + 1] = (offsets[index] ?? 0) + length;
  });
  return offsets;
}

function unscaledText(text: string, scale: number): string {
  const [whole = "", fraction = ""] = text.split(".");
  return whole + fraction.padEnd(scale, "0");
}

function scalarData(type: Extract<CarrierType, string>, values: readonly Value[]): Data {
  const numbers = () => values.map((value) => Number(value));
  const wholes = () => values.map((value) => (value === null ? 0n : BigInt(value as string)));
  switch (type) {
    case "byte":
      return dataOf(new Int8(), values, { data: Int8Array.from(numbers()) });
    case "short":
      return dataOf(new Int16(), values, { data: Int16Array.from(numbers()) });
    case "integer":
      return dataOf(new Int32(), values, { data: Int32Array.from(numbers()) });
    case "long":
      return dataOf(new Int64(), values, { data: BigInt64Array.from(wholes()) });
    case "float":
      return dataOf(new Float32(), values, { data: Float32Array.from(numbers()) });
    case "double":
      return dataOf(new Float64(), values, { data: Float64Array.from(numbers()) });
    case "boolean": {
      const data = new Uint8Array(Math.ceil(values.length / 8));
      values.forEach((value, index) => {
        if (value === true) data[index >> 3] = (data[index >> 3] ?? 0) | (1 << (index & 7));
      });
      return dataOf(new Bool(), values, { data });
    }
    case "date": {
      const days = values.map((value) => (value === null ? 0 : daysOf(value as string)));
      return dataOf(new DateDay(), values, { data: Int32Array.from(days) });
    }
    case "timestamp":
    case "timestamp_ntz":
      return dataOf(new TimestampMicrosecond(type === "timestamp" ? "UTC" : null), values, {
        data: BigInt64Array.from(values, (value) => (value === null ? 0n : nanosOf(value as string) / 1000n)),
      });
    case "nanoseconds":
    case "zoned nanoseconds":
      return dataOf(new TimestampNanosecond(type === "nanoseconds" ? null : "UTC"), values, {
        data: BigInt64Array.from(values, (value) => (value === null ? 0n : nanosOf(value as string))),
      });
    case "void":
      return makeData({ type: new Null(), length: values.length, nullCount: values.length });
    case "string":
    case "binary": {
      const items = values.map((value) =>
        value instanceof Uint8Array ? Buffer.from(value) : utf8((value ?? "") as string),
      );
      return dataOf(type === "string" ? new Utf8() : new Binary(), values, {
        valueOffsets: offsetsOf(items.map((item) => item.length)),
        data: Buffer.concat(items),
      });
    }
    default:
      throw new Error(`Arrow has no ${type}`);
  }
}

function daysOf(date: string): number {
  return Date.parse(`${date}T00:00:00Z`) / 86_400_000;
}

/** UTF-8, with half of a surrogate pair in the three bytes that UTF-8 forbids. */
function utf8(text: string): Buffer {
  const parts = [...text].map((character) => {
    const code = character.codePointAt(0) ?? 0;
    const isHalf = code >= 0xd800 && code <= 0xdfff;
    return isHalf
      ? Buffer.of(0xe0 | (code >> 12), 0x80 | ((code >> 6) & 0x3f), 0x80 | (code & 0x3f))
      : Buffer.from(character);
  });
  return Buffer.concat(parts);
}

/** Whether a value or a member of it is a moment without end. */
export function holdsEndless(value: Value): boolean {
  if (value instanceof Map) return [...value].flat().some(holdsEndless);
  if (value instanceof Uint8Array || typeof value !== "object" || value === null) return value === "infinity";
  return Object.values(value).some(holdsEndless);
}

/** @throws where Arrow has no such value */
export function checkArrow(type: CarrierType, value: Value): void {
  if (holdsEndless(value)) throw new Unspelled("Arrow has no endless moments");
  arrowData(type, [value]);
}

/** Nanoseconds since 1970 of ISO text with or without a zone. */
function nanosOf(moment: string): bigint {
  const seconds = BigInt(Date.parse(`${moment.slice(0, 19)}Z`)) * 1_000_000n;
  return seconds + BigInt(moment.slice(20).replace("Z", "").padEnd(9, "0"));
}
