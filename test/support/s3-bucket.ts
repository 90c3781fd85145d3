import { createHash, randomUUID } from "node:crypto";

/** An error answer as S3 gives it. */
export class S3Error extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** One stored object. */
export interface StoredObject {
  readonly bytes: Buffer;
  /** With quotes. */
  readonly etag: string;
  readonly modified: Date;
}

interface Upload {
  readonly key: string;
  readonly begun: Date;
  readonly parts: Map<number, { readonly bytes: Buffer; readonly etag: string }>;
}

/** What a write asks of the object that is there. */
export interface WriteCondition {
  readonly ifNoneMatch?: string | undefined;
  readonly ifMatch?: string | undefined;
}

/** A page of a listing. */
export interface ListedPage {
  readonly objects: readonly { readonly key: string; readonly object: StoredObject }[];
  readonly commonPrefixes: readonly string[];
  /** The last key or prefix of this page where there are more. */
  readonly next: string | undefined;
}

const smallestPart = 5 * 2 ** 20;

/**
 * One bucket: objects in UTF-8 byte order of their keys, and multipart uploads under way. Every method is one
 * tick.
 */
export class Bucket {
  readonly objects = new Map<string, StoredObject>();
  readonly uploads = new Map<string, Upload>();
  readonly #keys: string[] = [];

  /** Checks the condition and writes in the same tick. */
  put(key: string, bytes: Buffer, condition: WriteCondition, etag = quoted(md5(bytes))): StoredObject {
    this.#check(key, condition);
    const object = { bytes, etag, modified: new Date() };
    if (!this.objects.has(key)) this.#keys.splice(this.#firstAtOrAfter(key), 0, key);
    this.objects.set(key, object);
    return object;
  }

  delete(key: string): void {
    if (this.objects.delete(key)) this.#keys.splice(this.#firstAtOrAfter(key), 1);
  }

  list(prefix: string, delimiter: string, after: string, limit: number): ListedPage {
    const objects: { key: string; object: StoredObject }[] = [];
    const commonPrefixes: string[] = [];
    let last = "";
    for (
      let index = this.#firstAtOrAfter(compare(prefix, after) > 0 ? prefix : after);
      index < this.#keys.length;
      index++
    ) {
      const key = this.#keys[index] ?? "";
      if (key === after || (compare(key, prefix) < 0 && !key.startsWith(prefix))) continue;
      if (!key.startsWith(prefix)) break;
      const cut = delimiter === "" ? -1 : key.indexOf(delimiter, prefix.length);
      const common = cut < 0 ? undefined : key.slice(0, cut + delimiter.length);
      if (common !== undefined && (common === last || common === after)) continue;
      if (objects.length + commonPrefixes.length === limit) return { objects, commonPrefixes, next: last };
      last = common ?? key;
      const object = this.objects.get(key);
      if (common !== undefined) commonPrefixes.push(common);
      else if (object !== undefined) objects.push({ key, object });
    }
    return { objects, commonPrefixes, next: undefined };
  }

  beginUpload(key: string): string {
    const id = randomUUID();
    this.uploads.set(id, { key, begun: new Date(), parts: new Map() });
    return id;
  }

  putPart(id: string, key: string, number: number, bytes: Buffer): string {
    if (!Number.isInteger(number) || number < 1 || number > 10_000)
      throw new S3Error(400, "InvalidArgument", "Part number must be 1 to 10000.");
    const etag = quoted(md5(bytes));
    this.#upload(id, key).parts.set(number, { bytes, etag });
    return etag;
  }

  completeUpload(
    id: string,
    key: string,
    wanted: readonly { readonly number: number; readonly etag: string }[],
    condition: WriteCondition,
  ): StoredObject {
    const { parts } = this.#upload(id, key);
    if (wanted.length === 0) throw new S3Error(400, "MalformedXML", "No parts.");
    const chosen = wanted.map(({ number, etag }, index) => {
      if (number <= (wanted[index - 1]?.number ?? 0))
        throw new S3Error(400, "InvalidPartOrder", "Parts are not in ascending order.");
      const part = parts.get(number);
      if (part === undefined || part.etag !== quoted(etag.replaceAll('"', "")))
        throw new S3Error(400, "InvalidPart", `Part ${number} is not there.`);
      if (index < wanted.length - 1 && part.bytes.length < smallestPart)
        throw new S3Error(400, "EntityTooSmall", `Part ${number} is too small.`);
      return part;
    });
    const digests = Buffer.concat(chosen.map(({ etag }) => Buffer.from(etag.replaceAll('"', ""), "hex")));
    const object = this.put(
      key,
      Buffer.concat(chosen.map(({ bytes }) => bytes)),
      condition,
      quoted(`${md5(digests)}-${chosen.length}`),
    );
    this.uploads.delete(id);
    return object;
  }

  abortUpload(id: string, key: string): void {
    this.#upload(id, key);
    this.uploads.delete(id);
  }

  #upload(id: string, key: string): Upload {
    const upload = this.uploads.get(id);
    if (upload === undefined || upload.key !== key)
      throw new S3Error(404, "NoSuchUpload", "The specified upload does not exist.");
    return upload;
  }

  #check(key: string, { ifNoneMatch, ifMatch }: WriteCondition): void {
    const present = this.objects.get(key);
    if (ifNoneMatch !== undefined && ifNoneMatch !== "*")
      throw new S3Error(501, "NotImplemented", "If-None-Match on writes takes only *.");
    if (ifNoneMatch === "*" && present !== undefined) {
      throw new S3Error(
        412,
        "PreconditionFailed",
        "At least one of the pre-conditions you specified did not hold",
      );
    }
    if (ifMatch === undefined) return;
    if (present === undefined) throw new S3Error(404, "NoSuchKey", "The specified key does not exist.");
    if (ifMatch !== present.etag)
      throw new S3Error(
        412,
        "PreconditionFailed",
        "At least one of the pre-conditions you specified did not hold",
      );
  }

  #firstAtOrAfter(key: string): number {
    let low = 0;
    let high = this.#keys.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compare(this.#keys[middle] ?? "", key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function compare(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function md5(bytes: Uint8Array): string {
  return createHash("md5").update(bytes).digest("hex");
}

function quoted(text: string): string {
  return `"${text}"`;
}
