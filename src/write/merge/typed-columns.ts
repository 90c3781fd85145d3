import { schemaOfEngine } from "../../dialects/engine-types.ts";
import { findField } from "../../schema/fields.ts";
import { holdsUntyped } from "../../schema/untyped-columns.ts";
import type { BatchTarget } from "../plan/batch-target.ts";
import { giveTypes, refuseHeld, targetWithStrings } from "../stages/give-types.ts";
import type { WriteRoom } from "../stages/write-room.ts";
import type { MergePlan, MergeRun } from "./merge-plan.ts";
import { type MergeSource, stageMergeSource } from "./merge-source.ts";

/** A staged source, and the table with the types that its values give to untyped columns. */
export interface TypedMergeSource {
  readonly source: MergeSource;
  readonly target: BatchTarget;
}

/**
 * Stages a merge's source, and gives types to the table's untyped columns that its clauses fill with values of the
 * source, as an append gives them.
 *
 * @throws as `stageMergeSource`; `SCHEMA_MISMATCH` for a column that data files hold as text
 */
export async function stageTypedSource(
  room: WriteRoom,
  plan: MergePlan,
  run: MergeRun,
): Promise<TypedMergeSource> {
  const source = await stageMergeSource(room, plan, run);
  if (plan.typing === undefined || !holdsUntyped(plan.target.schema)) return { source, target: plan.target };
  const given = await typesOf(room, plan, source);
  if (given.held.length === 0 || !("csv" in plan.source)) {
    refuseHeld(given.held);
    return given;
  }
  // Text that looks like another type: read again as the text that files of the table have.
  const asText = { ...plan, target: targetWithStrings(plan.target, given.held) };
  const again = await typesOf(room, asText, await stageMergeSource(room, asText, run));
  refuseHeld(again.held);
  return again;
}

async function typesOf({ session }: WriteRoom, { target, typing }: MergePlan, source: MergeSource) {
  const taken = typing?.columns(source.schema) ?? source.schema;
  const columns = source.columns.filter(({ name }) => findField(taken, name) !== undefined);
  const schema = { kind: "keep", upgradeProtocol: typing?.upgradeProtocol } as const;
  const rows = { ...source.whole, sql: source.sql, columns };
  const given = await giveTypes({ session }, { target, schema, removes: { kind: "none" } }, rows);
  const typed = new Map(given.source.columns.map((column) => [column.name, column]));
  const all = source.columns.map((column) => typed.get(column.name) ?? column);
  return {
    source: { ...source, columns: all, schema: schemaOfEngine(all) },
    target: given.target,
    held: given.held,
  };
}
