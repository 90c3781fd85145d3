import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { check, createTable, isVarveError, schema, suite } from "../../src/index.ts";
import type { DeltaType } from "../../src/schema/types.ts";
import { freshFolder } from "../operations/table-folder.ts";
import { readWritten } from "./judge.ts";
import type { SourceKind } from "./sources.ts";
import { type Column, jsonText, Unspelled } from "./spellings.ts";
import { bareValues, type StructValue, shapes, type TypeCase, types, type Value } from "./values.ts";

/** Cells that are not the value that went in, by `type shape value`, with what they are instead. */
export type Differences = Map<string, string>;

interface Cell {
  readonly label: string;
  readonly value: Value;
}

/** A column with the names of its cells. */
interface LabelledColumn extends Column {
  readonly labels: readonly string[];
}

const rowCount = 14;

/** One column for each type and shape, with all values of the type, one a row. */
function typedColumns(): LabelledColumn[] {
  return Object.entries(types).flatMap(([name, { type, values }]) =>
    Object.entries(shapes).map(([shape, { type: shaped, value: shapedValue, holdsNull }]) => {
      const cells: Cell[] = [
        ...Object.entries(values).map(([label, value]) => ({ label, value: shapedValue(value) })),
        { label: "null", value: null },
      ];
      if (holdsNull) cells.push({ label: "member null", value: shapedValue(null) });
      const bare = bareValues[shape];
      if (bare !== undefined) cells.push({ label: "no members", value: bare });
      while (cells.length < rowCount) cells.push({ label: "absent", value: null });
      return {
        name: `${name} ${shape}`,
        type: shaped(type),
        values: cells.map(({ value }) => value),
        labels: cells.map(({ label }) => label),
      };
    }),
  );
}

/** Takes out the values that the source cannot say. */
function spelled(
  kind: SourceKind,
  columns: readonly LabelledColumn[],
  differences: Differences,
): LabelledColumn[] {
  return columns.map((column) => ({
    ...column,
    values: column.values.map((value, row) => {
      try {
        kind.spell(column.type, value);
        return value;
      } catch (error) {
        if (!(error instanceof Unspelled)) throw error;
        differences.set(`${column.name} ${column.labels[row]}`, `unspelled: ${error.message}`);
        return null;
      }
    }),
  }));
}

/** The columns that a write takes; those that it refuses are taken out cell by cell and noted. */
async function written(
  columns: readonly LabelledColumn[],
  differences: Differences,
  write: (columns: readonly LabelledColumn[]) => Promise<void>,
): Promise<LabelledColumn[]> {
  let left = [...columns];
  for (;;) {
    try {
      await write(left);
      return left;
    } catch (error) {
      if (!isVarveError(error)) throw error;
      const { column: path, row } = error.data as { column?: readonly string[]; row?: number };
      const column = left.find(({ name }) => isColumn(name, path));
      if (column === undefined) throw error;
      const outcome = `${error.code}: ${error.message.slice(0, 150)}`;
      if (row === undefined) {
        differences.set(column.name, outcome);
        left = left.filter((other) => other !== column);
      } else {
        differences.set(`${column.name} ${column.labels[row]}`, outcome);
        const values = column.values.map((value, index) => (index === row ? null : value));
        left = left.map((other) => (other === column ? { ...column, values } : other));
      }
    }
  }
}

/** Whether an error names a column or something within it. */
function isColumn(name: string, path: readonly string[] | undefined): boolean {
  return path?.[0] === name;
}

function schemaOf(columns: readonly Column[]): ReturnType<typeof schema> {
  let builder = schema().long("id");
  for (const { name, type } of columns) builder = builder.column(name, type as TypeCase["type"]);
  return builder;
}

const ids = (count: number, first = 0): Column => ({
  name: "id",
  type: "long",
  values: Array.from({ length: count }, (_, index) => String(index + first)),
});

/** Every typed column appended to a table with these columns. */
export async function appended(kind: SourceKind): Promise<Differences> {
  const differences: Differences = new Map();
  const columns = spelled(kind, typedColumns(), differences);
  let folder = "";
  const left = await written(columns, differences, async (tried) => {
    folder = join(freshFolder(), "t");
    await using table = await createTable(folder, { schema: schemaOf(tried) });
    await table.append(await kind.source([ids(rowCount), ...tried]));
  });
  await compare(folder, left, differences);
  return differences;
}

async function compare(folder: string, columns: readonly LabelledColumn[], differences: Differences) {
  const { rows } = await readWritten(folder);
  const sorted = [...rows].sort((one, other) => Number(one["id"]) - Number(other["id"]));
  if (sorted.length !== rowCount) throw new Error(`${sorted.length} rows instead of ${rowCount}`);
  for (const column of columns) {
    column.values.forEach((value, row) => {
      const stored = sorted[row]?.[column.name] ?? null;
      if (!isEqual(value, stored)) differences.set(`${column.name} ${column.labels[row]}`, shown(stored));
    });
  }
}

function isEqual(value: Value, stored: Value): boolean {
  return isDeepStrictEqual(normal(value), normal(stored));
}

function normal(value: Value): unknown {
  if (value instanceof Uint8Array) return `bytes ${Buffer.from(value).toString("hex")}`;
  if (Array.isArray(value)) return value.map(normal);
  if (value instanceof Map) return { map: [...value].map(([key, item]) => [normal(key), normal(item)]) };
  if (typeof value === "string") return normalNumber(value);
  if (value === null || typeof value === "boolean") return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, normal(item as Value)]));
}

/** `1.50` and `1.5` are one number, and the numbers 0 and -0 are two. */
function normalNumber(text: string): string {
  if (!/^-?\d+(\.\d+)?(e[+-]?\d+)?$/.test(text) || /^-0+$|^0\d/.test(text)) return text;
  const [mantissa = "", exponent = "0"] = text.split("e");
  const [whole = "", fraction = ""] = mantissa.split(".");
  const digits = (whole + fraction).replace(/0+$/, "");
  const power = Number(exponent) - fraction.length + (whole + fraction).length - digits.length;
  const number = digits.replace(/^(-?)0+/, "$1");
  return number === "" || number === "-" ? "0" : `${number}e${power}`;
}

const shown = (value: Value): string => JSON.stringify(normal(value)) ?? "nothing";

/** Every typed column set aside by a test, with the other rows of its batch, repaired and landed. */
export async function resubmitted(kind: SourceKind): Promise<Differences> {
  const differences: Differences = new Map();
  const columns = spelled(kind, typedColumns(), differences);
  const folder = join(freshFolder(), "t");
  await using table = await createTable(folder, { schema: schemaOf(columns) });
  const gate = suite("known", [check.between("id", { min: 0 }, { onFail: "quarantine" })], {
    maxBadShare: 1,
  });
  await table.append(await kind.source([ids(rowCount, -rowCount), ...columns]), { gate });
  await table.quarantine.repair({ all: true }, { id: `id + ${rowCount}` });
  await table.quarantine.resubmit({ all: true });
  await compare(folder, columns, differences);
  return differences;
}

/** A table made of one row with a column for each value, whose types are those that the source implies. */
export async function created(kind: SourceKind): Promise<Differences> {
  const differences: Differences = new Map();
  // as keys, a few types tell what all do
  const some = typedColumns().filter(({ name }) => !/ keys$/.test(name) || /^(long|string|date) /.test(name));
  const cells = some.flatMap((column) =>
    column.values.flatMap((value, row): LabelledColumn[] => {
      const label = column.labels[row];
      if (label === "absent") return [];
      return [{ name: `${column.name} ${label}`, type: column.type, values: [value], labels: [""] }];
    }),
  );
  let folder = "";
  const left = await written(spelled(kind, cells, differences), differences, async (tried) => {
    folder = join(freshFolder(), "t");
    const table = await createTable(folder, { source: await kind.source([ids(1), ...tried]) });
    await table.close();
  });
  const { rows } = await readWritten(folder);
  compareImplied(rows[0], left, differences);
  return differences;
}

/** Holds a row against values whose types the source implied. */
function compareImplied(
  row: StructValue | undefined,
  columns: readonly Column[],
  differences: Differences,
): void {
  for (const { name, type, values } of columns) {
    const value = values[0] ?? null;
    const stored = row?.[name] ?? null;
    // what has no type of its own becomes the text that the source has
    const isText = typeof stored === "string" && typeof value === "object" && value !== null;
    const text =
      isText && (value instanceof Uint8Array ? Buffer.from(value).toString("base64") : jsonText(type, value));
    if (!isEqual(value, stored) && text !== stored) differences.set(name, shown(stored));
  }
}

/**
 * A table made of one row of nulls, to which a second row brings the first value of every column, in the types
 * that the source implies.
 */
export async function typedLater(kind: SourceKind): Promise<Differences> {
  const differences: Differences = new Map();
  // every type as it is, and a few in every shape
  const some = typedColumns().filter(({ name }) => / plain$|^(long|string|date) /.test(name));
  const columns = some.map((column): LabelledColumn => {
    const first = column.values.find((value) => value !== null) ?? null;
    return { ...column, values: [first], labels: [""] };
  });
  let folder = "";
  const left = await written(spelled(kind, columns, differences), differences, async (tried) => {
    folder = join(freshFolder(), "t");
    const empty = tried.map((column) => ({ ...column, type: "void" as const, values: [null] }));
    await using table = await createTable(folder, { source: await kind.source([ids(1), ...empty]) });
    const { fields } = table.snapshot().schema;
    for (const { name, type } of fields.slice(1))
      if (type !== "string") differences.set(name, `created as ${JSON.stringify(type)}`);
    await table.append(await kind.source([ids(1, 1), ...tried]), { upgradeProtocol: true });
  });
  const { rows } = await readWritten(folder);
  const [before, after] = [...rows].sort((one, other) => Number(one["id"]) - Number(other["id"]));
  for (const { name } of left)
    if ((before?.[name] ?? null) !== null) differences.set(name, "a value where none was");
  compareImplied(after, left, differences);
  return differences;
}

/** A column for each value that its type does not hold, as the source brings it. */
interface MisfitColumn extends LabelledColumn {
  readonly target: TypeCase["type"];
  readonly text: string;
}

/** @param shape in which the values are brought */
function misfitColumns(kind: SourceKind, shape: string, differences: Differences): MisfitColumn[] {
  const { type: shaped, value: valueIn } = shapes[shape] ?? plain;
  const chosen = Object.entries(types).filter(([name]) => shape === "plain" || tellingTypes.has(name));
  return chosen.flatMap(([name, { type, misfits }]) =>
    Object.entries(misfits ?? {}).flatMap(([label, { value: bare, as }]): MisfitColumn[] => {
      const column = `${name} ${label}`;
      const member = kind.typed ? as : type;
      const value = valueIn(bare);
      try {
        if (member === undefined) throw new Unspelled("no type of the source holds it");
        const brought = shaped(member as DeltaType);
        kind.spell(brought, value);
        return [
          {
            name: column,
            type: brought,
            target: shaped(type),
            text: String(bare),
            values: [value],
            labels: [label],
          },
        ];
      } catch (error) {
        if (!(error instanceof Unspelled)) throw error;
        differences.set(column, `unspelled: ${error.message}`);
        return [];
      }
    }),
  );
}

const plain = { type: (type: DeltaType) => type, value: (value: Value) => value };

/** Types whose values below the top tell what those of all types do. */
const tellingTypes: ReadonlySet<string> = new Set([
  "byte",
  "long",
  "double",
  "decimal(5,2)",
  "string",
  "timestamp",
]);

/**
 * Every value that does not fit, in a shape, appended by itself and with the others in one batch that sets them
 * aside.
 */
async function refusedIn(kind: SourceKind, shape: string): Promise<Differences> {
  const differences: Differences = new Map();
  const columns = misfitColumns(kind, shape, differences);
  const targets = columns.map(({ name, target }) => ({ name, type: target, values: [] }));
  await using table = await createTable(join(freshFolder(), "t"), { schema: schemaOf(targets) });
  for (const column of columns) {
    const outcome = await table
      .append(await kind.source([ids(2), { ...column, values: [null, ...column.values] }]))
      .then(
        () => "accepted",
        (error: unknown) => refusal(column, error),
      );
    if (outcome !== undefined) differences.set(column.name, outcome);
  }
  if ((await table.count()) > 0) return differences;
  const fitting = columns.filter(({ name }) => !differences.get(name)?.startsWith("type"));
  const gate = suite("aside", [], { onMisfit: "quarantine", maxBadShare: 1 });
  const batch = fitting.map((column, index) => ({
    ...column,
    values: fitting.map((_, row) => (row === index ? (column.values[0] ?? null) : null)),
  }));
  await table.append(await kind.source([ids(fitting.length), ...batch]), { gate });
  if ((await table.count()) !== 0) differences.set("aside", `${await table.count()} rows landed`);
  const rows = await table.quarantine.read();
  if (rows.length !== fitting.length) differences.set("aside", `${rows.length} of ${fitting.length} rows`);
  return differences;
}

/** As {@link refusedIn}, in columns of the types themselves. */
export const refused = (kind: SourceKind): Promise<Differences> => refusedIn(kind, "plain");

/** As {@link refusedIn}, below structs, lists and maps. */
export async function refusedBelow(kind: SourceKind): Promise<Differences> {
  const differences: Differences = new Map();
  for (const shape of Object.keys(shapes))
    if (shape !== "plain")
      for (const [cell, outcome] of await refusedIn(kind, shape))
        differences.set(`${shape}: ${cell}`, outcome);
  return differences;
}

/** A null in each column that forbids it, alone and in a batch that sets it aside. */
export async function nullsRefused(kind: SourceKind): Promise<Differences> {
  const differences: Differences = new Map();
  // every type as it is, and one in every shape
  const columns = typedColumns().flatMap((column): LabelledColumn[] => {
    if (!/ plain$|^long /.test(column.name)) return [];
    const value = column.values.find((one) => one !== null) ?? null;
    return [{ ...column, values: [value, null, value] }];
  });
  const gate = suite("aside", [], { onMisfit: "quarantine", maxBadShare: 1 });
  for (const column of columns) {
    const { name, type } = column;
    const forbidding = schema()
      .long("id")
      .column(name, type as DeltaType, { nullable: false });
    await using table = await createTable(join(freshFolder(), "t"), { schema: forbidding });
    const outcome = await table.append(await kind.source([ids(3), column])).then(
      () => "accepted",
      (error: unknown) => nullRefusal(column, error),
    );
    if (outcome !== undefined) differences.set(name, outcome);
    await table.append(await kind.source([ids(3), column]), { gate });
    if ((await table.count()) !== 2) differences.set(`${name} aside`, `${await table.count()} rows landed`);
  }
  return differences;
}

function nullRefusal({ name }: LabelledColumn, error: unknown): string | undefined {
  if (!isVarveError(error)) return String(error);
  const { column, row } = error.data as Refusal;
  return error.code === "SCHEMA_MISMATCH" && isDeepStrictEqual(column, [name]) && row === 1
    ? undefined
    : `${error.code}, row ${row}`;
}

/** Half of a surrogate pair as messages show it. */
const escaped = (text: string): string =>
  text.replace(/[\ud800-\udfff]/gu, (half) => `\\u${half.charCodeAt(0).toString(16)}`);

interface Refusal {
  readonly column?: readonly string[];
  readonly row?: number;
  readonly found?: string;
  readonly reason?: string;
}

/** A value as an error shows it, and the members of one that sources with types bring as a whole. */
function shownNumbers(found: string): string[] {
  const words: Readonly<Record<string, string>> = { nan: "NaN", inf: "Infinity", "-inf": "-Infinity" };
  const members = found.split(/[\s,{}[\]='"]+|: /).map((member) => words[member] ?? member);
  return [found, ...members].map(normalNumber);
}

/** Undefined for an error that names column, row and value. */
function refusal({ name, text }: MisfitColumn, error: unknown): string | undefined {
  if (!isVarveError(error, "SCHEMA_MISMATCH")) return isVarveError(error) ? error.code : String(error);
  const { column, row, found, reason } = error.data as Refusal;
  if (reason === "type" && isColumn(name, column)) return `type ${found}`;
  const isNamed = isColumn(name, column) && row === 1;
  const isFound = shownNumbers(String(found)).includes(normalNumber(escaped(text)));
  return isNamed && isFound ? undefined : `row ${row}, found ${found}`;
}
