import type { Relation, Session } from "../engine/core/contract.ts";
import { VarveError } from "../errors.ts";
import { joinSql, type SqlExpression, sql } from "../sql/sql.ts";
import { columnType, plainName, quoteName, quoteText } from "../sql/sql-text.ts";
import type { EvaluationRequest } from "./evaluation/request.ts";
import { requireSourceColumn } from "./evaluation/staged-rows.ts";

/** Which predictions of a ledger are evaluated; default: all. */
export interface LedgerSelection {
  readonly modelName?: string | undefined;
  readonly modelVersion?: string | undefined;
}

/** Columns of a ledger that keep their names and types. */
const ownColumns: ReadonlySet<string> = new Set([
  "prediction_id",
  "at",
  "recorded_at",
  "model_name",
  "model_version",
]);

/** Inputs of a prediction whose keys are looked at. */
const mostInputs = 4;

const table = plainName("performance_ledger");

/**
 * The predictions of a ledger as rows: each column that the evaluation names is a member of the output, else of the key
 * of an input, else of the features; `output` is the output itself, and `at` when the prediction was made.
 *
 * @param keys columns that outcomes are joined by, which are compared as texts
 * @throws `SCHEMA_MISMATCH` for what is no ledger, `COLUMN_NOT_FOUND` for a column that no prediction has
 */
export async function ledgerPredictions(
  session: Session,
  ledger: Relation,
  request: EvaluationRequest,
  { keys, selection }: { readonly keys: readonly string[]; readonly selection: LedgerSelection },
): Promise<Relation> {
  requireLedger(ledger);
  const { modelName, modelVersion } = selection;
  const conditions = [
    ...(modelName === undefined ? [] : [sql`model_name = ${quoteText(modelName)}`]),
    ...(modelVersion === undefined ? [] : [sql`model_version = ${quoteText(modelVersion)}`]),
  ];
  const where = conditions.length === 0 ? sql`` : sql` WHERE ${joinSql(conditions, sql` AND `)}`;
  const names = new Map<string, SqlExpression>();
  for (const name of numbersOf(request))
    names.set(name, sql`TRY_CAST(${memberText(name)} AS ${columnType("DOUBLE")})`);
  for (const name of [...textsOf(request), ...keys])
    if (!names.has(name)) names.set(name, ownColumns.has(name) ? quoteName(name) : memberText(name));
  names.set("at", sql`CAST(${quoteName("at")} AS TIMESTAMP)`);
  const items = [...names].map(([name, value]) => sql`${value} AS ${quoteName(name)}`);
  await session.execute(sql`DROP TABLE IF EXISTS ${table}`);
  await session.execute(sql`CREATE TABLE ${table} AS SELECT ${items} FROM (${ledger.sql})${where}`);
  await requireMembers(session, [...names.keys()]);
  const select = sql`SELECT * FROM ${table}`;
  return { sql: select, columns: await session.describe(select) };
}

/** Outcomes whose columns of the join are texts, as those of a ledger are. */
export async function textKeys(
  session: Session,
  outcomes: Relation,
  keys: readonly string[],
): Promise<Relation> {
  const texts = keys.map((key) => {
    const name = quoteName(requireSourceColumn(outcomes, key).name);
    return sql`CAST(${name} AS VARCHAR) AS ${name}`;
  });
  const select = sql`SELECT * REPLACE (${texts}) FROM (${outcomes.sql})`;
  return { sql: select, columns: await session.describe(select) };
}

function requireLedger({ columns }: Relation): void {
  const names = new Set(columns.map(({ name }) => name));
  const missing = ["prediction_id", "inputs", "features", "output", "at"].find((name) => !names.has(name));
  if (missing === undefined) return;
  throw new VarveError(
    "SCHEMA_MISMATCH",
    `The predictions are not from a prediction ledger: there is no column ${missing}. Name a ledger, or leave out the option ledger.`,
    { column: [missing] },
  );
}

/** Columns whose values are numbers. */
function numbersOf({ problem, score, scores = {}, prediction }: EvaluationRequest): readonly string[] {
  const isNumber = problem === "regression" && prediction !== undefined;
  return [
    ...(score === undefined ? [] : [score]),
    ...Object.values(scores),
    ...(isNumber ? [prediction] : []),
  ];
}

/** Columns whose values are classes, parts or users. */
function textsOf({ prediction, by = [], window, user }: EvaluationRequest): readonly string[] {
  const windows = window !== undefined && "column" in window ? [window.column] : [];
  return [prediction, user].flatMap((name) => (name === undefined ? [] : [name])).concat(by, windows);
}

/** A member of the output, of an input's key or of the features as text. */
function memberText(name: string): SqlExpression {
  if (name === "output") return sql`json_extract_string(output, '$')`;
  const pointer = `/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`;
  const inputs = Array.from({ length: mostInputs }, (_, index) =>
    member("inputs", `/${index}/key${pointer}`),
  );
  return sql`coalesce(${[member("output", pointer), ...inputs, member("features", pointer)]})`;
}

function member(column: string, pointer: string): SqlExpression {
  return sql`json_extract_string(${quoteName(column)}, ${quoteText(pointer)})`;
}

/** @throws `COLUMN_NOT_FOUND` */
async function requireMembers(session: Session, names: readonly string[]): Promise<void> {
  const counts = names.map((name, index) => sql`count(${quoteName(name)}) AS ${plainName(`c${index}`)}`);
  const [row] = await session.rows(sql`SELECT count(*) AS rows, ${counts} FROM ${table}`);
  if (Number(row?.["rows"] ?? 0) === 0) return;
  const missing = names.find((_, index) => Number(row?.[`c${index}`] ?? 0) === 0);
  if (missing === undefined) return;
  throw new VarveError(
    "COLUMN_NOT_FOUND",
    `No prediction of the ledger has ${JSON.stringify(missing)} in its output, the key of an input or its features. Name a member that it has, "output" for the output itself, or prediction_id, at, model_name or model_version.`,
    { column: [missing] },
  );
}
