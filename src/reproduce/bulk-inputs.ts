import { engineTypeText } from "../dialects/engine-types.ts";
import type { EngineColumn, OpenSession } from "../engine/core/contract.ts";
import { VarveError } from "../errors.ts";
import { rowHashSql } from "../fingerprint/row-hash.ts";
import { contentFingerprintSql, sumColumns } from "../fingerprint/row-sum.ts";
import { holdsVariant, requireColumn } from "../schema/fields.ts";
import { pathText, typeText } from "../schema/type-names.ts";
import type { StructField } from "../schema/types.ts";
import { joinSql, type SqlExpression, sql } from "../sql/sql.ts";
import { columnType, quoteName, quoteText } from "../sql/sql-text.ts";
import { planScan } from "../table/scan/scan.ts";
import { freePrefix } from "../util/free-prefix.ts";
import { stringifyJson, toJsonValue } from "../util/json.ts";
import type { InputVersions } from "./input-versions.ts";
import { type InputPlace, noPrediction } from "./prediction.ts";
import { recordedInputs } from "./recorded-inputs.ts";

/** Rows of a version that predictions were made from: by columns of the source, or by one condition for all. */
export type BulkInput = InputPlace &
  (
    | {
        /** Columns of the source, by the table's columns. */
        readonly key: Readonly<Record<string, string>>;
      }
    | { readonly where: string }
  );

/** An input in SQL over the source's rows `s`. */
export interface BulkInputSql {
  /** JSON of what the caller says of it, and the same with what was read. */
  readonly said: SqlExpression;
  readonly recorded: SqlExpression;
  /** Join of the rows with the sums of their keys. */
  readonly join: SqlExpression;
  /** Values of the key, as the table's columns have them, and the columns for them and their JSON. */
  readonly keys: readonly { readonly value: SqlExpression; readonly name: string; readonly json: string }[];
  readonly checks: readonly { readonly fails: SqlExpression; readonly problem: string }[];
}

interface BulkContext {
  readonly input: BulkInput;
  readonly index: number;
  /** Columns of the source. */
  readonly columns: readonly EngineColumn[];
  readonly signal?: AbortSignal | undefined;
}

/** Types whose values have one JSON text, from which reproducing reads them again. */
const keyTypes: ReadonlySet<unknown> = new Set([
  ...["string", "long", "integer", "short", "byte", "boolean", "date"],
  ...["timestamp", "timestamp_ntz"],
]);

/**
 * An input of many predictions. Its version is scanned once for all keys.
 *
 * @throws `PREDICTION_INVALID` for a condition that selects no row or cannot be read, `COLUMN_NOT_FOUND`,
 * `SCHEMA_MISMATCH`, errors of the version and its files
 */
export async function bulkInput(
  session: OpenSession,
  versions: InputVersions,
  context: BulkContext,
): Promise<BulkInputSql> {
  const { input } = context;
  return "where" in input
    ? constantInput(versions, context, input.where)
    : keyedInput(session, versions, context, input.key);
}

/** The same rows for every prediction. */
async function constantInput(
  versions: InputVersions,
  { input, signal }: BulkContext,
  where: string,
): Promise<BulkInputSql> {
  const asked = { ...(await versions.place(input)), where };
  const whole = { predictionId: noPrediction, inputs: [asked], output: null };
  const [[recorded] = []] = await recordedInputs([whole], versions, { signal });
  const text = (value: unknown) => quoteText(stringifyJson(toJsonValue(value)));
  return { said: text(asked), recorded: text(recorded), join: sql``, keys: [], checks: [] };
}

async function keyedInput(
  session: OpenSession,
  versions: InputVersions,
  { input, index, columns, signal }: BulkContext,
  key: Readonly<Record<string, string>>,
): Promise<BulkInputSql> {
  const { name, table, version, pinName } = await versions.place(input);
  const { snapshot, tableId } = await versions.openPlace({ table, version, pinName });
  if (holdsVariant(snapshot.schema)) session.enableVariants();
  const fields = Object.keys(key).map((column) => keyField(requireColumn(snapshot.schema, column), table));
  const keys = fields.map((field, position) => {
    const source = key[Object.keys(key)[position] ?? ""] ?? "";
    const value = sql`TRY_CAST(${quoteName(source)} AS ${columnType(engineTypeText(field.type))})`;
    const type = columns.find((column) => column.name === source)?.type ?? "VARCHAR";
    const back = sql`TRY_CAST(${value} AS ${columnType(type)})`;
    return {
      value,
      name: `k${index}_${position}`,
      json: `j${index}_${position}`,
      check: {
        fails: sql`${quoteName(source)} IS NOT NULL AND ${back} IS DISTINCT FROM ${quoteName(source)}`,
        problem: `its ${source} does not fit the column ${field.name} of ${table}, whose type is ${typeText(field.type)}.`,
      },
    };
  });
  const scan = await planScan(session, snapshot, { signal });
  const prefix = freePrefix(snapshot.schema.fields.map((field) => field.name));
  const sums = quoteName(`sums${index}`);
  const [t, k] = [quoteName(`${prefix}t`), quoteName(`${prefix}k`)];
  const own = (position: number) => quoteName(`${prefix}${position}`);
  const equal = fields.map(
    (field, p) => sql`${t}.${quoteName(field.name)} IS NOT DISTINCT FROM ${k}.${own(p)}`,
  );
  const listed = keys.map((one, p) => sql`${quoteName(one.name)} AS ${own(p)}`);
  const all = keys.map((_, p) => own(p));
  return {
    ...texts({ name, table, version, pinName, tableId }, { fields, keys, sums }),
    keys,
    checks: keys.map(({ check }) => check),
    join: sql`LEFT JOIN (SELECT ${all}, "rows", ${contentFingerprintSql(snapshot.schema)} AS fingerprint FROM (
      SELECT ${all}, ${sumColumns} FROM (SELECT ${all}, ${rowHashSql(snapshot.schema)} AS hash FROM (
        SELECT ${t}.*, ${all.map((column) => sql`${k}.${column}`)} FROM (${scan.sql}) AS ${t}
        JOIN (SELECT DISTINCT ${listed} FROM ${saidName}) AS ${k} ON ${joinSql(equal, sql` AND `)}
      )) GROUP BY ${all})) AS ${sums}
      ON ${joinSql(
        keys.map((one, p) => sql`s.${quoteName(one.name)} IS NOT DISTINCT FROM ${sums}.${own(p)}`),
        sql` AND `,
      )}`,
  };
}

/** Name of the rows with their keys, in the query that the join is a part of. */
export const saidName = quoteName("varve_said");

function keyField(field: StructField, table: string): StructField {
  if (keyTypes.has(field.type)) return field;
  throw new VarveError(
    "SCHEMA_MISMATCH",
    `The column ${pathText([field.name])} of ${table} has the type ${typeText(field.type)}, which cannot be a key of predictions from a source. Use columns of text, whole numbers, booleans, dates or timestamps; or record one by one with where.`,
    { column: [field.name], found: typeText(field.type) },
  );
}

function texts(
  place: {
    readonly name: string | undefined;
    readonly table: string;
    readonly version: number;
    readonly pinName: string | undefined;
    readonly tableId: string;
  },
  {
    fields,
    keys,
    sums,
  }: {
    readonly fields: readonly StructField[];
    readonly keys: BulkInputSql["keys"];
    readonly sums: SqlExpression;
  },
): Pick<BulkInputSql, "said" | "recorded"> {
  const { name, table, version, pinName, tableId } = place;
  const parts = keys.map(({ json }, index) => {
    const label = quoteText(`${JSON.stringify(fields[index]?.name)}:`);
    // Milliseconds as a Date has them, where that is all there is: then a prediction recorded alone says the same.
    const text = sql`regexp_replace(s.${quoteName(json)}, '([.][0-9]{3})000(Z?")$', '\\1\\2')`;
    const isTime = String(fields[index]?.type).startsWith("timestamp");
    return sql`${label} || coalesce(${isTime ? text : sql`s.${quoteName(json)}`}, 'null')`;
  });
  const key = joinSql(parts, sql` || ',' || `);
  const named = name === undefined ? "" : `"name":${JSON.stringify(name)},`;
  const pin = pinName === undefined ? "" : `"pinName":${JSON.stringify(pinName)},`;
  const where = `${pin}"table":${JSON.stringify(table)},"version":${version}`;
  return {
    said: sql`'{"key":{' || ${key} || ${quoteText(`},${named}${where}}`)}`,
    recorded: sql`${quoteText(`{${named}${where},"key":{`)} || ${key} || ${quoteText(
      `},"tableId":${JSON.stringify(tableId)},"rows":`,
    )} || ${sums}."rows" || ',"fingerprint":"' || ${sums}.fingerprint || '"}'`,
  };
}
