import { type EnforcementPlan, projectionSql } from "../../dialects/enforcement.ts";
import { engineColumns } from "../../dialects/engine-types.ts";
import type { StagedRelation } from "../../engine/core/contract.ts";
import { VarveError } from "../../errors.ts";
import type { MetadataAction } from "../../protocol/actions.ts";
import type { GateOutcome } from "../../quality/gate/verdict.ts";
import { metadataKeys } from "../../schema/column-metadata.ts";
import { serializeSchema } from "../../schema/schema-json.ts";
import type { StructType } from "../../schema/types.ts";
import { type SqlSelect, sql } from "../../sql/sql.ts";
import { quoteName } from "../../sql/sql-text.ts";
import { applyRules, firstIdentity, type WriteRules } from "../../table/rules/write-rules.ts";
import { freePrefix } from "../../util/free-prefix.ts";
import { type BatchTarget, withMetadata } from "../plan/batch-target.ts";
import type { WrittenRows } from "./batch-checks.ts";

/** The batch with the table's columns, in its order and types, and each row's position in the source. */
export function fittedRelation(
  relation: StagedRelation,
  plan: EnforcementPlan,
  rules: WriteRules,
  schema: StructType,
): StagedRelation {
  const { file, row } = relation.positionColumns;
  const columns = projectionSql(plan, rules.defaults);
  const prefix = freePrefix(schema.fields.map(({ name }) => name));
  const place = { file: `${prefix}source_file`, row: `${prefix}source_row` };
  const fitted = plan.columns.map(({ field }) => field);
  return {
    sql: applyRules(sql`SELECT ${columns} FROM (${relation.sql})`, { ...rules, numbered: [] }),
    columns: engineColumns({
      type: "struct",
      fields: schema.fields.filter((field) => fitted.includes(field)),
    }),
    positionedSql: applyRules(
      sql`SELECT ${columns}, ${quoteName(file)} AS ${quoteName(place.file)}, ${quoteName(row)} AS ${quoteName(place.row)} FROM (${relation.positionedSql})`,
      { ...rules, numbered: [] },
    ),
    positionColumns: place,
  };
}

/** A batch whose generated columns are computed again from its other columns. */
export function computedAnew(batch: StagedRelation, rules: WriteRules): StagedRelation {
  const computed = (rows: SqlSelect) => applyRules(rows, { ...rules, numbered: [] });
  return {
    ...batch,
    sql: computed(batch.sql),
    positionedSql: computed(batch.positionedSql),
  };
}

/** The rows to write: the clean ones, numbered by identity columns. */
export function writtenRows(
  fitted: StagedRelation,
  rules: WriteRules,
  verdict: GateOutcome | undefined,
): WrittenRows {
  const clean = applyRules(verdict?.cleanSql ?? fitted.sql, { ...rules, computed: new Map() });
  const all = (verdict === undefined || verdict.untouched) && rules.numbered.length === 0;
  return all ? { sql: clean, located: fitted } : { sql: clean };
}

/**
 * Whether a gate sees the same values that are written: identity columns are numbered after it, so that
 * refused rows take no numbers.
 */
export function seesWritten(rules: WriteRules): boolean {
  return rules.numbered.length === 0;
}

/** The target with the high-water marks of identity columns moved past the numbers that this batch took. */
export function numberedTarget(target: BatchTarget, rules: WriteRules, rows: number): BatchTarget {
  if (rules.numbered.length === 0 || rows === 0) return target;
  const marks = new Map(
    rules.numbered.map((identity) => [
      identity.column,
      firstIdentity(identity) + BigInt(rows - 1) * identity.step,
    ]),
  );
  requireNumbers(marks, rows);
  return withIdentityMarks(target, marks);
}

function requireNumbers(marks: ReadonlyMap<string, bigint>, rows: number): void {
  for (const [column, mark] of marks) {
    if (BigInt.asIntN(64, mark) === mark) continue;
    throw new VarveError(
      "CONSTRAINT_VIOLATED",
      `The identity column ${quoteName(column)} has no values left for ${rows} rows. Nothing was written.`,
      { column: [column] },
    );
  }
}

/** The target with other high-water marks of identity columns. */
export function withIdentityMarks(target: BatchTarget, marks: ReadonlyMap<string, bigint>): BatchTarget {
  const fields = target.schema.fields.map((field) => {
    const mark = marks.get(field.name);
    return mark === undefined
      ? field
      : {
          ...field,
          metadata: { ...field.metadata, [metadataKeys.identityHighWaterMark]: jsonInteger(mark) },
        };
  });
  const schema: StructType = { type: "struct", fields };
  const metadata: MetadataAction = { ...target.metadata, schemaString: serializeSchema(schema) };
  return withMetadata(target, metadata, schema);
}

function jsonInteger(value: bigint): number | bigint {
  return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER)
    ? Number(value)
    : value;
}
