import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { engineTypeText } from "../dialects/engine-types.ts";
import type { OpenSession, Relation } from "../engine/core/contract.ts";
import { VarveError } from "../errors.ts";
import type { TableContext } from "../log/contract.ts";
import { type Artifact, withFileHash } from "../runs/artifact.ts";
import { joinSql, type SqlExpression, type SqlSelect, sql } from "../sql/sql.ts";
import { columnType, quoteName, quoteText } from "../sql/sql-text.ts";
import { stringifyJson, toJsonValue } from "../util/json.ts";
import { withFetchedFiles } from "../write/plan/fetched-source.ts";
import { stageWriteSource, type WriteSource } from "../write/plan/write-source.ts";
import { type BulkInput, type BulkInputSql, bulkInput, saidName } from "./bulk-inputs.ts";
import { commitPredictions, type RecordResult } from "./commit-predictions.ts";
import { InputVersions } from "./input-versions.ts";
import { ledgerColumns, ledgerOf } from "./ledger-table.ts";
import { inputText, invalidPrediction, longestId, type PredictionModel } from "./prediction.ts";
import { type LedgerSpace, withLedgerSpace } from "./record-predictions.ts";

/** What all predictions of a source have in common. */
export interface BulkPredictions {
  readonly inputs: readonly BulkInput[];
  readonly model?: PredictionModel | undefined;
  readonly code?: Artifact | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Columns of a source that are not a key. */
const ownNames = ["prediction_id", "output", "features", "at"] as const;

/**
 * Adds the predictions of a source's rows to a ledger in one commit. The rows stay in the engine: only errors name
 * one of them.
 *
 * @throws `PREDICTION_INVALID` naming a prediction and what is wrong with it, `PREDICTION_EXISTS`, `COLUMN_NOT_FOUND`,
 * `SOURCE_UNREADABLE`, as `openSideTable` and `runPlan`
 */
export async function recordBulk(
  context: TableContext,
  source: WriteSource,
  bulk: BulkPredictions,
): Promise<RecordResult> {
  const { signal } = bulk;
  return withFetchedFiles(source, { access: context.sources, signal }, (fetched) =>
    withLedgerSpace(context, { signal }, async (space) => {
      const files = await writeRows(context, fetched.source, bulk, space);
      await using session = await space.open();
      const { sql: rows } = await session.stage({ kind: "parquet", files }, { signal });
      await requireInputs(session, rows, bulk.inputs);
      return await commitPredictions(
        ledgerOf(context),
        { session, rows, staging: space.staging },
        { signal },
      );
    }),
  );
}

/** Writes the ledger's rows to files; one whose input has no row has no `inputs`. */
async function writeRows(
  context: TableContext,
  source: WriteSource,
  bulk: BulkPredictions,
  space: LedgerSpace,
): Promise<string[]> {
  const { signal } = bulk;
  const versions = new InputVersions(context);
  await using session = await space.open();
  const { relation } = await stageWriteSource(session, source, { signal });
  requireColumns(relation, bulk.inputs);
  const inputs: BulkInputSql[] = [];
  for (const [index, input] of bulk.inputs.entries())
    inputs.push(await bulkInput(session, versions, { input, index, columns: relation.columns, signal }));
  const said = await saidRows(session, relation, inputs);
  await requireSound(session, said);
  const folder = join(space.staging, context.world.uuid());
  await mkdir(folder);
  const select = await ledgerSelect(context, { said, inputs, bulk });
  return (await session.writeParquet(select, { folder, signal })).map(({ file }) => file);
}

/** @throws `COLUMN_NOT_FOUND` for columns that are missing, `INVALID_ARGUMENT` for those that nothing uses */
function requireColumns({ columns }: Relation, inputs: readonly BulkInput[]): void {
  const names = columns.map(({ name }) => name);
  const keys = inputs.flatMap((input) => ("key" in input ? Object.values(input.key) : []));
  for (const name of ["prediction_id", "output", ...keys])
    if (!names.includes(name))
      throw new VarveError(
        "COLUMN_NOT_FOUND",
        `The predictions have no column ${name}; they have: ${names.join(", ")}. Each row needs prediction_id, output and the columns of keys; features and at are optional.`,
        { column: [name], columns: names },
      );
  const unused = names.find((name) => !keys.includes(name) && !ownNames.some((own) => own === name));
  if (unused !== undefined)
    throw new VarveError(
      "INVALID_ARGUMENT",
      `The predictions have a column ${unused}, which is neither prediction_id, output, features nor at, and no key names it. Leave it out, for example with a source { sql }, or name it as a key.`,
      { column: [unused] },
    );
}

/** The rows as the caller gave them, with JSON of their values, and what is wrong with a row. */
async function saidRows(
  session: OpenSession,
  { sql: source, columns }: Relation,
  inputs: readonly BulkInputSql[],
): Promise<SqlSelect> {
  const typeOf = (name: string) => columns.find((column) => column.name === name)?.type;
  const [idType, atType] = [typeOf("prediction_id") ?? "", typeOf("at")];
  if (!/^(VARCHAR|UUID|U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?)$/.test(idType))
    throw new VarveError(
      "SCHEMA_MISMATCH",
      `The column prediction_id has the type ${idType}. It must be text, a UUID or whole numbers.`,
      { column: ["prediction_id"], found: idType },
    );
  const features = typeOf("features") === undefined ? sql`NULL` : sql`features`;
  const at =
    atType === undefined
      ? sql`CAST(NULL AS TIMESTAMPTZ)`
      : /^(DATE|VARCHAR|TIMESTAMP.*|"?NULL"?)$/.test(atType)
        ? sql`TRY_CAST("at" AS TIMESTAMPTZ)`
        : undefined;
  if (at === undefined)
    throw new VarveError(
      "SCHEMA_MISMATCH",
      `The column at has the type ${atType}. It must be a timestamp, a date or ISO text.`,
      { column: ["at"], found: atType },
    );
  const wrongAt = atType === undefined ? sql`false` : sql`"at" IS NOT NULL AND ${at} IS NULL`;
  const keyProblems = inputs
    .flatMap(({ checks }) => checks)
    .reduce<SqlExpression>(
      (text, check) => sql`${text} WHEN ${check.fails} THEN ${quoteText(check.problem)}`,
      sql``,
    );
  const problem = sql`CASE WHEN prediction_id IS NULL THEN 'a row has no prediction_id.'
    WHEN length(CAST(prediction_id AS VARCHAR)) NOT BETWEEN 1 AND ${longestId} THEN ${quoteText(`an id must have 1 to ${longestId} characters.`)}
    WHEN output IS NULL THEN 'it has no output.'
    WHEN ${wrongAt} THEN 'its at is not a time.'
    ${keyProblems} END`;
  const keys = inputs.flatMap((input) => input.keys);
  const texts = keys.map(({ value, json }) => sql`${value} AS ${quoteName(json)}`);
  const typed = keys.map(({ value, name }) => sql`${value} AS ${quoteName(name)}`);
  const select = sql`SELECT ${[
    sql`CAST(prediction_id AS VARCHAR) AS prediction_id`,
    sql`CAST(prediction_id AS VARCHAR) AS id_json`,
    sql`${features} AS features`,
    sql`output`,
    sql`${at} AS "at"`,
    sql`${problem} AS problem`,
    ...texts,
    ...typed,
  ]} FROM (${source})`;
  return session.withJsonText(select, ["id_json", "features", "output", ...keys.map(({ json }) => json)]);
}

/** @throws `PREDICTION_INVALID` for the first row that is not a prediction */
async function requireSound(session: OpenSession, said: SqlSelect): Promise<void> {
  const [wrong] = await session.rows(
    sql`SELECT prediction_id, problem FROM (${said}) WHERE problem IS NOT NULL LIMIT 1`,
  );
  if (wrong === undefined) return;
  const id = String(wrong["prediction_id"] ?? "").slice(0, 100);
  throw invalidPrediction(id, String(wrong["problem"]));
}

async function ledgerSelect(
  context: TableContext,
  {
    said,
    inputs,
    bulk,
  }: {
    readonly said: SqlSelect;
    readonly inputs: readonly BulkInputSql[];
    readonly bulk: BulkPredictions;
  },
): Promise<SqlSelect> {
  const { runs } = bulk.model ?? {};
  const located = bulk.model && {
    ...bulk.model,
    runs: runs && (await new InputVersions(context).uriOf(runs)),
  };
  const [model, code] = [await artifact("model", located), await artifact("code", bulk.code)];
  const now = new Date(context.world.now()).toISOString();
  const recordedAt = sql`TIMESTAMPTZ ${quoteText(now)}`;
  const list = (texts: readonly SqlExpression[]) =>
    texts.length === 0 ? sql`'[]'` : sql`'[' || ${joinSql(texts, sql` || ',' || `)} || ']'`;
  const members = [
    sql`coalesce('"at":' || epoch_ms(s."at") || ',', '')`,
    quoteText(code === undefined ? "" : `"code":${code},`),
    sql`coalesce('"features":' || s.features || ',', '')`,
    sql`'"inputs":' || ${list(inputs.map(({ said: text }) => text))}`,
    quoteText(model === undefined ? "" : `,"model":${model}`),
    sql`',"output":' || s.output || ',"predictionId":' || s.id_json`,
  ];
  const text = (value: string | undefined) =>
    value === undefined ? sql`CAST(NULL AS VARCHAR)` : quoteText(value);
  const values: Readonly<Record<string, SqlExpression>> = {
    prediction_id: sql`s.prediction_id`,
    digest: sql`sha256('{' || ${joinSql(members, sql` || `)} || '}')`,
    inputs: list(inputs.map(({ recorded }) => recorded)),
    features: sql`s.features`,
    output: sql`s.output`,
    model: text(model),
    model_name: text(bulk.model?.name),
    model_version: text(bulk.model?.version),
    code: text(code),
    at: sql`coalesce(s."at", ${recordedAt})`,
    recorded_at: recordedAt,
  };
  const items = ledgerColumns.fields.map(({ name, type }) => {
    const value = values[name] ?? sql`NULL`;
    return sql`CAST(${value} AS ${columnType(engineTypeText(type))}) AS ${quoteName(name)}`;
  });
  const joins = inputs.reduce<SqlExpression>((rest, { join: own }) => sql`${rest} ${own}`, sql``);
  return sql`WITH ${saidName} AS NOT MATERIALIZED (${said}) SELECT ${items} FROM ${saidName} AS s ${joins}`;
}

/** JSON of a model or code, with the digest of its file. */
async function artifact(what: string, value: Artifact | undefined): Promise<string | undefined> {
  if (value === undefined) return undefined;
  try {
    return stringifyJson(toJsonValue(await withFileHash(value, new Map())));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new VarveError(
      "PREDICTION_INVALID",
      `Cannot record the predictions: the file of their ${what} cannot be read: ${reason}. Nothing was written.`,
      {},
      error,
    );
  }
}

/** @throws `PREDICTION_INVALID` for a prediction whose key no row has */
async function requireInputs(
  session: OpenSession,
  rows: SqlSelect,
  inputs: readonly BulkInput[],
): Promise<void> {
  if (inputs.length === 0) return;
  const [without] = await session.rows(
    sql`SELECT prediction_id FROM (${rows}) WHERE inputs IS NULL ORDER BY ALL LIMIT 1`,
  );
  if (without === undefined) return;
  const tables = inputs.filter((input) => "key" in input).map(inputText);
  throw invalidPrediction(
    String(without["prediction_id"]),
    `${tables.join(" or ")} has no row with its key.`,
  );
}
