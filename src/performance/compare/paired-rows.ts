import type { EngineColumn, Relation, Session } from "../../engine/core/contract.ts";
import { VarveError } from "../../errors.ts";
import { joinSql, type SqlExpression, type SqlName, sql } from "../../sql/sql.ts";
import { plainName, quoteName } from "../../sql/sql-text.ts";
import { requireSourceColumn } from "../evaluation/staged-rows.ts";
import type { ComparisonRequest, ModelColumns } from "./request.ts";

/** The models in the order in which they are compared. */
export const sides = ["champion", "challenger"] as const;

export type Side = (typeof sides)[number];

/** Rows with an outcome, and each model's predictions where they come from elsewhere. */
export interface ComparisonRelations {
  readonly data: Relation;
  readonly champion?: Relation | undefined;
  readonly challenger?: Relation | undefined;
}

/** Rows with the predictions of both models, in a table of the session. */
export interface PairedRows {
  /** The rows with all columns: `hash`, `target`, slices and predictions. */
  readonly relation: Relation;
  /** The columns of a model in it. */
  readonly models: Readonly<Record<Side, Omit<ModelColumns, "name">>>;
  readonly target: string;
  readonly by: readonly string[];
  /** Whole number from a row's key, below 2^52. */
  readonly hash: string;
  /** Predictions of keys that the data do not have. */
  readonly extra: Readonly<Record<Side, number>>;
  readonly rows: number;
}

const pairs = plainName("comparison_pairs");
const dataRows = plainName("comparison_data");
const sideRows = {
  champion: plainName("comparison_champion"),
  challenger: plainName("comparison_challenger"),
} as const;

/**
 * Joins the rows of the data with the predictions of both models by key.
 *
 * @throws `KEYS_DIFFER` for keys that a side has twice or lacks; `COLUMN_NOT_FOUND`, `SCHEMA_MISMATCH`
 */
export async function pairRows(
  session: Session,
  relations: ComparisonRelations,
  request: ComparisonRequest,
): Promise<PairedRows> {
  const { data } = relations;
  const target = requireSourceColumn(data, request.target);
  const by = (request.by ?? []).map((name) => requireSourceColumn(data, name).name);
  const own = sides.flatMap((side) =>
    relations[side] === undefined ? columnsOf(data, side, request[side]) : [],
  );
  const items = [
    ...keysOf(data, data, request.on),
    sql`${quoteName(target.name)} AS ${plainName("target")}`,
    ...by.map((name, index) => sql`${quoteName(name)} AS ${sliceName(index)}`),
    ...own.map(({ value, name }) => sql`${value} AS ${name}`),
  ];
  await replaceTable(
    session,
    dataRows,
    sql`SELECT ${[...items, sql`row_number() OVER () AS rn`]} FROM (${data.sql})`,
  );
  await requireOnce(session, dataRows, "data", request.on);
  const others = sides.flatMap((side) => {
    const relation = relations[side];
    return relation === undefined
      ? []
      : [{ side, relation, columns: columnsOf(relation, side, request[side]) }];
  });
  for (const { side, relation, columns } of others) {
    const named = columns.map(({ value, name }) => sql`${value} AS ${name}`);
    const keys = keysOf(relation, data, request.on);
    await replaceTable(session, sideRows[side], sql`SELECT ${[...keys, ...named]} FROM (${relation.sql})`);
    await requireOnce(session, sideRows[side], side, request.on);
    await requireEachKey(session, side, request.on);
  }
  const extra = { champion: 0, challenger: 0 };
  for (const { side } of others) extra[side] = await extraKeys(session, side, request.on);
  const joins = others.map(
    ({ side }) => sql` LEFT JOIN ${sideRows[side]} ON ${equalKeys(sideRows[side], request.on)}`,
  );
  const predictions = others.flatMap(({ side, columns }) =>
    columns.map(({ name }) => sql`${sideRows[side]}.${name}`),
  );
  const kept = [sql`${hashOf(request.on)} AS ${plainName("hash")}`, sql`${dataRows}.*`, ...predictions];
  await replaceTable(session, pairs, sql`SELECT ${kept} FROM ${dataRows}${joinSql(joins, sql``)}`);
  for (const { side } of others) await session.execute(sql`DROP TABLE ${sideRows[side]}`);
  return { ...(await described(session, request, { target: target.name, by })), extra };
}

/** The paired rows under the names that callers know, so that errors name them. */
async function described(
  session: Session,
  request: ComparisonRequest,
  { target, by }: Pick<PairedRows, "target" | "by">,
): Promise<Omit<PairedRows, "extra">> {
  const taken = new Set([target, ...by].map((name) => name.toLowerCase()));
  const free = (name: string): string => {
    let candidate = name;
    while (taken.has(candidate.toLowerCase())) candidate = `${candidate}'`;
    taken.add(candidate.toLowerCase());
    return candidate;
  };
  const hash = free("hash of the key");
  const items = [
    sql`${plainName("hash")} AS ${quoteName(hash)}`,
    sql`${plainName("target")} AS ${quoteName(target)}`,
    ...by.map((name, index) => sql`${sliceName(index)} AS ${quoteName(name)}`),
  ];
  const renamed = (side: Side): Omit<ModelColumns, "name"> => {
    const { score, prediction, scores, cutoff } = request[side];
    const alias = (column: string, place: string) => {
      const name = free(`${side}'s ${column}`);
      items.push(sql`${modelName(side, place)} AS ${quoteName(name)}`);
      return name;
    };
    return {
      cutoff,
      score: score === undefined ? undefined : alias(score, "score"),
      prediction: prediction === undefined ? undefined : alias(prediction, "prediction"),
      scores:
        scores === undefined
          ? undefined
          : Object.fromEntries(
              Object.entries(scores).map(([label, column], index) => [label, alias(column, `p${index}`)]),
            ),
    };
  };
  const models = { champion: renamed("champion"), challenger: renamed("challenger") };
  const select = sql`SELECT ${items} FROM ${pairs} ORDER BY rn`;
  const [row] = await session.rows(sql`SELECT count(*) AS count FROM ${pairs}`);
  const relation = { sql: select, columns: await session.describe(select) };
  return { relation, models, target, by, hash, rows: Number(row?.["count"] ?? 0) };
}

async function replaceTable(session: Session, name: SqlName, select: SqlExpression): Promise<void> {
  await session.execute(sql`DROP TABLE IF EXISTS ${name}`);
  await session.execute(sql`CREATE TABLE ${name} AS ${select}`);
}

/**
 * Drops tables of the pairing that nothing reads any more: of large data they take as much memory as the rest.
 *
 * @param rows `data`: the rows with their keys, which only training rows are looked up in; `pairs`: those of the relation
 */
export async function dropPairing(session: Session, rows: "data" | "pairs"): Promise<void> {
  await session.execute(sql`DROP TABLE ${rows === "data" ? dataRows : pairs}`);
}

function keyName(index: number): SqlName {
  return plainName(`key_${index}`);
}

function sliceName(index: number): SqlName {
  return plainName(`slice_${index}`);
}

function modelName(side: Side, place: string): SqlName {
  return plainName(`${side}_${place}`);
}

/** The key columns of a relation. @throws `SCHEMA_MISMATCH` where one is text and that of the data is not */
function keysOf(relation: Relation, data: Relation, on: readonly string[]): SqlExpression[] {
  return on.map((name, index) => {
    const [column, other] = [requireSourceColumn(relation, name), requireSourceColumn(data, name)];
    if (isText(column) !== isText(other))
      throw new VarveError(
        "SCHEMA_MISMATCH",
        `The key column ${name} is a ${other.type} in the data and a ${column.type} in a model's predictions. Cast one of them, for example in SQL over the source.`,
        { column: [name], found: column.type, expected: other.type },
      );
    return sql`${quoteName(column.name)} AS ${keyName(index)}`;
  });
}

function isText({ type }: EngineColumn): boolean {
  return type === "VARCHAR";
}

function columnsOf(
  relation: Relation,
  side: Side,
  { score, prediction, scores }: ModelColumns,
): { readonly name: SqlName; readonly value: SqlName }[] {
  const column = (name: string | undefined, place: string) =>
    name === undefined
      ? []
      : [{ name: modelName(side, place), value: quoteName(requireSourceColumn(relation, name).name) }];
  const classes = Object.values(scores ?? {}).flatMap((name, index) => column(name, `p${index}`));
  return [...column(score, "score"), ...column(prediction, "prediction"), ...classes];
}

function keyNames(on: readonly string[]): SqlName[] {
  return on.map((_, index) => keyName(index));
}

function equalKeys(other: SqlName, on: readonly string[]): SqlExpression {
  return joinSql(
    keyNames(on).map((key) => sql`${dataRows}.${key} = ${other}.${key}`),
    sql` AND `,
  );
}

/** The first 52 bits of a digest of the key's columns, each with its length. */
function hashOf(on: readonly string[]): SqlExpression {
  const texts = keyNames(on).map((key) => sql`coalesce(CAST(${dataRows}.${key} AS VARCHAR), '')`);
  const parts = texts.map((text) => sql`length(${text}) || ':' || ${text}`);
  return sql`CAST('0x' || substring(md5(${joinSql(parts, sql` || `)}), 1, 13) AS BIGINT)`;
}

/** @throws `KEYS_DIFFER` */
async function requireOnce(
  session: Session,
  table: SqlName,
  side: Side | "data",
  on: readonly string[],
): Promise<void> {
  const keys = keyNames(on);
  const repeated = sql`SELECT ${keys} FROM ${table} GROUP BY ${keys} HAVING count(*) > 1`;
  await requireNone(session, repeated, on, (count, examples) => ({
    message: `${counted(count, "key")} of ${ownerText(side)} ${count === 1 ? "occurs" : "occur"} in several rows: ${examples}. Each row needs one key (on); name further columns, or leave out rows.`,
    data: { side, repeated: count },
  }));
}

/** @throws `KEYS_DIFFER` */
async function requireEachKey(session: Session, side: Side, on: readonly string[]): Promise<void> {
  const missing = sql`SELECT ${keyNames(on)} FROM ${dataRows} WHERE NOT EXISTS (FROM ${sideRows[side]} WHERE ${equalKeys(sideRows[side], on)})`;
  await requireNone(session, missing, on, (count, examples) => ({
    message: `${counted(count, "row")} of the data ${count === 1 ? "has" : "have"} no prediction of the ${side}: ${examples}. Models are compared on the same rows: predict them, or leave them out of the data.`,
    data: { side, missing: count },
  }));
}

async function requireNone(
  session: Session,
  select: SqlExpression,
  on: readonly string[],
  problem: (
    count: number,
    examples: string,
  ) => { readonly message: string; readonly data: Readonly<Record<string, unknown>> },
): Promise<void> {
  const [row] = await session.rows(sql`SELECT count(*) AS count FROM (${select})`);
  const count = Number(row?.["count"] ?? 0);
  if (count === 0) return;
  const keys = await exampleKeys(session, select, on);
  const { message, data } = problem(count, keys.join("; "));
  throw new VarveError("KEYS_DIFFER", message, { ...data, column: on, keys });
}

/** Up to five keys as text, the first in order. */
async function exampleKeys(
  session: Session,
  select: SqlExpression,
  on: readonly string[],
): Promise<readonly string[]> {
  const texts = keyNames(on).map((key) => sql`coalesce(CAST(${key} AS VARCHAR), 'null')`);
  const rows = await session.rows(
    sql`SELECT concat_ws(', ', ${texts}) AS key FROM (${select}) ORDER BY ${keyNames(on)} LIMIT 5`,
  );
  return rows.map(({ key }) => String(key));
}

async function extraKeys(session: Session, side: Side, on: readonly string[]): Promise<number> {
  const [row] = await session.rows(
    sql`SELECT count(*) AS count FROM ${sideRows[side]} WHERE NOT EXISTS (FROM ${dataRows} WHERE ${equalKeys(sideRows[side], on)})`,
  );
  return Number(row?.["count"] ?? 0);
}

/** Rows of the data whose keys are among a model's training rows, and some of these keys. */
export async function trainedKeys(
  session: Session,
  trained: readonly Relation[],
  data: Relation,
  on: readonly string[],
): Promise<{ readonly count: number; readonly keys: readonly string[] }> {
  const trainedRows = plainName("comparison_trained");
  const selects = trained.map((relation) => sql`SELECT ${keysOf(relation, data, on)} FROM (${relation.sql})`);
  await replaceTable(session, trainedRows, joinSql(selects, sql` UNION `));
  const overlap = sql`SELECT ${keyNames(on)} FROM ${dataRows} WHERE EXISTS (FROM ${trainedRows} WHERE ${equalKeys(trainedRows, on)})`;
  const [row] = await session.rows(sql`SELECT count(*) AS count FROM (${overlap})`);
  const count = Number(row?.["count"] ?? 0);
  const keys = count === 0 ? [] : await exampleKeys(session, overlap, on);
  await session.execute(sql`DROP TABLE ${trainedRows}`);
  return { count, keys };
}

function ownerText(side: Side | "data"): string {
  return side === "data" ? "the data" : `the ${side}`;
}

function counted(count: number, noun: string): string {
  return `${count.toLocaleString("en-US")} ${noun}${count === 1 ? "" : "s"}`;
}
