import { hasLoneSurrogate } from "../../../util/lone-surrogate.ts";
import { inlineBytes } from "../../core/native-vector.ts";
import { layOutBlock, layOutValues } from "../../core/text-block.ts";
import type { ValueType } from "../../core/value-type.ts";
import { type BuilderOptions, CellProblem, type ColumnBuilder } from "../shared/builder-contract.ts";
import { FixedData, Validity } from "../shared/chunk-buffers.ts";
import { parseBase64 } from "../shared/parse-values.ts";
import { shownValueType } from "./shown-value-type.ts";

/** Short ASCII texts are laid out here; the others of a chunk go over together. */
export function textBuilder(options: BuilderOptions, type: ValueType): ColumnBuilder {
  const data = new FixedData(16);
  const validity = new Validity();
  const encoder = new TextEncoder();
  let texts: string[] = [];
  let positions: number[] = [];
  let block = new Uint8Array(65_536);
  return {
    type,
    set(index, value) {
      data.reserve(index);
      if (typeof value === "string") {
        if (putInline(data, index * 16, value)) return;
        if (hasLoneSurrogate(value)) throw new CellProblem("text without lone surrogates", value);
        texts.push(value);
        positions.push(index);
      } else if (value === null || value === undefined) {
        validity.clear(index);
        data.bytes.fill(0, index * 16, index * 16 + 16);
      } else throw new CellProblem(shownValueType(type), value);
    },
    write(vector, count) {
      if (positions.length > 0) {
        const all = texts.join("");
        if (block.length < all.length * 3) block = new Uint8Array(all.length * 4);
        const { written } = encoder.encodeInto(all, block);
        const starts = startsOf(texts, written === all.length);
        const target = { vector, handles: data.view };
        layOutBlock(options.driver, target, { block: block.subarray(0, written), positions, starts });
        if (options.written !== undefined) options.written.bytes += written;
        texts = [];
        positions = [];
      }
      data.write(options.driver, vector, count);
      validity.write(options.driver, vector, count);
    },
  };
}

function startsOf(texts: readonly string[], isAscii: boolean): Float64Array {
  const starts = new Float64Array(texts.length + 1);
  let total = 0;
  for (let index = 0; index < texts.length; index++) {
    const text = texts[index] ?? "";
    total += isAscii ? text.length : Buffer.byteLength(text);
    starts[index + 1] = total;
  }
  return starts;
}

function putInline({ bytes }: FixedData, base: number, text: string): boolean {
  const length = text.length;
  if (length > inlineBytes) return false;
  for (let index = 0; index < length; index++) {
    const code = text.charCodeAt(index);
    if (code > 127) return false;
    bytes[base + 4 + index] = code;
  }
  bytes[base] = length;
  bytes[base + 1] = 0;
  bytes[base + 2] = 0;
  bytes[base + 3] = 0;
  for (let index = length; index < inlineBytes; index++) bytes[base + 4 + index] = 0;
  return true;
}

export function binaryBuilder(options: BuilderOptions, type: ValueType): ColumnBuilder {
  const data = new FixedData(16);
  const validity = new Validity();
  let values: Uint8Array[] = [];
  let positions: number[] = [];
  return {
    type,
    set(index, value) {
      data.reserve(index);
      if (value === null || value === undefined) {
        validity.clear(index);
        data.bytes.fill(0, index * 16, index * 16 + 16);
        return;
      }
      const bytes = bytesOf(value, options.fromText);
      if (bytes === undefined) throw new CellProblem(shownValueType(type), value);
      values.push(bytes);
      positions.push(index);
    },
    write(vector, count) {
      if (positions.length > 0) {
        layOutValues(options.driver, { vector, handles: data.view }, values, positions);
        if (options.written !== undefined) for (const { length } of values) options.written.bytes += length;
        values = [];
        positions = [];
      }
      data.write(options.driver, vector, count);
      validity.write(options.driver, vector, count);
    },
  };
}

function bytesOf(value: unknown, fromText: boolean): Uint8Array | undefined {
  if (value instanceof Uint8Array) return value;
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  return fromText && typeof value === "string" ? parseBase64(value) : undefined;
}
