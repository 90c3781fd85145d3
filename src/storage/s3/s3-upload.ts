import { open, readFile, rm, stat } from "node:fs/promises";
import { VarveError } from "../../errors.ts";
import { mapBounded } from "../../util/concurrency.ts";
import type { ReadOptions } from "../contract/object-store.ts";
import { abortable, payer, purposeOf, type S3Location } from "./s3-conditional-put.ts";
import { attemptDefinitely, attemptOnce, attemptRepeatedly } from "./s3-connection.ts";
import { failureError } from "./s3-errors.ts";

const defaultPartBytes = 16 * 2 ** 20;
const smallestPartBytes = 5 * 2 ** 20;
const mostParts = 10_000;

/**
 * Uploads a finished local file and removes it: with one PutObject if it is small, else in parallel parts,
 * which are aborted on failure.
 *
 * @throws `SOURCE_UNREADABLE` for the local file, and as every write
 */
export async function uploadFile(
  location: S3Location,
  path: string,
  localFile: string,
  options?: ReadOptions,
): Promise<void> {
  const size = await sizeOf(localFile);
  const partBytes = partSize(size, location.connection.options.partBytes);
  if (size <= partBytes) await putObject(location, path, await readFile(localFile), options);
  else await uploadParts(location, path, { file: localFile, size, partBytes }, options);
  await rm(localFile, { force: true });
}

/** One PutObject, retried. */
export async function putObject(
  location: S3Location,
  path: string,
  bytes: Uint8Array,
  options?: ReadOptions,
): Promise<void> {
  const { connection, bucket, keyPrefix, world } = location;
  const { signal } = options ?? {};
  await attemptDefinitely(connection, world, purposeOf(location, "write", path), signal, () =>
    connection.client.send(
      new connection.sdk.PutObjectCommand({
        Bucket: bucket,
        Key: keyPrefix + path,
        Body: bytes,
        ...payer(connection),
      }),
      abortable(signal),
    ),
  );
}

interface Source {
  readonly file: string;
  readonly size: number;
  readonly partBytes: number;
}

/** Target of one multipart upload. */
interface Upload {
  readonly location: S3Location;
  readonly path: string;
  readonly target: {
    readonly Bucket: string;
    readonly Key: string;
    readonly RequestPayer?: "requester" | undefined;
  };
  readonly signal: AbortSignal | undefined;
}

interface Part {
  readonly PartNumber: number;
  readonly ETag: string;
}

async function uploadParts(
  location: S3Location,
  path: string,
  source: Source,
  options?: ReadOptions,
): Promise<void> {
  const { connection, bucket, keyPrefix, world } = location;
  const target = { Bucket: bucket, Key: keyPrefix + path, ...payer(connection) };
  const upload: Upload = { location, path, target, signal: options?.signal };
  const started = await attemptDefinitely(
    connection,
    world,
    purposeOf(location, "begin the upload of", path),
    upload.signal,
    () =>
      connection.client.send(
        new connection.sdk.CreateMultipartUploadCommand(target),
        abortable(upload.signal),
      ),
  );
  const id = started.UploadId;
  if (id === undefined)
    throw new VarveError(
      "STORE_REFUSED",
      `${location.uri} started a multipart upload without an upload id. Use a store that implements multipart uploads.`,
      {
        path,
        store: location.uri,
      },
    );
  try {
    await complete(upload, id, await sendParts(upload, id, source), source.size);
  } catch (error) {
    await abandon(upload, id);
    throw error;
  }
}

async function sendParts(upload: Upload, id: string, source: Source): Promise<Part[]> {
  const { connection } = upload.location;
  const starts = Array.from(
    { length: Math.ceil(source.size / source.partBytes) },
    (_, index) => index * source.partBytes,
  );
  const handle = await open(source.file, "r");
  try {
    return await mapBounded(starts, connection.options.uploadConcurrency ?? 4, async (start, index) => {
      const bytes = new Uint8Array(Math.min(source.partBytes, source.size - start));
      const { bytesRead } = await handle.read(bytes, 0, bytes.length, start);
      if (bytesRead !== bytes.length)
        throw new VarveError(
          "SOURCE_CHANGED",
          `${source.file} became shorter while it was being uploaded. Retry when the file is complete.`,
          {
            file: source.file,
          },
        );
      return await sendPart(upload, id, index + 1, bytes);
    });
  } finally {
    await handle.close();
  }
}

async function sendPart(upload: Upload, id: string, number: number, bytes: Uint8Array): Promise<Part> {
  const { location, path, target, signal } = upload;
  const { connection, world } = location;
  const purpose = purposeOf(location, `write part ${number} of`, path);
  const sent = await attemptDefinitely(connection, world, purpose, signal, () =>
    connection.client.send(
      new connection.sdk.UploadPartCommand({ ...target, UploadId: id, PartNumber: number, Body: bytes }),
      abortable(signal),
    ),
  );
  if (sent.ETag === undefined)
    throw new VarveError(
      "STORE_REFUSED",
      `${location.uri} accepted a part without returning an ETag. Use a store that implements multipart uploads.`,
      {
        path,
        store: location.uri,
      },
    );
  return { PartNumber: number, ETag: sent.ETag };
}

/** If the answer was lost, the upload may be complete and its id unknown; then the object itself shows it. */
async function complete(upload: Upload, id: string, parts: readonly Part[], size: number): Promise<void> {
  const { location, path, target, signal } = upload;
  const { connection, world } = location;
  const purpose = purposeOf(location, "finish the upload of", path);
  const outcome = await attemptRepeatedly(connection, world, purpose, signal, () =>
    connection.client.send(
      new connection.sdk.CompleteMultipartUploadCommand({
        ...target,
        UploadId: id,
        MultipartUpload: { Parts: [...parts] },
      }),
      abortable(signal),
    ),
  );
  if (outcome.ok) return;
  const head = await attemptRepeatedly(connection, world, purpose, signal, () =>
    connection.client.send(new connection.sdk.HeadObjectCommand(target), abortable(signal)),
  );
  if (!head.ok || head.value.ContentLength !== size)
    throw failureError(outcome.failure, location.uri, purpose.action, path);
}

/**
 * Best effort, also after a cancellation: an upload that stays is invisible, and a bucket's lifecycle rule
 * removes it.
 */
async function abandon(upload: Upload, id: string): Promise<void> {
  const { location, path, target } = upload;
  const { connection, world } = location;
  const purpose = purposeOf(location, "abort the upload of", path);
  for (let attempt = 1; attempt <= 3; attempt++) {
    const outcome = await attemptOnce(connection, world, purpose, undefined, () =>
      connection.client.send(new connection.sdk.AbortMultipartUploadCommand({ ...target, UploadId: id })),
    );
    if (outcome.ok || outcome.failure.kind === "missing") return;
  }
}

function partSize(size: number, minimum = defaultPartBytes): number {
  return Math.max(smallestPartBytes, minimum, Math.ceil(size / mostParts));
}

async function sizeOf(file: string): Promise<number> {
  try {
    return (await stat(file)).size;
  } catch (error) {
    throw new VarveError("SOURCE_UNREADABLE", `Cannot read the file to upload, ${file}.`, { file }, error);
  }
}
