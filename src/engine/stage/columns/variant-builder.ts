import { type ValueType, variantParts } from "../../core/value-type.ts";
import type { BuilderOf, BuilderOptions, ColumnBuilder } from "../shared/builder-contract.ts";
import { encodeVariant } from "./variant-encode.ts";

/** Collects values of any type, each as a variant of its own, in two binary columns. */
export function variantBuilder(
  { fromText }: BuilderOptions,
  type: ValueType,
  builderOf: BuilderOf,
): ColumnBuilder {
  const parts = builderOf(variantParts);
  return {
    type,
    set: (index, value) =>
      parts.set(index, value === null || value === undefined ? null : encodeVariant(value, fromText)),
    write: (vector, count) => parts.write(vector, count),
  };
}
