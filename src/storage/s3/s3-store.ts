import { VarveError } from "../../errors.ts";
import { throwIfCancelled } from "../../util/cancel.ts";
import { realWorld, type World } from "../../util/world.ts";
import type { ListOptions, ObjectInfo, ObjectStore, ReadOptions } from "../contract/object-store.ts";
import { checkPath, checkPrefix, compareUtf8, isPrivateName, objectNotFound } from "../contract/paths.ts";
import { temporaryStagingFolder } from "../contract/staging.ts";
import { listAbandonedUploads, removeAbandonedUploads } from "./s3-abandoned.ts";
import { abortable, ConditionalPut, payer, purposeOf, type S3Location } from "./s3-conditional-put.ts";
import { attemptDefinitely, attemptRepeatedly, connect, type S3Connection } from "./s3-connection.ts";
import { copyOnServer } from "./s3-copy.ts";
import { removeObject, removeObjects } from "./s3-delete.ts";
import { failureError, type S3Failure } from "./s3-errors.ts";
import type { S3Options } from "./s3-options.ts";
import { putObject, uploadFile } from "./s3-upload.ts";

/**
 * Stores that are opened with the same options object share a client, its connections and what is known about
 * the server.
 */
const connections = new WeakMap<S3Options, Promise<S3Connection>>();
const defaultOptions: S3Options = {};
/** What can be copied on a server. */
const locations = new WeakMap<ObjectStore, S3Location>();

/**
 * Opens a store on `s3://BUCKET/PREFIX`.
 *
 * `putIfAbsent` is one PutObject with If-None-Match that is never repeated; everything else is retried with
 * backoff and jitter. A server that ignores the condition is detected before the first commit of a process,
 * and refused with `STORE_NO_CONDITIONAL_PUT`.
 *
 * @throws `INVALID_URI`, `STORE_REFUSED` for directory buckets, which do not list in order
 */
export async function s3Store(
  bucket: string,
  prefix: string,
  options: S3Options = defaultOptions,
  world: World = realWorld,
): Promise<ObjectStore> {
  checkBucket(bucket);
  const connecting = connections.get(options) ?? connect(options);
  connections.set(options, connecting);
  const keyPrefix = prefix === "" ? "" : `${checkPath(prefix)}/`;
  const uri = `s3://${bucket}${prefix === "" ? "" : `/${prefix}`}`;
  const location: S3Location = { connection: await connecting, world, bucket, keyPrefix, uri };
  const conditional = new ConditionalPut(location);
  const store: ObjectStore = {
    uri,
    identity: `${uri}?at=${encodeURIComponent(options.endpoint ?? options.region ?? "")}`,
    get: (path, read) => readObject(location, path, undefined, read),
    getRange: (path, start, length, read) => readRange(location, path, start, length, read),
    head: (path, read) => describe(location, path, read),
    list: (listPrefix, list) => listObjects(location, listPrefix, list),
    put: async (path, bytes, write) => putObject(location, checkPath(path), bytes, write),
    putFile: async (path, localFile, write) => {
      throwIfCancelled(write?.signal, `writing ${path}`);
      await uploadFile(location, checkPath(path), localFile, write);
    },
    putIfAbsent: (path, bytes, write) => conditional.create(path, bytes, write),
    delete: (path, write) => removeObject(location, path, write),
    deleteMany: (paths, write) => removeObjects(location, paths, write),
    removeAbandoned: (before, write) => removeAbandonedUploads(location, before, write),
    listAbandoned: (before, read) => listAbandonedUploads(location, before, read),
    stagingFolder: () => temporaryStagingFolder(),
    copyFrom: async (source, from, to, write) => {
      const origin = locations.get(source);
      return (
        origin !== undefined && (await copyOnServer(location, { origin, from, to: checkPath(to) }, write))
      );
    },
  };
  locations.set(store, location);
  return store;
}

async function describe(
  location: S3Location,
  path: string,
  options?: ReadOptions,
): Promise<ObjectInfo | undefined> {
  const { connection, bucket, keyPrefix, world } = location;
  const command = { Bucket: bucket, Key: keyPrefix + checkPath(path), ...payer(connection) };
  const outcome = await attemptRepeatedly(
    connection,
    world,
    purposeOf(location, "describe", path),
    options?.signal,
    () => connection.client.send(new connection.sdk.HeadObjectCommand(command), abortable(options?.signal)),
  );
  if (!outcome.ok) {
    if (outcome.failure.kind === "missing") return undefined;
    throw failureError(outcome.failure, location.uri, "describe", path);
  }
  const { ContentLength: size = 0, LastModified: modified, ETag: etag } = outcome.value;
  return { path, size, modified: modified?.getTime() ?? 0, etag };
}

async function readRange(
  location: S3Location,
  path: string,
  start: number,
  length: number,
  options?: ReadOptions,
): Promise<Uint8Array> {
  if (length > 0) return await readObject(location, path, { start, length }, options);
  if ((await describe(location, path, options)) === undefined) throw objectNotFound(location.uri, path);
  return new Uint8Array();
}

interface ByteRange {
  readonly start: number;
  readonly length: number;
}

/** The body is read within the attempt, so that a connection that breaks halfway is a failed attempt. */
async function readObject(
  location: S3Location,
  path: string,
  range: ByteRange | undefined,
  options?: ReadOptions,
): Promise<Uint8Array> {
  const { connection, bucket, keyPrefix, world } = location;
  const command = {
    Bucket: bucket,
    Key: keyPrefix + checkPath(path),
    Range: range === undefined ? undefined : rangeHeader(range),
    ...payer(connection),
  };
  const outcome = await attemptRepeatedly(
    connection,
    world,
    purposeOf(location, "read", path),
    options?.signal,
    async () => {
      const answer = await connection.client.send(
        new connection.sdk.GetObjectCommand(command),
        abortable(options?.signal),
      );
      const body = (await answer.Body?.transformToByteArray()) ?? new Uint8Array();
      if (answer.ContentLength !== undefined && body.length !== answer.ContentLength)
        throw cutShort(body.length, answer.ContentLength);
      return { body, isPart: answer.ContentRange !== undefined };
    },
  );
  if (!outcome.ok) return emptyRange(location, path, outcome.failure);
  const { body, isPart } = outcome.value;
  return range === undefined ? body : cut(body, range, isPart);
}

/** Servers answer 416 to a range past the end, and to any range of an empty object; both are empty. */
function emptyRange(location: S3Location, path: string, failure: S3Failure): Uint8Array {
  if (failure.kind === "range") return new Uint8Array();
  if (failure.kind === "missing") throw objectNotFound(location.uri, path);
  throw failureError(failure, location.uri, "read", path);
}

function rangeHeader({ start, length }: ByteRange): string {
  return start < 0 ? `bytes=${start}` : `bytes=${start}-${start + length - 1}`;
}

/** A suffix arrives whole and is cut to the length; a server that ignores ranges sends everything. */
function cut(body: Uint8Array, { start, length }: ByteRange, isPart: boolean): Uint8Array {
  if (isPart) return body.subarray(0, length);
  const from = start < 0 ? Math.max(0, body.length + start) : start;
  return body.slice(from, from + length);
}

function cutShort(received: number, promised: number): Error {
  return Object.assign(new Error(`The body ended after ${received} of ${promised} bytes`), {
    code: "TruncatedBody",
  });
}

async function* listObjects(
  location: S3Location,
  prefix: string,
  options?: ListOptions,
): AsyncIterable<ObjectInfo> {
  const { connection, bucket, keyPrefix, world } = location;
  const after = options?.startAfter === undefined ? {} : { StartAfter: keyPrefix + options.startAfter };
  const request = {
    Bucket: bucket,
    Prefix: keyPrefix + checkPrefix(prefix),
    // XML cannot represent every character that a key may have.
    EncodingType: "url" as const,
    MaxKeys: connection.options.pageSize,
    ...payer(connection),
  };
  let previous = "";
  for (let token: string | undefined, more = true; more; ) {
    const page = await attemptDefinitely(
      connection,
      world,
      purposeOf(location, "list", prefix),
      options?.signal,
      () =>
        connection.client.send(
          new connection.sdk.ListObjectsV2Command({
            ...request,
            ...(token === undefined ? after : { ContinuationToken: token }),
          }),
          abortable(options?.signal),
        ),
    );
    for (const { Key, Size = 0, LastModified, ETag } of page.Contents ?? []) {
      const key = decodeURIComponent((Key ?? "").replaceAll("+", " "));
      if (compareUtf8(key, previous) <= 0) throw outOfOrder(location, previous, key);
      previous = key;
      const path = key.slice(keyPrefix.length);
      if (isObjectPath(path)) yield { path, size: Size, modified: LastModified?.getTime() ?? 0, etag: ETag };
    }
    token = page.NextContinuationToken;
    more = page.IsTruncated === true && token !== undefined;
  }
}

/** Leaves out folder markers, names that the contract cannot address, and varve's own probes. */
function isObjectPath(path: string): boolean {
  return !(/(^|\/)(\.{0,2})(\/|$)/.test(path) || isPrivateName(path.slice(path.lastIndexOf("/") + 1)));
}

function outOfOrder(location: S3Location, previous: string, key: string): VarveError {
  const message = `The store ${location.uri} lists ${JSON.stringify(key)} after ${JSON.stringify(previous)}, which is not UTF-8 byte order, so it cannot hold tables. Use another store.`;
  return new VarveError("STORE_REFUSED", message, { store: location.uri, previous, key });
}

function checkBucket(bucket: string): void {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(bucket)) {
    const shown = bucket.replace(/^.*@/, "***@");
    throw new VarveError(
      "INVALID_URI",
      `Invalid bucket name ${JSON.stringify(shown)}. Pass credentials as options, not in the URI.`,
      {
        bucket: shown,
      },
    );
  }
  if (bucket.endsWith("--x-s3")) {
    const message = `The bucket ${bucket} is a directory bucket, which does not list keys in order. Use a general purpose bucket.`;
    throw new VarveError("STORE_REFUSED", message, { bucket });
  }
}
