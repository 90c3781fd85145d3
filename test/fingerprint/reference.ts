import { createHash } from "node:crypto";
import { isPrimitive } from "../../src/schema/type-names.ts";
import type { DeltaType, StructType } from "../../src/schema/types.ts";

/** A value as spec/fingerprints.md speaks of it: whole numbers, entries of maps, texts and bytes. */
export type PlainValue = null | boolean | number | bigint | string | Buffer | readonly PlainValue[];

/** The content fingerprint of rows, by spec/fingerprints.md alone: each row is a list of values. */
export function referenceFingerprint(schema: StructType, rows: readonly (readonly PlainValue[])[]): string {
  const sum = referenceSum(schema, rows);
  const text = `${JSON.stringify(columns(schema))}\n${rows.length}\n${sum.toString(16).padStart(32, "0")}`;
  return `varve-content-1:${createHash("sha256").update(text).digest("hex")}`;
}

/** The sum of the hashes of rows. */
export function referenceSum(schema: StructType, rows: readonly (readonly PlainValue[])[]): bigint {
  return rows.map((row) => rowHash(schema, row)).reduce((a, b) => (a + b) % 2n ** 128n, 0n);
}

function rowHash(schema: StructType, row: readonly PlainValue[]): bigint {
  const values = schema.fields.map(({ type }, index) => encoded(type, row[index] ?? null, 2, 1));
  const digest = createHash("md5")
    .update(Buffer.concat([Buffer.from([2, 0x32, 0]), ...values]))
    .digest();
  return BigInt(`0x${digest.reverse().toString("hex")}`);
}

function columns(schema: StructType): unknown {
  return schema.fields.map(({ name, type }) => ({ name, type: typeText(type) }));
}

function typeText(type: DeltaType): unknown {
  if (isPrimitive(type)) return type;
  if (type.type === "decimal") return `decimal(${type.precision},${type.scale})`;
  if (type.type === "array") return { array: typeText(type.elementType) };
  if (type.type === "map") return { map: [typeText(type.keyType), typeText(type.valueType)] };
  return { struct: columns(type) };
}

function encoded(type: DeltaType, value: PlainValue, present: number, absent: number): Buffer {
  if (value === null && !isPrimitive(type) && type.type === "struct")
    return Buffer.concat([
      Buffer.from([absent]),
      ...type.fields.map((field) => encoded(field.type, null, 1, 2)),
    ]);
  if (value === null) return Buffer.from([absent]);
  return Buffer.concat([Buffer.from([present]), body(type, value)]);
}

function body(type: DeltaType, value: PlainValue): Buffer {
  if (isPrimitive(type)) {
    switch (type) {
      case "string":
        return text(String(value));
      case "binary":
        return Buffer.from(
          [...(value as Buffer)].flatMap((byte) => (byte < 2 ? [1, byte] : [byte])).concat(0),
        );
      case "boolean":
        return Buffer.from([value === true ? 1 : 0]);
      case "double": {
        const bytes = Buffer.alloc(8);
        bytes.writeDoubleBE(Number(value));
        return integer(BigInt.asIntN(64, bytes.readBigUInt64BE()), 8);
      }
      case "float": {
        const bytes = Buffer.alloc(4);
        bytes.writeFloatBE(Number(value));
        return integer(BigInt(bytes.readInt32BE()), 4);
      }
      default:
        return integer(BigInt(value as bigint), widths[type] ?? 8);
    }
  }
  if (type.type === "decimal")
    return integer(
      BigInt(value as bigint),
      [4, 9, 18].map((p, i) => [p, 2 ** (i + 1)] as const).find(([p]) => type.precision <= p)?.[1] ?? 16,
    );
  const items = value as readonly PlainValue[];
  if (type.type === "struct")
    return Buffer.concat(type.fields.map((field, index) => encoded(field.type, items[index] ?? null, 1, 2)));
  const element = type.type === "array" ? type.elementType : entryOf(type.keyType, type.valueType);
  return Buffer.concat([...items.map((item) => encoded(element, item, 1, 2)), Buffer.from([0])]);
}

const widths: Partial<Record<string, number>> = { byte: 1, short: 2, integer: 4, date: 4, void: 4 };

function entryOf(key: DeltaType, value: DeltaType): StructType {
  const field = (name: string, type: DeltaType) => ({ name, type, nullable: true, metadata: {} });
  return { type: "struct", fields: [field("key", key), field("value", value)] };
}

function text(value: string): Buffer {
  return Buffer.from([...Buffer.from(value).map((byte) => byte + 1), 0]);
}

/** Two's complement with the highest bit turned, so that greater numbers have greater bytes. */
function integer(value: bigint, width: number): Buffer {
  const turned = BigInt.asUintN(8 * width, value + (1n << BigInt(8 * width - 1)));
  return Buffer.from(turned.toString(16).padStart(2 * width, "0"), "hex");
}
