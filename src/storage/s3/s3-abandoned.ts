import { appendAll } from "../../util/append-all.ts";
import type { AbandonedOptions, ReadOptions } from "../contract/object-store.ts";
import { privateNamePrefix } from "../contract/paths.ts";
import { abortable, payer, purposeOf, type S3Location } from "./s3-conditional-put.ts";
import { attemptDefinitely, attemptRepeatedly } from "./s3-connection.ts";

/**
 * Aborts multipart uploads and removes probes below a prefix that were started before `before`; see
 * `ObjectStore.removeAbandoned`.
 */
export async function removeAbandonedUploads(
  location: S3Location,
  before: number,
  options: AbandonedOptions = {},
): Promise<number> {
  if (options.nearby === true) return 0;
  let removed = 0;
  for await (const { key, id } of oldUploads(location, before, options)) {
    await abort(location, key, id, options.signal);
    removed++;
  }
  for (const key of await oldProbes(location, before, options)) {
    await removeProbe(location, key, options.signal);
    removed++;
  }
  return removed;
}

/** Lists what {@link removeAbandonedUploads} would remove, relative to the prefix. */
export async function listAbandonedUploads(
  location: S3Location,
  before: number,
  options: ReadOptions = {},
): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of oldUploads(location, before, options)) keys.push(key);
  appendAll(keys, await oldProbes(location, before, options));
  return keys.map((key) => key.slice(location.keyPrefix.length));
}

async function* oldUploads(
  location: S3Location,
  before: number,
  options: ReadOptions,
): AsyncGenerator<{ readonly key: string; readonly id: string }> {
  const { connection, bucket, keyPrefix, world } = location;
  const { signal } = options;
  const request = { Bucket: bucket, Prefix: keyPrefix, EncodingType: "url" as const, ...payer(connection) };
  for (
    let next: { KeyMarker?: string | undefined; UploadIdMarker?: string | undefined } | undefined = {};
    next !== undefined;
  ) {
    const markers: { KeyMarker?: string | undefined; UploadIdMarker?: string | undefined } = next;
    const page = await attemptDefinitely(
      connection,
      world,
      purposeOf(location, "list uploads below", keyPrefix),
      signal,
      () =>
        connection.client.send(
          new connection.sdk.ListMultipartUploadsCommand({ ...request, ...markers }),
          abortable(signal),
        ),
    );
    for (const { Key, UploadId, Initiated } of page.Uploads ?? []) {
      if (Key === undefined || UploadId === undefined || (Initiated?.getTime() ?? before) >= before) continue;
      yield { key: decode(Key), id: UploadId };
    }
    const { IsTruncated, NextKeyMarker, NextUploadIdMarker } = page;
    const more = IsTruncated === true && NextKeyMarker !== undefined && NextUploadIdMarker !== undefined;
    next = more ? { KeyMarker: decode(NextKeyMarker), UploadIdMarker: NextUploadIdMarker } : undefined;
  }
}

async function abort(
  location: S3Location,
  key: string,
  id: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { connection, bucket, world } = location;
  const command = { Bucket: bucket, Key: key, UploadId: id, ...payer(connection) };
  // An upload that is gone was completed or aborted by its writer meanwhile.
  await attemptRepeatedly(connection, world, purposeOf(location, "abort the upload of", key), signal, () =>
    connection.client.send(new connection.sdk.AbortMultipartUploadCommand(command), abortable(signal)),
  );
}

/** Probes are few and only in the log's folder; listings of the store hide them, so they are listed here. */
async function oldProbes(location: S3Location, before: number, options: ReadOptions): Promise<string[]> {
  const { connection, bucket, keyPrefix, world } = location;
  const { signal } = options;
  const request = {
    Bucket: bucket,
    Prefix: `${keyPrefix}_delta_log/${privateNamePrefix}`,
    EncodingType: "url" as const,
    ...payer(connection),
  };
  const page = await attemptDefinitely(
    connection,
    world,
    purposeOf(location, "list probes below", keyPrefix),
    signal,
    () => connection.client.send(new connection.sdk.ListObjectsV2Command(request), abortable(signal)),
  );
  const abandoned: string[] = [];
  for (const { Key, LastModified } of page.Contents ?? []) {
    if (Key !== undefined && (LastModified?.getTime() ?? before) < before) abandoned.push(decode(Key));
  }
  return abandoned;
}

async function removeProbe(
  location: S3Location,
  key: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { connection, bucket, world } = location;
  const target = { Bucket: bucket, Key: key, ...payer(connection) };
  await attemptDefinitely(connection, world, purposeOf(location, "delete", key), signal, () =>
    connection.client.send(new connection.sdk.DeleteObjectCommand(target), abortable(signal)),
  );
}

function decode(key: string): string {
  return decodeURIComponent(key.replaceAll("+", " "));
}
