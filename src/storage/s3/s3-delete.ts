import { isVarveError } from "../../errors.ts";
import { mapBounded } from "../../util/concurrency.ts";
import type { ReadOptions } from "../contract/object-store.ts";
import { checkPath } from "../contract/paths.ts";
import { abortable, payer, purposeOf, type S3Location } from "./s3-conditional-put.ts";
import { attemptDefinitely, attemptRepeatedly } from "./s3-connection.ts";
import { failureError } from "./s3-errors.ts";

/** Keys of one request: the most that S3 takes. */
const keysPerRequest = 1000;
const requestsUnderWay = 4;
const singlesUnderWay = 16;

/** Deletes one object. */
export async function removeObject(location: S3Location, path: string, options?: ReadOptions): Promise<void> {
  const { connection, bucket, keyPrefix, world } = location;
  const command = { Bucket: bucket, Key: keyPrefix + checkPath(path), ...payer(connection) };
  const outcome = await attemptRepeatedly(
    connection,
    world,
    purposeOf(location, "delete", path),
    options?.signal,
    () => connection.client.send(new connection.sdk.DeleteObjectCommand(command), abortable(options?.signal)),
  );
  if (!outcome.ok && outcome.failure.kind !== "missing")
    throw failureError(outcome.failure, location.uri, "delete", path);
}

/**
 * Deletes objects by DeleteObjects requests, one at a time where a server does not know that request or where XML
 * cannot spell a key.
 *
 * @throws `STORE_UNAVAILABLE`, `STORE_FORBIDDEN`, `STORE_REFUSED`
 */
export async function removeObjects(
  location: S3Location,
  paths: readonly string[],
  options?: ReadOptions,
): Promise<void> {
  const spelled = paths.filter((path) => !isUnspeakable(path));
  const parts: string[][] = [];
  for (let start = 0; start < spelled.length; start += keysPerRequest)
    parts.push(spelled.slice(start, start + keysPerRequest));
  await mapBounded(parts, requestsUnderWay, (part) => removePart(location, part, options));
  await removeSingly(location, paths.filter(isUnspeakable), options);
}

/** XML 1.0 has no control characters, nor the last two of the basic plane. */
function isUnspeakable(path: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters that are looked for
  return /[\u0000-\u001f\ufffe\uffff]/.test(path);
}

async function removeSingly(
  location: S3Location,
  paths: readonly string[],
  options?: ReadOptions,
): Promise<void> {
  await mapBounded(paths, singlesUnderWay, (path) => removeObject(location, path, options));
}

async function removePart(
  location: S3Location,
  part: readonly string[],
  options?: ReadOptions,
): Promise<void> {
  const { connection, bucket, keyPrefix, world } = location;
  let left = part.map((path) => ({ Key: keyPrefix + checkPath(path) }));
  const purpose = purposeOf(location, "delete", part[0] ?? "");
  try {
    await attemptDefinitely(connection, world, purpose, options?.signal, async () => {
      const { Errors = [] } = await connection.client.send(
        new connection.sdk.DeleteObjectsCommand({
          Bucket: bucket,
          Delete: { Objects: left, Quiet: true },
          ...payer(connection),
        }),
        abortable(options?.signal),
      );
      const failed = Errors.filter(({ Code }) => Code !== "NoSuchKey");
      const [first] = failed;
      if (first === undefined) return;
      // A failure without a key may be that of any.
      if (failed.every(({ Key }) => Key !== undefined && Key !== ""))
        left = failed.map(({ Key = "" }) => ({ Key }));
      throw keyError(first);
    });
  } catch (error) {
    if (!isUnknownRequest(error)) throw error;
    await removeSingly(location, part, options);
  }
}

/** Whether a server does not know DeleteObjects, or not with the checksum that the SDK sends instead of an MD5 digest. */
function isUnknownRequest(error: unknown): boolean {
  if (!isVarveError(error)) return false;
  const { status, code } = error.data;
  return status === 501 || status === 405 || code === "MissingContentMD5";
}

/** Why one key was not deleted, in the form of an error of the SDK, so that it is tried again or refused like one. */
function keyError({
  Code = "InternalError",
  Message = "",
  Key = "",
}: {
  readonly Code?: string | undefined;
  readonly Message?: string | undefined;
  readonly Key?: string | undefined;
}): Error {
  const status = /^(?:Access|Invalid|NotImplemented|Object)/.test(Code) ? 403 : 503;
  return Object.assign(new Error(`${Message} (${Key})`), {
    name: Code,
    Code,
    $metadata: { httpStatusCode: status },
  });
}
