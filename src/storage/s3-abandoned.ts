import type { ReadOptions } from "./object-store.ts";
import { privateNamePrefix } from "./paths.ts";
import { abortable, payer, purposeOf, type S3Location } from "./s3-conditional-put.ts";
import { attemptDefinitely, attemptRepeatedly } from "./s3-connection.ts";

/** Aborts multipart uploads and removes probes below a prefix that were begun before `before`; see `ObjectStore.removeAbandoned`. */
export async function removeAbandonedUploads(location: S3Location, before: number, options?: ReadOptions): Promise<number> {
  return (await abortUploads(location, before, options)) + (await removeProbes(location, before, options));
}

async function abortUploads(location: S3Location, before: number, options?: ReadOptions): Promise<number> {
  const { connection, bucket, keyPrefix, world } = location;
  const { signal } = options ?? {};
  const request = { Bucket: bucket, Prefix: keyPrefix, EncodingType: "url" as const, ...payer(connection) };
  let aborted = 0;
  for (let next: { KeyMarker?: string; UploadIdMarker?: string } | undefined = {}; next !== undefined; ) {
    const markers: { KeyMarker?: string; UploadIdMarker?: string } = next;
    const page = await attemptDefinitely(connection, world, purposeOf(location, "list uploads below", keyPrefix), signal, () =>
      connection.client.send(new connection.sdk.ListMultipartUploadsCommand({ ...request, ...markers }), abortable(signal)),
    );
    for (const { Key, UploadId, Initiated } of page.Uploads ?? []) {
      if (Key === undefined || UploadId === undefined || (Initiated?.getTime() ?? before) >= before) continue;
      await abort(location, decode(Key), UploadId, signal);
      aborted++;
    }
    const { IsTruncated, NextKeyMarker, NextUploadIdMarker } = page;
    const more = IsTruncated === true && NextKeyMarker !== undefined && NextUploadIdMarker !== undefined;
    next = more ? { KeyMarker: decode(NextKeyMarker), UploadIdMarker: NextUploadIdMarker } : undefined;
  }
  return aborted;
}

async function abort(location: S3Location, key: string, id: string, signal: AbortSignal | undefined): Promise<void> {
  const { connection, bucket, world } = location;
  const command = { Bucket: bucket, Key: key, UploadId: id, ...payer(connection) };
  // An upload that is gone was finished or aborted by its writer meanwhile.
  await attemptRepeatedly(connection, world, purposeOf(location, "abort the upload of", key), signal, () =>
    connection.client.send(new connection.sdk.AbortMultipartUploadCommand(command), abortable(signal)),
  );
}

/** Probes are few and lie in the log's folder only; listings of the store hide them, so they are asked for here. */
async function removeProbes(location: S3Location, before: number, options?: ReadOptions): Promise<number> {
  const { connection, bucket, keyPrefix, world } = location;
  const { signal } = options ?? {};
  const request = {
    Bucket: bucket,
    Prefix: `${keyPrefix}_delta_log/${privateNamePrefix}`,
    EncodingType: "url" as const,
    ...payer(connection),
  };
  const page = await attemptDefinitely(connection, world, purposeOf(location, "list probes below", keyPrefix), signal, () =>
    connection.client.send(new connection.sdk.ListObjectsV2Command(request), abortable(signal)),
  );
  let removed = 0;
  for (const { Key, LastModified } of page.Contents ?? []) {
    if (Key === undefined || (LastModified?.getTime() ?? before) >= before) continue;
    const target = { Bucket: bucket, Key: decode(Key), ...payer(connection) };
    await attemptDefinitely(connection, world, purposeOf(location, "delete", Key), signal, () =>
      connection.client.send(new connection.sdk.DeleteObjectCommand(target), abortable(signal)),
    );
    removed++;
  }
  return removed;
}

function decode(key: string): string {
  return decodeURIComponent(key.replaceAll("+", " "));
}
