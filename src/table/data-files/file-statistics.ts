import type { WrittenColumn, WrittenFile } from "../../engine/core/contract.ts";
import { propertyOf } from "../../protocol/properties.ts";
import { formatTimestamp, parseDate, parseTimestamp } from "../../schema/calendar.ts";
import { type ColumnMappingMode, physicalPath } from "../../schema/column-mapping.ts";
import { leafFields } from "../../schema/fields.ts";
import { foldName } from "../../schema/schema-json.ts";
import { isPrimitive } from "../../schema/type-names.ts";
import type { DeltaType, StructType } from "../../schema/types.ts";

/**
 * Maximum number of characters (code points) of a text bound; longer text is cut, and upper bounds are then
 * raised.
 */
const textBound = 32;

/** A leaf column for which files have statistics. */
export interface IndexedColumn {
  /** Physical names from the top. */
  readonly path: readonly string[];
  readonly type: DeltaType;
}

/** Settings of statistics. */
export interface StatisticsTarget {
  readonly schema: StructType;
  readonly partitionColumns: readonly string[];
  readonly mode: ColumnMappingMode;
  readonly configuration: Readonly<Record<string, string>>;
  /** Physical paths of columns that need statistics whatever the settings say. */
  readonly clusteringColumns?: readonly (readonly string[])[] | undefined;
}

/**
 * The leaf columns whose statistics go into the log: those that `delta.dataSkippingStatsColumns` names, or
 * else the first 32 data columns (or `delta.dataSkippingNumIndexedCols`, -1 for all), plus the clustering
 * columns.
 */
export function indexedColumns(target: StatisticsTarget): IndexedColumn[] {
  const partitions = new Set(target.partitionColumns.map(foldName));
  const leaves = [...leafFields(target.schema)]
    .filter(({ path, field }) => !partitions.has(foldName(path[0] ?? "")) && field.type !== "void")
    .map(({ path, field }) => ({
      logical: path,
      path: physicalPath(target.schema, path, target.mode),
      type: field.type,
    }));
  const indexed = propertyOf(target.configuration, "dataSkippingNumIndexedCols");
  const limit = indexed < 0 ? Number.POSITIVE_INFINITY : indexed;
  const names = propertyOf(target.configuration, "dataSkippingStatsColumns");
  const clustering = new Set((target.clusteringColumns ?? []).map((path) => JSON.stringify(path)));
  return leaves
    .filter(({ logical, path }, index) => {
      if (clustering.has(JSON.stringify(path))) return true;
      return names === undefined ? index < limit : names.some((name) => isAtOrBelow(logical, name));
    })
    .map(({ path, type }) => ({ path, type }));
}

/**
 * The statistics of a written file as JSON text, PROTOCOL.md "Per-file Statistics": bounds are true for every
 * value of the file.
 *
 * Text is cut to 32 characters, with upper bounds raised after a cut; timestamps are cut to milliseconds,
 * with upper bounds rounded up. A column that holds NaN has no upper bound, because engines differ on how NaN
 * is ordered. Booleans, binary, lists and maps have no bounds.
 */
export function statisticsJson(file: WrittenFile, columns: readonly IndexedColumn[]): string {
  const written = new Map(file.columns.map((column) => [JSON.stringify(column.path), column]));
  const [minimums, maximums, nulls] = [new JsonTree(), new JsonTree(), new JsonTree()];
  for (const { path, type } of columns) {
    const column = written.get(JSON.stringify(path));
    if (column === undefined) continue;
    if (column.nullCount !== undefined) nulls.set(path, String(column.nullCount));
    if (column.nullCount === file.rows) continue;
    const [low, high] = bounds(type, column);
    if (low !== undefined) minimums.set(path, low);
    if (high !== undefined) maximums.set(path, high);
  }
  const parts = [
    `"minValues":${minimums.text()}`,
    `"maxValues":${maximums.text()}`,
    `"nullCount":${nulls.text()}`,
  ];
  return `{"numRecords":${file.rows},${parts.join(",")},"tightBounds":true}`;
}

/** Lower and upper bound as JSON text. */
function bounds(type: DeltaType, column: WrittenColumn): readonly [string | undefined, string | undefined] {
  const { min, max } = column;
  if (!isPrimitive(type))
    return type.type === "decimal" ? [number(min), number(max)] : [undefined, undefined];
  switch (type) {
    case "byte":
    case "short":
    case "integer":
    case "long":
      return [number(min), number(max)];
    case "float":
    case "double":
      return [number(min), column.hasNan === false ? number(max) : undefined];
    case "date":
      return [date(min), date(max)];
    case "timestamp":
      return [moment(min, false, "Z"), moment(max, true, "Z")];
    case "timestamp_ntz":
      return [moment(min, false, ""), moment(max, true, "")];
    case "string":
      return [min === undefined ? undefined : JSON.stringify(cutText(min)), upperText(max, column.maxPrefix)];
    default:
      return [undefined, undefined];
  }
}

/**
 * The text itself if it is a JSON number, kept as digits so that 38 of them stay exact. Infinities have no
 * JSON.
 */
function number(text: string | undefined): string | undefined {
  return text !== undefined && /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/.test(text) ? text : undefined;
}

function date(text: string | undefined): string | undefined {
  return text === undefined || parseDate(text) === undefined ? undefined : JSON.stringify(text);
}

function moment(text: string | undefined, up: boolean, suffix: string): string | undefined {
  const micros = text === undefined ? undefined : parseTimestamp(text)?.micros;
  if (micros === undefined) return undefined;
  const below = micros - (((micros % 1000n) + 1000n) % 1000n);
  const whole = up && below !== micros ? below + 1000n : below;
  return JSON.stringify(`${formatTimestamp(whole, "T").slice(0, -3)}${suffix}`);
}

/** The first characters of a text, which is not above the text itself. */
export function cutText(text: string): string {
  let cut = "";
  let count = 0;
  for (const character of text) {
    if (count++ === textBound) return cut;
    cut += character;
  }
  return cut;
}

/**
 * A text not below any longer text that starts with `start`: its first characters, with the last one raised;
 * `undefined` if none can be raised.
 */
export function raiseText(start: string): string | undefined {
  const points = Array.from(cutText(start), (character) => character.codePointAt(0) ?? 0);
  while (points.length > 0) {
    const last = points.pop() ?? 0;
    if (last >= 0x10ffff) continue;
    const raised = last + 1;
    points.push(raised >= 0xd800 && raised <= 0xdfff ? 0xe000 : raised);
    return String.fromCodePoint(...points);
  }
  return undefined;
}

function upperText(max: string | undefined, maxPrefix: string | undefined): string | undefined {
  const start = max ?? maxPrefix;
  if (start === undefined) return undefined;
  const cut = cutText(start);
  const upper = max !== undefined && cut === max ? cut : raiseText(cut);
  return upper === undefined ? undefined : JSON.stringify(upper);
}

function isAtOrBelow(path: readonly string[], ancestor: readonly string[]): boolean {
  return (
    ancestor.length > 0 && ancestor.every((name, index) => foldName(name) === foldName(path[index] ?? ""))
  );
}

/** Nested objects whose leaves are JSON text. */
class JsonTree {
  readonly #children = new Map<string, JsonTree | string>();

  set(path: readonly string[], json: string): void {
    const [first, ...rest] = path;
    if (first === undefined) return;
    if (rest.length === 0) {
      this.#children.set(first, json);
      return;
    }
    const child = this.#children.get(first);
    const tree = child instanceof JsonTree ? child : new JsonTree();
    this.#children.set(first, tree);
    tree.set(rest, json);
  }

  text(): string {
    const members = [...this.#children].map(
      ([name, child]) => `${JSON.stringify(name)}:${typeof child === "string" ? child : child.text()}`,
    );
    return `{${members.join(",")}}`;
  }
}
