import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type FileMetaData, parquetMetadata, parquetReadObjects } from "hyparquet";
import { compressors } from "hyparquet-compressors";
import { parseSchema } from "../../src/schema/schema-json.ts";
import type { DeltaType, StructType } from "../../src/schema/types.ts";
import { decodeVariant, type VariantParts } from "../support/variant-bytes.ts";
import type { StructValue, Value } from "./values.ts";

/** What another reader than varve finds on disk. */
export interface Written {
  readonly schema: StructType;
  readonly rows: readonly StructValue[];
}

/**
 * A table's newest version, which has no deletion vectors and no checkpoint: the log is read as JSON, its
 * files by hyparquet.
 */
export async function readWritten(folder: string): Promise<Written> {
  const log = join(folder, "_delta_log");
  const files = new Set<string>();
  let text = "";
  for (const name of readdirSync(log)
    .filter((entry) => /^\d{20}\.json$/.test(entry))
    .sort()) {
    for (const line of readFileSync(join(log, name), "utf8").trimEnd().split("\n")) {
      const action = JSON.parse(line);
      if (action.metaData !== undefined) text = action.metaData.schemaString;
      if (action.add !== undefined) files.add(decodeURIComponent(action.add.path));
      if (action.remove !== undefined) files.delete(decodeURIComponent(action.remove.path));
    }
  }
  const schema = parseSchema(text);
  const rows: StructValue[] = [];
  for (const file of files) rows.push(...(await rowsOfFile(join(folder, file), schema)));
  return { schema, rows };
}

/**
 * The stored values are read as they lie there, without the annotations by which hyparquet would round
 * decimals and cut moments, and get their meaning by Delta's type.
 */
async function rowsOfFile(file: string, schema: StructType): Promise<StructValue[]> {
  const bytes = readFileSync(file);
  const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
  const metadata = withoutMeaning(parquetMetadata(buffer));
  const rows = await parquetReadObjects({ file: buffer, metadata, compressors, utf8: false });
  return rows.map((row) => decode(schema, row) as StructValue);
}

function withoutMeaning(metadata: FileMetaData): FileMetaData {
  const schema = metadata.schema.map((element) => {
    const { converted_type: _, logical_type: __, ...plain } = element;
    return plain;
  });
  return { ...metadata, schema };
}

const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function decode(type: DeltaType, raw: unknown): Value {
  if (raw === null || raw === undefined) return null;
  if (typeof type !== "string") {
    switch (type.type) {
      case "decimal":
        return decimalText(
          typeof raw === "object" ? fromBytes(raw as Uint8Array) : BigInt(raw as number),
          type.scale,
        );
      case "array":
        return (raw as { list: { element: unknown }[] }).list.map((item) =>
          decode(type.elementType, item.element),
        );
      case "map":
        return new Map(
          (raw as { key_value: { key: unknown; value: unknown }[] }).key_value.map(({ key, value }) => [
            decode(type.keyType, key),
            decode(type.valueType, value),
          ]),
        );
      default: {
        const struct = raw as Record<string, unknown>;
        return Object.fromEntries(
          type.fields.map(({ name, type: below }) => [name, decode(below, struct[name])]),
        );
      }
    }
  }
  switch (type) {
    case "boolean":
      return raw as boolean;
    case "string":
      return text.decode(raw as Uint8Array);
    case "binary":
      return new Uint8Array(raw as Uint8Array);
    case "date":
      return new Date(Number(raw) * 86_400_000).toISOString().slice(0, 10);
    case "timestamp":
      return `${moment(raw as bigint)}Z`;
    case "timestamp_ntz":
      return moment(raw as bigint);
    case "variant":
      return decodeVariant(raw as VariantParts) as Value;
    default:
      return Object.is(raw, -0) ? "-0" : String(raw);
  }
}

function fromBytes(bytes: Uint8Array): bigint {
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return BigInt.asIntN(bytes.length * 8, value);
}

function decimalText(unscaled: bigint, scale: number): string {
  const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(scale + 1, "0");
  const end = digits.length - scale;
  return `${unscaled < 0n ? "-" : ""}${digits.slice(0, end)}${scale === 0 ? "" : `.${digits.slice(end)}`}`;
}

function moment(micros: bigint): string {
  const part = ((micros % 1_000_000n) + 1_000_000n) % 1_000_000n;
  const seconds = new Date(Number((micros - part) / 1000n)).toISOString().slice(0, 19);
  return `${seconds}.${String(part).padStart(6, "0")}`;
}
