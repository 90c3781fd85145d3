import type { RecordBatch } from "apache-arrow";
import type { Session, StagedRelation } from "../../engine/core/contract.ts";
import { isVarveError } from "../../errors.ts";
import { joinSql, type SqlExpression, type SqlName, type SqlSelect, sql } from "../../sql/sql.ts";
import { plainName } from "../../sql/sql-text.ts";
import { ownMember } from "../../util/own-member.ts";
import {
  type Ask,
  type CountProof,
  type KeysPlan,
  type Position,
  type RelationLookup,
  toNumber,
} from "../model/expectation.ts";
import { invalidSuite } from "../model/invalid.ts";
import type { RowFunction } from "../model/suite.ts";
import type { PlannedCheck } from "../suite/plan.ts";
import { keysMask, type Mask, positionJoin, positionOf, positionsMask, rowMask } from "./masks.ts";

/** What the search for failing groups needs. */
export interface GroupContext {
  /** Whether to leave proofs that all keys differ to the counting pass ({@link Mask.toProve}). */
  readonly proveByCounting?: boolean | undefined;
  readonly functions: Readonly<Record<string, RowFunction>>;
  readonly relation: RelationLookup;
}

/**
 * Bits that all proofs in the counting pass may take together, in each thread of the engine; its memory limit
 * does not cover them.
 */
const bitsBeside = 2 ** 29;

/** The masks of all checks that can name rows, after finding the failing keys and positions. */
export async function groupMasks(
  session: Session,
  planned: readonly PlannedCheck[],
  staged: StagedRelation,
  context: GroupContext,
): Promise<Mask[]> {
  const masks: Mask[] = [];
  let bitsLeft = bitsBeside;
  for (const check of planned) {
    const mask = rowMask(check) ?? (await groupMask(session, check, staged, { ...context, bitsLeft }));
    if (mask === undefined) continue;
    masks.push(mask);
    bitsLeft -= mask.toProve?.bits ?? 0;
  }
  return masks;
}

/** The rows that a check considers, as a relation in parentheses. */
export function scopedRows(staged: StagedRelation, scope: SqlExpression | undefined): SqlExpression {
  return scope === undefined
    ? sql`(${staged.positionedSql})`
    : sql`(SELECT * FROM (${staged.positionedSql}) WHERE ${scope})`;
}

type MaskContext = GroupContext & { readonly bitsLeft: number };

async function groupMask(
  session: Session,
  planned: PlannedCheck,
  staged: StagedRelation,
  context: MaskContext,
): Promise<Mask | undefined> {
  const { plan } = planned;
  const rows = { scoped: scopedRows(staged, planned.scope), position: positionOf(staged) };
  switch (plan.kind) {
    case "keys":
      return maskOfKeys(session, { planned, plan }, rows, context);
    case "positions": {
      const { position } = rows;
      const table = temporaryTable();
      await session.execute(sql`CREATE TABLE ${table} AS ${plan.failing(rows.scoped, position)}`);
      const known = await total(session, sql`SELECT count(*) AS n FROM ${table}`);
      const failing = known === 0 ? undefined : table;
      return positionsMask(planned, plan.missing, plan.shows, failing, known, position);
    }
    case "function":
      return functionMask(
        session,
        planned,
        staged,
        await verdictsOf(session, { planned, plan }, rows, context),
      );
    default:
      return undefined;
  }
}

interface PlanOf<Kind extends PlannedCheck["plan"]["kind"]> {
  readonly planned: PlannedCheck;
  readonly plan: Extract<PlannedCheck["plan"], { readonly kind: Kind }>;
}

interface GroupRows {
  readonly scoped: SqlExpression;
  readonly position: ReturnType<typeof positionOf>;
}

/** Counting proves most keys unique; only where it does not are the failing ones looked for. */
async function maskOfKeys(
  session: Session,
  { planned, plan }: PlanOf<"keys">,
  { scoped, position }: GroupRows,
  context: MaskContext,
): Promise<Mask> {
  const ask = async (select: SqlSelect) => (await session.rows(select))[0] ?? {};
  if (context.proveByCounting === true) {
    const toProve = await plan.countProof?.(scoped, ask);
    const beside = planned.scope === undefined && toProve !== undefined && toProve.bits <= context.bitsLeft;
    if (beside) return { ...keysMask(planned, plan, undefined, 0, position), toProve };
    if (toProve !== undefined && (await provenAlone(toProve, scoped, ask)))
      return keysMask(planned, plan, undefined, 0, position);
  }
  if (await proven(plan, scoped, ask)) return keysMask(planned, plan, undefined, 0, position);
  const table = temporaryTable();
  await session.execute(sql`CREATE TABLE ${table} AS ${plan.failing(scoped, context.relation, position)}`);
  const known = await total(session, sql`SELECT coalesce(sum(${position.names.rows}), 0) AS n FROM ${table}`);
  return keysMask(planned, plan, known === 0 ? undefined : table, known, position);
}

/** What the caller's function says of the rows. @throws `SUITE_INVALID` for a function that is not given */
async function verdictsOf(
  session: Session,
  { planned, plan }: PlanOf<"function">,
  { scoped, position }: GroupRows,
  { functions }: MaskContext,
): Promise<Verdicts> {
  const predicate = ownMember(functions, plan.name);
  if (predicate === undefined)
    throw invalidSuite(
      `${planned.check.path}.params.function`,
      `no function "${plan.name}" is given`,
      "Hand the function over with the suite",
    );
  const { file, row, names } = position;
  const columns = joinSql(plan.shows.map((column) => column.sql));
  const rows = sql`SELECT ${file} AS ${names.file}, ${row} AS ${names.row}, ${columns} FROM ${scoped}`;
  return runFunction(session, rows, predicate, planned);
}

async function functionMask(
  session: Session,
  planned: PlannedCheck,
  staged: StagedRelation,
  verdicts: Verdicts,
): Promise<Mask> {
  const position = positionOf(staged);
  const failing = await stagePositions(session, verdicts.failing, position);
  const unknown = await stagePositions(session, verdicts.unknown, position);
  const missing = unknown === undefined ? undefined : sql`${unknown}.${position.names.row} IS NOT NULL`;
  const shows = planned.plan.kind === "function" ? planned.plan.shows : [];
  const mask = positionsMask(planned, missing, shows, failing, verdicts.failing.rows.length, position);
  if (unknown === undefined) return mask;
  return {
    ...mask,
    joins: [...mask.joins, positionJoin(unknown, position)],
  };
}

async function provenAlone({ sql: proof }: CountProof, scoped: SqlExpression, ask: Ask): Promise<boolean> {
  const answer = await ask(sql`SELECT ${proof} AS proven FROM ${scoped}`).catch((error: unknown) => {
    if (isOutOfRange(error)) return undefined;
    throw error;
  });
  return answer?.["proven"] === true;
}

/**
 * Whether a key is outside the reported smallest and largest, so that a {@link CountProof} has no bit for it.
 */
export function isOutOfRange(error: unknown): boolean {
  return isVarveError(error, "SQL_FAILED") && error.data["engineErrorKind"] === "Out of Range";
}

async function proven(plan: KeysPlan, scoped: SqlExpression, ask: Ask): Promise<boolean> {
  for (const proof of plan.proofs ?? []) if (await proof(scoped, ask)) return true;
  return false;
}

async function total(session: Session, select: SqlSelect): Promise<number> {
  const [row] = await session.rows(select);
  return toNumber(row?.["n"]) ?? 0;
}

interface Positions {
  readonly files: (string | null)[];
  readonly rows: bigint[];
}

interface Verdicts {
  readonly failing: Positions;
  readonly unknown: Positions;
}

/** Streams the rows through the predicate, and keeps only the positions of rows that do not pass. */
async function runFunction(
  session: Session,
  select: SqlSelect,
  predicate: RowFunction,
  planned: PlannedCheck,
): Promise<Verdicts> {
  const verdicts: Verdicts = { failing: { files: [], rows: [] }, unknown: { files: [], rows: [] } };
  for await (const batch of session.arrow(select)) {
    const answers = predicate(withoutPosition(batch));
    if (answers.length !== batch.numRows) {
      throw invalidSuite(
        `${planned.check.path}.params.function`,
        `the function answered ${answers.length} times for ${batch.numRows} rows`,
        "Answer once for each row of the batch",
      );
    }
    const [files, rows] = [batch.getChildAt(0), batch.getChildAt(1)];
    for (let index = 0; index < batch.numRows; index++) {
      const answer = answers[index];
      if (answer === true || answer === 1) continue;
      const into = answer === null || answer === undefined ? verdicts.unknown : verdicts.failing;
      into.files.push(files?.get(index) ?? null);
      into.rows.push(BigInt(rows?.get(index) ?? 0));
    }
  }
  return verdicts;
}

/** A table of positions; `undefined` if there are none. */
async function stagePositions(
  session: Session,
  positions: Positions,
  { names }: Position,
): Promise<SqlName | undefined> {
  if (positions.rows.length === 0) return undefined;
  const { Int64, makeVector, Table, Utf8, vectorFromArray } = await import("apache-arrow");
  const data = new Table({
    file: vectorFromArray(positions.files, new Utf8()),
    row: makeVector({ type: new Int64(), data: BigInt64Array.from(positions.rows) }),
  });
  const relation = await session.stage({ kind: "arrow", data });
  const table = temporaryTable();
  await session.execute(
    sql`CREATE TABLE ${table} AS SELECT file AS ${names.file}, row AS ${names.row} FROM (${relation.sql})`,
  );
  return table;
}

let tables = 0;

/**
 * A name that no other table of this process has. The tables are not temporary, because the engine writes
 * files over a separate connection.
 */
export function temporaryTable(): SqlName {
  tables++;
  return plainName(`varve_gate_${tables}`);
}

/**
 * A batch without its first two columns, a row's file and position. (By index, because Arrow's `select` by
 * name takes the wrong columns.)
 */
export function withoutPosition(batch: RecordBatch): RecordBatch {
  return batch.selectAt(batch.schema.fields.slice(2).map((_, index) => index + 2));
}
