import { ArrowDamage, assertSound } from "./damage.ts";
import { FlatTable } from "./flat-table.ts";

/** A message of the IPC format, without its body: https://arrow.apache.org/docs/format/Columnar.html */
export interface IpcMessage {
  readonly kind: "schema" | "dictionary" | "batch";
  readonly header: FlatTable;
  readonly bodyLength: number;
}

/** Number of rows (or dictionary values) and where the buffers of their columns lie in the message's body. */
export interface BatchMetadata {
  readonly rows: number;
  readonly nodes: readonly { readonly length: number; readonly nulls: number }[];
  readonly buffers: readonly { readonly offset: number; readonly length: number }[];
  readonly compression: "lz4" | "zstd" | undefined;
  /** Numbers of data buffers, by column of a view type. */
  readonly variadicCounts: readonly number[];
}

/** A dictionary, or values that are added to one. */
export interface DictionaryMetadata {
  readonly id: number;
  readonly isDelta: boolean;
  readonly batch: BatchMetadata;
}

/** A part of a file: a message with its body. */
export interface FileBlock {
  readonly offset: number;
  readonly metadataLength: number;
  readonly bodyLength: number;
}

/** The last part of a file, which says where the others are. */
export interface FileFooter {
  readonly schema: FlatTable;
  readonly dictionaries: readonly FileBlock[];
  readonly batches: readonly FileBlock[];
}

/** Format versions are counted from 0: the fourth is the first that is still written, the fifth the newest. */
const [oldestVersion, newestVersion] = [3, 4];

/** @throws {@link ArrowDamage}, for messages of Arrow before 0.8 too */
export function decodeMessage(metadata: Uint8Array): IpcMessage {
  const message = FlatTable.root(metadata);
  assertVersion(message.int16(0));
  const type = message.uint8(1);
  const kind = ([undefined, "schema", "dictionary", "batch"] as const)[type];
  const header = message.table(2);
  assertSound(kind !== undefined && header !== undefined, () => `a message has the unknown type ${type}`);
  const bodyLength = message.int64(3);
  assertSound(bodyLength >= 0, () => `a message states a body of ${bodyLength} bytes`);
  return { kind, header, bodyLength };
}

/** @throws as {@link decodeMessage} */
export function decodeFooter(bytes: Uint8Array): FileFooter {
  const footer = FlatTable.root(bytes);
  // Old writers leave the version out here; each message has its own.
  assertKnown(footer.int16(0));
  const schema = footer.table(1);
  if (schema === undefined) throw new ArrowDamage("its footer has no schema");
  return { schema, dictionaries: blocksOf(footer, 2), batches: blocksOf(footer, 3) };
}

/** @throws {@link ArrowDamage}, for an unknown compression too */
export function decodeBatch(table: FlatTable): BatchMetadata {
  const nodes = table.int64s(1, 2).map(([length = 0, nulls = 0]) => ({ length, nulls }));
  const buffers = table.int64s(2, 2).map(([offset = 0, length = 0]) => ({ offset, length }));
  const variadicCounts = table.int64s(4, 1).map(([count = 0]) => count);
  return { rows: table.int64(0), nodes, buffers, variadicCounts, compression: compressionOf(table.table(3)) };
}

/** @throws as {@link decodeBatch} */
export function decodeDictionary(table: FlatTable): DictionaryMetadata {
  const data = table.table(1);
  if (data === undefined) throw new ArrowDamage("a dictionary has no values");
  return { id: table.int64(0), isDelta: table.boolean(2), batch: decodeBatch(data) };
}

/** A struct of a long, an int (with four bytes of padding) and a long. */
function blocksOf(footer: FlatTable, id: number): FileBlock[] {
  return footer.blocks(id).map(([offset, metadataLength, bodyLength]) => ({
    offset,
    metadataLength,
    bodyLength,
  }));
}

function compressionOf(table: FlatTable | undefined): BatchMetadata["compression"] {
  if (table === undefined) return undefined;
  const [codec, method] = [table.uint8(0), table.uint8(1)];
  const name = (["lz4", "zstd"] as const)[codec];
  assertSound(
    name !== undefined && method === 0,
    () => `it is compressed in the unknown way ${codec}/${method}`,
  );
  return name;
}

function assertVersion(version: number): void {
  assertKnown(version);
  assertSound(
    version >= oldestVersion,
    () =>
      `it has version ${version + 1} of the format, from before Arrow 0.8. Write it again with a newer Arrow`,
  );
}

function assertKnown(version: number): void {
  assertSound(
    version <= newestVersion,
    () => `it has version ${version + 1} of the format, newer than varve reads (${newestVersion + 1})`,
  );
}
