import { planConversion } from "../../dialects/conversion.ts";
import {
  engineTypeName,
  nullsOf,
  parseEngineType,
  schemaOfEngine,
  withNullTypes,
} from "../../dialects/engine-types.ts";
import type { EngineColumn, Session, StagedRelation } from "../../engine/core/contract.ts";
import { VarveError } from "../../errors.ts";
import { findField } from "../../schema/fields.ts";
import { pathText, typeText } from "../../schema/type-names.ts";
import type { StructField, StructType } from "../../schema/types.ts";
import {
  holdsUntyped,
  isUntypedField,
  type TypedColumn,
  typedByBatch,
  untypedAsVoid,
} from "../../schema/untyped-columns.ts";
import { type SqlExpression, type SqlSelect, sql } from "../../sql/sql.ts";
import { quoteName } from "../../sql/sql-text.ts";
import { columnsInFiles } from "../../table/scan/columns-in-files.ts";
import { optionText } from "../../util/option-text.ts";
import { type BatchTarget, typedTarget } from "../plan/batch-target.ts";
import type { RowsPlan } from "../plan/write-plan.ts";
import type { WriteRoom } from "./write-room.ts";

/** What a source says of a table's untyped columns. */
export interface GivenTypes {
  /** The target with the types of the columns in which the source has values. */
  readonly target: BatchTarget;
  /** The source, with the type of nulls where it has no value for an untyped column. */
  readonly source: StagedRelation;
  /** Columns that stay strings because data files hold them, although the source has values of another type. */
  readonly held: readonly TypedColumn[];
}

/**
 * Gives types to those of a plan's untyped columns in which the source has values: those of the source, unless
 * a data file of the table holds the column. (Other writers know nothing of untyped columns, and Spark reads
 * no file that has a column as text where the table has a number.)
 *
 * @throws as `mergedTarget`
 */
export async function giveTypes(
  { session }: Pick<WriteRoom, "session">,
  { target, schema: change, removes }: Pick<RowsPlan, "target" | "schema" | "removes">,
  source: StagedRelation,
): Promise<GivenTypes> {
  const keeps = change.kind === "keep" || change.kind === "merge";
  if (!keeps || !holdsUntyped(target.schema)) return { target, source, held: [] };
  const open = openColumns(target.schema);
  const columns = source.columns.filter(({ name }) => findField(open, name) !== undefined);
  const filled = await pathsWithValues(session, source.sql, valueQuestions(open, columns));
  const incoming = schemaOfEngine(columns);
  const all = typedByBatch(target.schema, incoming, (path) => isAmong(filled, path));
  const changing = all.typed.filter(({ type }) => type !== "string");
  const paths = changing.map(({ path }) => path);
  const { snapshot } = target;
  const inFiles =
    snapshot === undefined || changing.length === 0 || removes.kind === "all"
      ? []
      : await columnsInFiles(session, snapshot, paths);
  const { schema, typed } =
    inFiles.length === 0
      ? all
      : typedByBatch(target.schema, incoming, (path) => isAmong(filled, path) && !isAmong(inFiles, path));
  const upgrade = change.upgradeProtocol === true;
  return {
    target: typed.length === 0 ? target : typedTarget(target, schema, typed, upgrade),
    source: { ...source, columns: source.columns.map((column) => withoutType(column, open, filled)) },
    held: changing.filter(({ path }) => isAmong(inFiles, path)),
  };
}

/** The target in which untyped columns that data files hold are the strings that they are there. */
export function targetWithStrings(target: BatchTarget, held: readonly TypedColumn[]): BatchTarget {
  const paths = held.map(({ path }) => path);
  const asString = held.map(({ path }) => ({ path, type: "string" as const }));
  const { schema } = typedByBatch(target.schema, target.schema, (path) => isAmong(paths, path));
  return typedTarget(target, schema, asString, false);
}

/** @throws `SCHEMA_MISMATCH` if a column cannot get the type of the source's values any more */
export function refuseHeld([first]: readonly TypedColumn[]): void {
  if (first === undefined) return;
  const [column, found] = [pathText(first.path), typeText(first.type)];
  throw new VarveError(
    "SCHEMA_MISMATCH",
    `Column ${column} is a string in the table, because it had no values when it was added, and ${found} in the batch. It cannot become ${found} any more: data files of the table hold it as text. Cast it to text in the source, or replace the table's rows and schema (overwrite, with ${optionText("overwriteSchema")}). Nothing was written.`,
    { column: [...first.path], expected: "string", found, reason: "type" },
  );
}

function withoutType(
  column: EngineColumn,
  open: StructType,
  filled: readonly (readonly string[])[],
): EngineColumn {
  const field = findField(untypedAsVoid(open, filled), column.name);
  if (field === undefined) return column;
  return {
    ...column,
    type: engineTypeName(withNullTypes(parseEngineType(column.type), nullsOf(field.type))),
  };
}

/**
 * The target without the marks of untyped columns that rows to be written have values in, although the source
 * had none: a repair or a default made them, or another writer's files hold them.
 */
export async function targetOfWritten(
  session: Session,
  target: BatchTarget,
  rows: SqlSelect,
): Promise<BatchTarget> {
  if (!holdsUntyped(target.schema)) return target;
  const open = openColumns(target.schema);
  const filled = await pathsWithValues(session, rows, valueQuestions(open, await session.describe(rows)));
  if (filled.length === 0) return target;
  const { schema, typed } = typedByBatch(target.schema, open, (path) => isAmong(filled, path));
  return typedTarget(target, schema, typed, false);
}

/** The columns that are untyped, or structs that hold untyped ones. */
function openColumns(schema: StructType): StructType {
  const isOpen = (field: StructField) =>
    isUntypedField(field) || (typeof field.type !== "string" && holdsUntyped(field.type));
  return { type: "struct", fields: schema.fields.filter(isOpen) };
}

function isAmong(paths: readonly (readonly string[])[], path: readonly string[]): boolean {
  const text = JSON.stringify(path);
  return paths.some((other) => JSON.stringify(other) === text);
}

/** SQL that is true of a row with a value in an untyped column. */
interface ValueQuestion {
  readonly path: readonly string[];
  readonly hasValue: SqlExpression;
}

function valueQuestions(open: StructType, columns: readonly EngineColumn[]): ValueQuestion[] {
  return columns.flatMap((column): ValueQuestion[] => {
    const field = findField(untypedAsVoid(open), column.name);
    if (field === undefined) return [];
    const { checks } = planConversion(parseEngineType(column.type), field.type, [field.name], []);
    return checks
      .filter(({ expected, found }) => expected === "void" && found !== "void")
      .map(({ path, violated }) => ({ path, hasValue: violated(quoteName(column.name)) }));
  });
}

async function pathsWithValues(
  session: Session,
  rows: SqlSelect,
  questions: readonly ValueQuestion[],
): Promise<readonly (readonly string[])[]> {
  if (questions.length === 0) return [];
  const answers = questions.map(
    ({ hasValue }, index) => sql`EXISTS (SELECT 1 FROM (${rows}) WHERE ${hasValue}) AS q${index}`,
  );
  const [row] = await session.rows(sql`SELECT ${answers}`);
  return questions.filter((_, index) => row?.[`q${index}`] === true).map(({ path }) => path);
}
