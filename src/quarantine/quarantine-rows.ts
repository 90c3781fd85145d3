import { engineColumns, engineTypeText } from "../dialects/engine-types.ts";
import type { FencedSession, Session, StagedRelation } from "../engine/core/contract.ts";
import type { LogSnapshot } from "../log/contract.ts";
import { errorsType } from "../quality/gate/errors-list.ts";
import {
  currentPayloadSql,
  mentionsSql,
  payloadColumnsSql,
  payloadErrorsSql,
} from "../quality/gate/payload.ts";
import { columnMetadata, isFilled } from "../schema/column-metadata.ts";
import type { StructField, StructType } from "../schema/types.ts";
import { joinSql, type SqlExpression, type SqlName, type SqlSelect, sql } from "../sql/sql.ts";
import { plainName, quoteName, quoteText } from "../sql/sql-text.ts";
import { writeRules } from "../table/rules/write-rules.ts";
import { freePrefix } from "../util/free-prefix.ts";
import { existingTarget } from "../write/plan/batch-target.ts";

/** Names added to a quarantined row's columns. */
export interface PayloadNames {
  readonly id: SqlName;
  readonly row: SqlName;
  readonly payload: SqlName;
  readonly errors: SqlName;
  /** List of what does not fit the table, like the quarantine's `errors`. */
  readonly misfits: SqlName;
  /**
   * Which of the columns that the table fills by itself the row does not mention: `-` and a digit for each;
   * empty in a table without such columns.
   */
  readonly silent: SqlName;
}

/** Chooses names that none of these columns has. */
export function payloadNames(columns: Iterable<string>): PayloadNames {
  const prefix = freePrefix(columns);
  return {
    id: plainName(`${prefix}id`),
    row: plainName(`${prefix}row`),
    payload: plainName(`${prefix}payload`),
    errors: plainName(`${prefix}errors`),
    misfits: plainName(`${prefix}misfits`),
    silent: plainName(`${prefix}silent`),
  };
}

/** The columns that a table fills if a row does not mention them. */
export function filledColumns(schema: StructType): readonly StructField[] {
  return schema.fields.filter(isFilled);
}

/**
 * The rows of a quarantine as rows of the table, from their payloads; a row's place is its id. Columns with a
 * default or a generation expression that a row does not mention are filled in, as when the row lands.
 *
 * @param open SELECT of the quarantine's rows
 * @param fence fences the session; called if the table's own expressions are needed
 */
export async function stagePayloads(
  session: Session,
  table: LogSnapshot,
  open: SqlSelect,
  fence: () => Promise<FencedSession>,
): Promise<StagedRelation> {
  const columns = engineColumns(table.schema);
  const columnNames = columns.map(({ name }) => name);
  const { id, row, payload, errors, misfits, silent } = payloadNames(columnNames);
  const storedRow = { payload, errors };
  const names = columns.map((column) => quoteName(column.name));
  const filled = filledColumns(table.schema);
  const current = currentPayloadSql(columnNames, sql`payload`, sql`errors`);
  const read = sql`SELECT ${id}, ${payload}, ${errors}, ${payloadColumnsSql(columns, storedRow)} FROM (SELECT quarantine_id AS ${id}, ${current} AS ${payload}, errors AS ${errors} FROM (${open}))`;
  const digits = filled.map(({ name }) => sql`CASE WHEN ${mentionsSql(name, payload)} THEN '0' ELSE '1' END`);
  const rest = [
    sql`CAST(0 AS BIGINT) AS ${row}`,
    sql`${digits.length === 0 ? sql`''` : joinSql([sql`'-'`, ...digits], sql` || `)} AS ${silent}`,
    sql`list_concat(${payloadErrorsSql(columns, storedRow)}, ${missingSql(table.schema)}) AS ${misfits}`,
  ];
  const whole = filled.length === 0 ? read : await filledIn(table, { read, payload }, fence);
  const placed = sql`SELECT ${names}, ${id}, ${rest} FROM (${whole})`;
  const staged = await session.stage({
    kind: "relation",
    relation: { sql: placed, columns: await session.describe(placed) },
  });
  return {
    sql: sql`SELECT ${names} FROM (${staged.sql})`,
    positionedSql: staged.sql,
    columns,
    positionColumns: { file: id, row },
  };
}

/** The nulls of NOT NULL columns, without identity columns. */
function missingSql(schema: StructType): SqlExpression {
  const required = schema.fields.filter(
    (field) => !field.nullable && columnMetadata(field).identity === undefined,
  );
  const errors = required.map(({ name }) => {
    const column = quoteText(name);
    return sql`CASE WHEN ${quoteName(name)} IS NULL THEN {check_id: ${quoteText(`schema:${name}`)}, check_name: 'schema', columns: [${column}], message: ${quoteText(`${name} must not be null`)}, observed_value: CAST(NULL AS VARCHAR), severity: 'critical', rule_fingerprint: ''} END`;
  });
  return sql`CAST(list_filter([${errors}], lambda e: e IS NOT NULL) AS ${errorsType})`;
}

async function filledIn(
  table: LogSnapshot,
  { read, payload }: { readonly read: SqlSelect; readonly payload: SqlName },
  fence: () => Promise<FencedSession>,
): Promise<SqlSelect> {
  const { requirements, context } = await existingTarget(table);
  const rules = await writeRules(fence, table.schema, requirements, {
    columns: [],
    now: context.world.now(),
  });
  const fill = (rows: SqlSelect, values: ReadonlyMap<string, SqlExpression>) => {
    const items = [...values].map(([name, value]) => {
      const type = table.schema.fields.find((field) => field.name === name)?.type ?? "string";
      const mentioned = mentionsSql(name, payload);
      return sql`CASE WHEN ${mentioned} THEN ${quoteName(name)} ELSE CAST((${value}) AS ${engineTypeText(type)}) END AS ${quoteName(name)}`;
    });
    return items.length === 0 ? rows : sql`SELECT * REPLACE (${items}) FROM (${rows})`;
  };
  return fill(fill(read, rules.defaults), rules.computed);
}
