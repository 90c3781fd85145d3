import { VarveError } from "../../errors.ts";
import { placedType, requireField, withChangedField, withWiderType } from "../../schema/change-fields.ts";
import { columnMetadata } from "../../schema/column-metadata.ts";
import { isPrimitive, pathText, typeText } from "../../schema/type-names.ts";
import { canWiden } from "../../schema/type-widening.ts";
import type { StructField, StructType } from "../../schema/types.ts";
import { type GivenType, withLength } from "./column-options.ts";

/** The parts of a text's limit: `varchar(20)`. */
type Length = NonNullable<ReturnType<typeof columnMetadata>["charLength"]>;

/**
 * The schema in which the column at a path has another type: one that all its values have already.
 *
 * @throws `INVALID_ARGUMENT` for a type that is not wider; `UNSUPPORTED_FEATURE` if the table does not widen types
 */
export function changedType(
  schema: StructType,
  path: readonly string[],
  to: GivenType,
  { widens }: { readonly widens: boolean },
): StructType {
  const { owner, below, type } = placedType(schema, path);
  if (typeText(type) === typeText(to.type)) {
    if (below.length > 0 || type !== "string") return schema;
    return withChangedField(schema, owner, (field) => withOtherLength(field, to.length, path));
  }
  if (!isPrimitive(type) && type.type !== "decimal")
    throw invalid(
      path,
      `The type of column ${pathText(path)}, ${typeText(type)}, cannot be changed as a whole. Change or add its parts by their paths.`,
    );
  if (!canWiden(type, to.type) || to.length !== undefined)
    throw invalid(
      path,
      `The type of column ${pathText(path)} cannot be changed from ${typeText(type)} to ${to.length ?? typeText(to.type)}: data files have values of the old type. Only a wider type can be read from them; for another one, overwrite the table.`,
    );
  const { generation, identity } = below.length > 0 ? {} : columnMetadata(requireField(schema, owner), owner);
  if (generation !== undefined || identity !== undefined)
    throw invalid(
      path,
      `The type of column ${pathText(path)} cannot be changed: it is ${identity === undefined ? "a generated" : "an identity"} column.`,
    );
  if (widens) return withWiderType(schema, path, to.type);
  throw new VarveError(
    "UNSUPPORTED_FEATURE",
    `The type of column ${pathText(path)} cannot be changed from ${typeText(type)} to ${typeText(to.type)}: the table does not widen types. Set delta.enableTypeWidening to true first.`,
    { column: [...path], features: ["typeWidening"] },
  );
}

/** A text with a longer limit, or none. */
function withOtherLength(
  field: StructField,
  length: string | undefined,
  path: readonly string[],
): StructField {
  const before = columnMetadata(field, path).charLength;
  const after = columnMetadata({ ...field, metadata: withLength({}, length) }, path).charLength;
  if (!allows(before, after))
    throw invalid(
      path,
      `The type of column ${pathText(path)} cannot be changed from ${before === undefined ? "string" : `${before.kind}(${before.length})`} to ${length ?? "string"}, which the rows of the table may not fit.`,
    );
  return { ...field, metadata: withLength(field.metadata, length) };
}

function allows(before: Length | undefined, after: Length | undefined): boolean {
  if (after === undefined) return true;
  if (before === undefined) return false;
  if (after.kind === "char") return before.kind === "char" && before.length === after.length;
  return after.length >= before.length;
}

function invalid(path: readonly string[], message: string): VarveError {
  return new VarveError("INVALID_ARGUMENT", message, { column: [...path] });
}
