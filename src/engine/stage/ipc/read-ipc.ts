import type { FileHandle } from "node:fs/promises";
import type { Data } from "apache-arrow";
import { openSourceFile } from "../shared/source-file.ts";
import {
  bytesInMemory,
  bytesOfFile,
  bytesOfStream,
  inSequence,
  type RandomBytes,
  type SequentialBytes,
} from "./byte-readers.ts";
import { ArrowDamage, assertSound } from "./damage.ts";
import { decodeSchema, type IpcField, type IpcSchema } from "./ipc-schema.ts";
import { joinData } from "./join-data.ts";
import { loadBatch } from "./load-batch.ts";
import {
  decodeBatch,
  decodeDictionary,
  decodeFooter,
  decodeMessage,
  type FileBlock,
  type IpcMessage,
} from "./messages.ts";
import { assertSoundData } from "./sound-data.ts";

/** What IPC data is read from: a file by its name, or its bytes. */
export type IpcSource = string | Uint8Array | AsyncIterable<Uint8Array>;

/** A batch of rows; each column has as many values. */
export interface IpcBatch {
  readonly rows: number;
  readonly columns: readonly Data[];
}

/** A message with its body. */
interface WholeMessage extends IpcMessage {
  readonly body: Uint8Array;
}

/** What the messages are read from, and how far they were. */
interface IpcInput {
  readonly schema: IpcSchema;
  readonly messages: AsyncIterable<WholeMessage>;
  /** A file has one dictionary by each id; a stream may send another in its place. */
  readonly replacesDictionaries: boolean;
}

/**
 * A stream or file of the IPC format, opened: its schema is read, its batches are read as they are asked for.
 *
 * The library's own reader trusts every number that it finds: it loops, takes any memory, or reads other bytes
 * than the file's where they are wrong. It has no bounds for compressed buffers, joins dictionaries by
 * concatenating vectors, and takes big-endian data for little-endian.
 */
export class IpcReader implements AsyncDisposable {
  readonly fields: readonly IpcField[];
  readonly #input: IpcInput;
  readonly #close: () => Promise<void>;
  readonly #dictionaries = new Map<number, Data[]>();
  #bytes = 0;

  /** @throws `SOURCE_UNREADABLE` for a file that cannot be opened, {@link ArrowDamage}, what a stream throws */
  static async open(source: IpcSource): Promise<IpcReader> {
    const opened = await openedBytes(source);
    try {
      return new IpcReader(await inputOf(opened), opened.close);
    } catch (error) {
      await opened.close();
      throw error;
    }
  }

  private constructor(input: IpcInput, close: () => Promise<void>) {
    this.#input = input;
    this.#close = close;
    this.fields = input.schema.fields;
  }

  /** Bytes of the values that were read so far. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The batches, once. @throws as {@link open} */
  async *batches(): AsyncGenerator<IpcBatch> {
    for await (const message of this.#input.messages) {
      this.#bytes += message.body.length;
      if (message.kind === "schema") throw new ArrowDamage("a second schema follows the first");
      if (message.kind === "dictionary") await this.#readDictionary(message);
      else {
        const metadata = decodeBatch(message.header);
        const { body } = message;
        const columns = await loadBatch(this.fields, { metadata, body, dictionaryOf: this.#dictionaryOf });
        yield { rows: metadata.rows, columns };
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
  }

  async #readDictionary({ header, body }: WholeMessage): Promise<void> {
    const { id, isDelta, batch: metadata } = decodeDictionary(header);
    const field = this.#input.schema.dictionaries.get(id);
    if (field === undefined) throw new ArrowDamage(`no column has the dictionary ${id}`);
    const [values] = await loadBatch([field], { metadata, body, dictionaryOf: this.#dictionaryOf });
    if (values === undefined) return;
    assertSoundData(field.name, values);
    const known = this.#dictionaries.get(id);
    assertSound(
      this.#input.replacesDictionaries || isDelta || known === undefined,
      () => `its dictionary ${id} is replaced by another, which the format allows in streams alone`,
    );
    if (isDelta && known !== undefined) known.push(values);
    else this.#dictionaries.set(id, [values]);
  }

  /** Values that were added are joined to the others once somebody refers to them. */
  readonly #dictionaryOf = (id: number): Data | undefined => {
    const pieces = this.#dictionaries.get(id);
    if (pieces === undefined || pieces.length === 1) return pieces?.[0];
    const whole = joinData(pieces);
    this.#dictionaries.set(id, [whole]);
    return whole;
  };
}

interface OpenedBytes {
  readonly random?: RandomBytes | undefined;
  readonly sequential: SequentialBytes;
  readonly close: () => Promise<void>;
}

async function openedBytes(source: IpcSource): Promise<OpenedBytes> {
  if (typeof source === "string") return openedFileBytes(source);
  if (source instanceof Uint8Array) {
    const random = bytesInMemory(source);
    return { random, sequential: inSequence(random), close: async () => undefined };
  }
  const pieces = source[Symbol.asyncIterator]();
  return {
    sequential: bytesOfStream(pieces),
    close: async () => {
      await pieces.return?.();
    },
  };
}

async function openedFileBytes(file: string): Promise<OpenedBytes> {
  const handle = await openSourceFile(file);
  const close = () => handle.close();
  try {
    const found = await handle.stat();
    // A pipe has no size, and no part of it can be read twice.
    if (!found.isFile()) return { sequential: bytesOfStream(chunksOf(handle)), close };
    const random = bytesOfFile(handle, found.size);
    return { random, sequential: inSequence(random), close };
  } catch (error) {
    await close();
    throw error;
  }
}

const chunkBytes = 1 << 20;

async function* chunksOf(handle: FileHandle): AsyncGenerator<Uint8Array> {
  for (;;) {
    const { bytesRead, buffer } = await handle.read(new Uint8Array(chunkBytes), 0, chunkBytes);
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
  }
}

const magic = Buffer.from("ARROW1");

async function inputOf({ random, sequential }: OpenedBytes): Promise<IpcInput> {
  const start = await sequential.take(8);
  refuseOtherFormats(start);
  if (magic.equals(start.subarray(0, magic.length)))
    return fileInput(random ?? bytesInMemory(Buffer.concat([start, await allOf(sequential)])));
  return streamInput(pushedBack(start, sequential));
}

async function allOf(bytes: SequentialBytes): Promise<Uint8Array> {
  return bytes.take(Number.POSITIVE_INFINITY);
}

function pushedBack(start: Uint8Array, bytes: SequentialBytes): SequentialBytes {
  let rest = start;
  return {
    get left() {
      return bytes.left === undefined ? undefined : bytes.left + rest.length;
    },
    get arrived() {
      return rest.length === 0 ? bytes.arrived : Buffer.concat([rest, bytes.arrived]);
    },
    async take(length) {
      const first = rest.subarray(0, length);
      rest = rest.subarray(first.length);
      if (first.length === length) return first;
      const more = await bytes.take(length - first.length);
      return first.length === 0 ? more : Buffer.concat([first, more]);
    },
  };
}

const otherFormats: readonly (readonly [start: string, name: string])[] = [
  ["PAR1", "a Parquet file"],
  ["FEA1", "a file of Feather version 1, which varve does not read"],
];

function refuseOtherFormats(start: Uint8Array): void {
  const text = Buffer.from(start).toString("latin1");
  const other = otherFormats.find(([magicText]) => text.startsWith(magicText));
  assertSound(other === undefined, () => `it is ${other?.[1]}`);
}

async function streamInput(bytes: SequentialBytes): Promise<IpcInput> {
  const first = await nextMessage(bytes);
  assertSound(first?.kind === "schema", () => "it does not begin with a schema");
  return { schema: decodeSchema(first.header), messages: streamMessages(bytes), replacesDictionaries: true };
}

async function* streamMessages(bytes: SequentialBytes): AsyncGenerator<WholeMessage> {
  for (;;) {
    const message = await nextMessage(bytes);
    if (message === undefined) break;
    yield message;
  }
  // A stream without an end may stay open: more of it is not waited for.
  const rest = bytes.left === undefined ? bytes.arrived : await allOf(bytes);
  assertSound(
    rest.every((byte) => byte === 0),
    () => `${rest.length} bytes follow its end. Pass one stream at a time`,
  );
}

/** The next message; undefined at the end. */
async function nextMessage(bytes: SequentialBytes): Promise<WholeMessage | undefined> {
  const size = await metadataSize(bytes);
  if (size === 0) return undefined;
  const message = decodeMessage(await exactly(bytes, size, "the metadata of a message"));
  return { ...message, body: await exactly(bytes, message.bodyLength, "the body of a message") };
}

/** The length of a message's metadata; 0 at the end. Before Arrow 0.15 no mark stood before it. */
async function metadataSize(bytes: SequentialBytes): Promise<number> {
  const start = await bytes.take(4);
  if (start.length === 0) return 0;
  const marked = intOf(start) === -1 ? await bytes.take(4) : start;
  return intOf(marked);
}

function intOf(bytes: Uint8Array): number {
  assertSound(bytes.length === 4, () => "it ends within a message");
  return new DataView(bytes.buffer, bytes.byteOffset, 4).getInt32(0, true);
}

async function exactly(bytes: SequentialBytes, length: number, what: string): Promise<Uint8Array> {
  const { left } = bytes;
  assertSound(
    length >= 0 && (left === undefined || length <= left),
    () => `${what} has ${length} bytes, where ${left ?? "fewer"} are left`,
  );
  const found = await bytes.take(length);
  assertSound(found.length === length, () => `it ends within ${what}`);
  return found;
}

/** Of a file's last bytes: the length of its footer, and the magic. */
const tailBytes = 4 + magic.length;

async function fileInput(bytes: RandomBytes): Promise<IpcInput> {
  assertSound(bytes.size >= 8 + tailBytes, () => `it has only ${bytes.size} bytes`);
  const tail = await bytes.read(bytes.size - tailBytes, tailBytes);
  assertSound(magic.equals(tail.subarray(4)), () => "it does not end as an Arrow file; it may be truncated");
  const footerLength = intOf(tail.subarray(0, 4));
  const footerStart = bytes.size - tailBytes - footerLength;
  assertSound(
    footerLength > 0 && footerStart >= 8,
    () => `it states a footer of ${footerLength} bytes, and has ${bytes.size}`,
  );
  const footer = decodeFooter(await bytes.read(footerStart, footerLength));
  assertApart([...footer.dictionaries, ...footer.batches], footerStart);
  return {
    schema: decodeSchema(footer.schema),
    messages: fileMessages(bytes, footer.dictionaries, footer.batches),
    replacesDictionaries: false,
  };
}

/** Blocks that lie in each other would be read again and again. */
function assertApart(blocks: readonly FileBlock[], end: number): void {
  let from = 8;
  for (const block of [...blocks].sort((one, other) => one.offset - other.offset)) {
    const { offset, metadataLength, bodyLength } = block;
    assertSound(
      offset >= from && metadataLength > 0 && bodyLength >= 0 && offset + metadataLength + bodyLength <= end,
      () => `its footer states a block of ${metadataLength} and ${bodyLength} bytes at ${offset}`,
    );
    from = offset + metadataLength + bodyLength;
  }
}

async function* fileMessages(
  bytes: RandomBytes,
  dictionaries: readonly FileBlock[],
  batches: readonly FileBlock[],
): AsyncGenerator<WholeMessage> {
  for (const block of dictionaries) yield await blockMessage(bytes, block, "dictionary");
  for (const block of batches) yield await blockMessage(bytes, block, "batch");
}

async function blockMessage(
  bytes: RandomBytes,
  { offset, metadataLength, bodyLength }: FileBlock,
  kind: IpcMessage["kind"],
): Promise<WholeMessage> {
  const whole = bytesInMemory(await bytes.read(offset, metadataLength + bodyLength));
  const metadata = inSequence(bytesInMemory(await whole.read(0, metadataLength)));
  const size = await metadataSize(metadata);
  const message = decodeMessage(await exactly(metadata, size, "the metadata of a message"));
  assertSound(
    message.kind === kind && message.bodyLength <= bodyLength,
    () =>
      `at ${offset} there is a ${message.kind} of ${message.bodyLength} bytes, not a ${kind} of ${bodyLength}`,
  );
  return { ...message, body: await whole.read(metadataLength, message.bodyLength) };
}
