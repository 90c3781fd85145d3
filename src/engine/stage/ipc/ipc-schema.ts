import {
  Binary,
  BinaryView,
  Bool,
  type DataType,
  Date_,
  Decimal,
  Dictionary,
  Duration,
  Field,
  FixedSizeBinary,
  FixedSizeList,
  Float,
  Int,
  Int32,
  Interval,
  LargeBinary,
  LargeList,
  LargeUtf8,
  List,
  Map_,
  Null,
  Struct,
  Time,
  Timestamp,
  Union,
  Utf8,
  Utf8View,
} from "apache-arrow";
import { ArrowDamage, assertSound } from "./damage.ts";
import type { FlatTable } from "./flat-table.ts";

/** How the values of a type lie in the buffers of a message. */
export type IpcLayout =
  | "null"
  | "bits"
  | "fixed"
  | "bytes"
  | "large-bytes"
  | "views"
  | "list"
  | "large-list"
  | "list-view"
  | "large-list-view"
  | "fixed-list"
  | "struct"
  | "run-ends"
  | "dictionary"
  /** Of a type that no Delta type holds: its values are never read. */
  | "unread";

/** A field of a schema. Its type is one of the library's, which its values become when they are read. */
export interface IpcField {
  readonly name: string;
  readonly type: DataType;
  readonly layout: IpcLayout;
  readonly children: readonly IpcField[];
  /** The id of its dictionary, whose values are those of the one child. */
  readonly dictionary?: number | undefined;
}

/** A schema: its columns, and the fields whose values are in dictionaries by the dictionaries' ids. */
export interface IpcSchema {
  readonly fields: readonly IpcField[];
  readonly dictionaries: ReadonlyMap<number, IpcField>;
}

/** As deep as Arrow's own readers go. */
const mostNested = 64;

/** @throws {@link ArrowDamage}, for big-endian data and types nested too deep too */
export function decodeSchema(table: FlatTable): IpcSchema {
  assertSound(
    table.int16(0) === 0,
    () => "it is big-endian, which varve does not read. Write it again on a little-endian machine",
  );
  const dictionaries = new Map<number, IpcField>();
  const fields = table.tables(1).map((field) => decodeField(field, dictionaries, 1));
  return { fields, dictionaries };
}

function decodeField(field: FlatTable, dictionaries: Map<number, IpcField>, depth: number): IpcField {
  const name = field.text(0) ?? "";
  assertSound(
    depth <= mostNested,
    () => `its field ${JSON.stringify(name)} is nested over ${mostNested} levels deep`,
  );
  const children = field.tables(5).map((child) => decodeField(child, dictionaries, depth + 1));
  const values = { name, children, ...typeOf(name, field, children) };
  const encoding = field.table(4);
  if (encoding === undefined) return values;
  const id = encoding.int64(0);
  const indices = encoding.table(1);
  const indexType = indices === undefined ? new Int32() : intOf(name, indices);
  const known = dictionaries.get(id);
  assertSound(
    known === undefined || String(known.type) === String(values.type),
    () => `dictionary ${id} has two types, ${known?.type} and ${values.type}`,
  );
  dictionaries.set(id, known ?? values);
  const type = new Dictionary(values.type, indexType as Int32, id);
  return { name, type, layout: "dictionary", children: [values], dictionary: id };
}

type Typed = Pick<IpcField, "type" | "layout">;

/** The type by its number in Schema.fbs; those that the library lacks become another of the same values. */
function typeOf(name: string, field: FlatTable, children: readonly IpcField[]): Typed {
  const number = field.uint8(2);
  const nested = nestedType(name, number, field, children);
  if (nested !== undefined) return nested;
  // Their values would be taken for those of the next columns, or be passed over.
  assertSound(
    children.length === 0,
    () => `column ${name} has parts (${children.length}), although its type has none`,
  );
  const simple = simpleTypes.get(number);
  if (simple !== undefined) return simple();
  const table = field.table(3);
  if (table === undefined) throw new ArrowDamage(`the type of column ${name} is missing`);
  const part = (value: number, known: readonly number[]) => {
    assertSound(known.includes(value), () => `the type of column ${name} has the unknown part ${value}`);
    return value;
  };
  const units = [0, 1, 2, 3];
  switch (number) {
    case 2:
      return { layout: "fixed", type: intOf(name, table) };
    case 3:
      return { layout: "fixed", type: new Float(part(table.int16(0), [0, 1, 2])) };
    case 7: {
      const bits = part(table.int32(2, 128), [32, 64, 128, 256]);
      return { layout: "fixed", type: new Decimal(table.int32(1), table.int32(0), bits) };
    }
    case 8:
      // Where the unit is left out, it is the millisecond.
      return { layout: "fixed", type: new Date_(part(table.has(0) ? table.int16(0) : 1, [0, 1])) };
    case 9:
      return { layout: "unread", type: new Time(unitOf(table, part, units, 1), timeBits(table, part)) };
    case 10:
      return { layout: "fixed", type: new Timestamp(part(table.int16(0), units), table.text(1) ?? null) };
    case 11:
      return { layout: "unread", type: new Interval(part(table.int16(0), [0, 1, 2])) };
    case 15: {
      const width = table.int32(0);
      assertSound(width >= 0, () => `the type of column ${name} is ${width} bytes wide`);
      return { layout: "fixed", type: new FixedSizeBinary(width) };
    }
    case 18:
      return { layout: "unread", type: new Duration(unitOf(table, part, units, 1)) };
    default:
      throw new ArrowDamage(`the type of column ${name} has the unknown number ${number}`);
  }
}

type Part = (value: number, known: readonly number[]) => number;

function unitOf(table: FlatTable, part: Part, units: readonly number[], fallback: number): number {
  return part(table.has(0) ? table.int16(0) : fallback, units);
}

function timeBits(table: FlatTable, part: Part): 32 | 64 {
  return part(table.int32(1, 32), [32, 64]) === 64 ? 64 : 32;
}

const simpleTypes: ReadonlyMap<number, () => Typed> = new Map<number, () => Typed>([
  [1, () => ({ layout: "null", type: new Null() })],
  [4, () => ({ layout: "bytes", type: new Binary() })],
  [5, () => ({ layout: "bytes", type: new Utf8() })],
  [6, () => ({ layout: "bits", type: new Bool() })],
  [19, () => ({ layout: "large-bytes", type: new LargeBinary() })],
  [20, () => ({ layout: "large-bytes", type: new LargeUtf8() })],
  [23, () => ({ layout: "views", type: new BinaryView() })],
  [24, () => ({ layout: "views", type: new Utf8View() })],
]);

/** How many children a nested type has; as many as it likes without a number. */
const childCounts: ReadonlyMap<number, number | undefined> = new Map([
  [12, 1],
  [13, undefined],
  [14, undefined],
  [16, 1],
  [17, 1],
  [21, 1],
  [22, 2],
  [25, 1],
  [26, 1],
]);

function nestedType(
  name: string,
  number: number,
  field: FlatTable,
  children: readonly IpcField[],
): Typed | undefined {
  if (!childCounts.has(number)) return undefined;
  const expected = childCounts.get(number) ?? children.length;
  assertSound(children.length === expected, () => `column ${name} has ${children.length} children`);
  const fields = children.map((child) => new Field(child.name, child.type, true));
  const [element = new Field("element", new Null()), values = element] = fields;
  switch (number) {
    case 12:
      return { layout: "list", type: new List(element) };
    case 13:
      return { layout: "struct", type: new Struct(fields) };
    case 14:
      return { layout: "unread", type: new Union(field.table(3)?.int16(0) ?? 0, [], fields) };
    case 16: {
      const size = field.table(3)?.int32(0) ?? 0;
      assertSound(size >= 0, () => `the lists of column ${name} have ${size} elements`);
      return { layout: "fixed-list", type: new FixedSizeList(size, element) };
    }
    case 17: {
      const [entries] = children;
      assertSound(
        entries?.layout === "struct" && entries.children.length === 2,
        () => `the entries of the map ${name} are no pairs`,
      );
      return { layout: "list", type: new Map_(element as never) };
    }
    case 21:
      return { layout: "large-list", type: new LargeList(element) };
    case 22:
      return { layout: "run-ends", type: new Dictionary(values.type, new Int32(), expandedId) };
    default: {
      const expanded = new Dictionary(element.type, new Int32(), expandedId);
      const list = new List(new Field(element.name, expanded, true));
      return { layout: number === 25 ? "list-view" : "large-list-view", type: list };
    }
  }
}

/** Of dictionaries that are made of run ends and list views; no file has it. */
const expandedId = -1;

function intOf(name: string, table: FlatTable): Int {
  const bits = table.int32(0);
  if (bits !== 8 && bits !== 16 && bits !== 32 && bits !== 64)
    throw new ArrowDamage(`the type of column ${name} has integers of ${bits} bits`);
  return new Int(table.boolean(1), bits);
}
