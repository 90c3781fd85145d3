import { planEnforcement } from "../../dialects/enforcement.ts";
import { suiteNeeds } from "../../quality/suite/needs.ts";
import { holdsVariant } from "../../schema/fields.ts";
import type { StructType } from "../../schema/types.ts";
import { checkSource } from "./batch-checks.ts";
import type { FittedRows, StagedRows } from "./batch-stages.ts";
import { setMisfitsAside } from "./misfits.ts";
import { adaptedTarget, taggedTarget } from "./schema-change.ts";

/**
 * Adapts the table's schema to a batch, and the batch to the schema.
 *
 * @throws `SCHEMA_MISMATCH` with the column, the type expected, the value found and the first offending row;
 * `UNSUPPORTED_FEATURE`
 */
export async function fitRows(staged: StagedRows): Promise<FittedRows> {
  const { plan, room, source } = staged;
  const suite = plan.tests?.suite;
  const tag = suite === undefined ? null : suiteNeeds(suite).tagColumn;
  const target = taggedTarget(adaptedTarget(staged.base, plan.schema, source.columns), plan.schema, tag);
  if (holdsVariant(target.schema)) room.session.enableVariants();
  const enforcement = planEnforcement(without(target.schema, tag), source.columns, {
    ownVariants: source.ownVariants,
    partitionColumns: target.metadata.partitionColumns,
  });
  const { fitting, setAside } =
    suite?.onMisfit === "quarantine"
      ? await setMisfitsAside(room.session, source, enforcement)
      : { fitting: source, setAside: undefined };
  await checkSource(room.session, fitting, enforcement, target.metadata.partitionColumns);
  return { ...staged, target, enforcement, fitting, misfits: setAside };
}

/** The table's columns without the tag column. */
function without(schema: StructType, tag: string | null): StructType {
  return tag === null
    ? schema
    : { type: "struct", fields: schema.fields.filter((field) => field.name !== tag) };
}
