import type { DriftSide } from "../../drift/comparison/drift-record.ts";
import { type SchemaBuilder, schema } from "../../schema/builder.ts";
import { numberOrNull, type PlainValue, structOrNull, textOrNull } from "./stored-row.ts";

/** The columns of a side of a comparison. */
export function sideColumns(): SchemaBuilder {
  return schema()
    .string("source")
    .long("version")
    .string("pin")
    .string("fingerprint")
    .string("scope")
    .string("window")
    .long("rows");
}

/** A side as it was stored. */
export function sideOf(value: PlainValue | undefined): DriftSide {
  const row = structOrNull(value) ?? {};
  return {
    source: textOrNull(row["source"]) ?? "",
    version: numberOrNull(row["version"]),
    pin: textOrNull(row["pin"]),
    fingerprint: textOrNull(row["fingerprint"]),
    scope: row["scope"] === "batch" ? "batch" : "table",
    window: textOrNull(row["window"]),
    rows: numberOrNull(row["rows"]) ?? 0,
  };
}
