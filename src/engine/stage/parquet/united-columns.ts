import { commonType } from "../../../dialects/common-type.ts";
import { type Conversion, foundText, type Mismatch, planConversion } from "../../../dialects/conversion.ts";
import { deltaTypeOfEngine, engineTypeText, parseEngineType } from "../../../dialects/engine-types.ts";
import { VarveError } from "../../../errors.ts";
import { pathText } from "../../../schema/type-names.ts";
import type { DeltaType } from "../../../schema/types.ts";
import type { EngineColumn } from "../../core/contract.ts";
import type { FileShape } from "./file-shapes.ts";

/** A column of several shapes of files. */
export interface UnitedColumn {
  readonly name: string;
  readonly type: string;
  /** For each shape, how its values become those of the type; absent where the shape lacks the column. */
  readonly conversions: readonly (Conversion | undefined)[];
  /** The type as Delta's, where the shapes disagree. */
  readonly target?: DeltaType | undefined;
}

/**
 * Unites the columns of files by name, ignoring case. Where files disagree on a type, the column has the
 * narrowest type that holds all values of each exactly; where there is none, the type that is `given`, into
 * which each file is converted by itself.
 *
 * @throws `SCHEMA_MISMATCH` naming two files and their types where there is neither
 */
export function uniteColumns(
  shapes: readonly FileShape[],
  given: readonly EngineColumn[],
): readonly UnitedColumn[] {
  const names = new Map<string, string>();
  for (const { columns } of shapes)
    for (const { name } of columns) if (!names.has(fold(name))) names.set(fold(name), name);
  const wanted = new Map(given.map(({ name, type }) => [fold(name), type]));
  const typesOf = shapes.map(({ columns }) => firstByName(columns, ({ type }) => type));
  return [...names].map(([folded, name]) => {
    const parts = shapes.map(({ file }, shape) => {
      const type = typesOf[shape]?.get(folded);
      return type === undefined ? undefined : { file, type };
    });
    return uniteColumn(name, parts, wanted.get(folded));
  });
}

/** A column as a shape has it. */
interface Part {
  readonly file: string;
  readonly type: string;
}

function uniteColumn(
  name: string,
  parts: readonly (Part | undefined)[],
  given: string | undefined,
): UnitedColumn {
  const known = parts.filter((part) => part !== undefined);
  const type = known[0]?.type ?? "";
  if (known.every((part) => part.type === type))
    return { name, type, conversions: parts.map((part) => (part === undefined ? undefined : unchanged)) };
  const common = commonOf(name, known);
  const target =
    common.type ?? (given === undefined ? undefined : deltaTypeOfEngine(parseEngineType(given), [name]));
  if (target === undefined) throw apart(name, common.differing);
  const conversions = parts.map((part) =>
    part === undefined ? undefined : conversionOf(name, part, target),
  );
  return { name, type: engineTypeText(target), conversions, target };
}

const unchanged: Conversion = { identical: true, convert: (value) => value, checks: [] };

function commonOf(
  name: string,
  parts: readonly Part[],
): { readonly type?: DeltaType | undefined; readonly differing: readonly [Part, Part] } {
  let widest: { readonly type: DeltaType; readonly part: Part } | undefined;
  for (const part of parts) {
    const own = deltaTypeOfEngine(parseEngineType(part.type), [name]);
    const type = widest === undefined ? own : commonType(widest.type, own);
    if (type === undefined) return { differing: [widest?.part ?? part, part] };
    widest = { type, part: widest !== undefined && type === widest.type ? widest.part : part };
  }
  const [first, second] = parts;
  return { type: widest?.type, differing: [first ?? none, second ?? none] };
}

const none: Part = { file: "", type: "" };

function conversionOf(name: string, { file, type }: Part, target: DeltaType): Conversion {
  const mismatches: Mismatch[] = [];
  const conversion = planConversion(parseEngineType(type), target, [name], mismatches);
  const [mismatch] = mismatches;
  if (mismatch === undefined) return conversion;
  const column = pathText(mismatch.path);
  const text = `Column ${column} has the type ${mismatch.expected} in the table and ${mismatch.found} in the file ${file}. Cast it in the source. Nothing was written.`;
  const { path, expected, found, reason } = mismatch;
  throw new VarveError("SCHEMA_MISMATCH", text, { column: [...path], expected, found, reason, file });
}

function apart(name: string, [one, other]: readonly [Part, Part]): VarveError {
  const words = ({ type }: Part) => foundText(parseEngineType(type), [name]);
  const [expected, found] = [words(one), words(other)];
  const text = `Column ${pathText([name])} has the type ${expected} in the file ${one.file} and ${found} in the file ${other.file}, and no type holds the values of both exactly. Write the files with one type, or append them one by one. Nothing was written.`;
  return new VarveError("SCHEMA_MISMATCH", text, { column: [name], expected, found, file: other.file });
}

/** Something of each column by its name, ignoring case; of the first that has it. */
export function firstByName<T>(
  columns: readonly EngineColumn[],
  of: (column: EngineColumn, index: number) => T,
): ReadonlyMap<string, T> {
  const byName = new Map<string, T>();
  for (const [index, column] of columns.entries())
    if (!byName.has(fold(column.name))) byName.set(fold(column.name), of(column, index));
  return byName;
}

/** A name as it is compared, ignoring case. */
export function fold(name: string): string {
  return name.toLowerCase();
}
