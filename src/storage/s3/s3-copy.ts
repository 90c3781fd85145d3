import { isVarveError } from "../../errors.ts";
import type { ObjectInfo, ReadOptions } from "../contract/object-store.ts";
import { objectNotFound } from "../contract/paths.ts";
import { abortable, payer, purposeOf, type S3Location } from "./s3-conditional-put.ts";
import { attemptRepeatedly } from "./s3-connection.ts";
import { failureError } from "./s3-errors.ts";

/** What is copied where. */
export interface ServerCopy {
  readonly origin: S3Location;
  readonly from: ObjectInfo;
  /** Path relative to the target's root. */
  readonly to: string;
}

/** The most that one CopyObject copies. */
const mostBytes = 5 * 2 ** 30;

/**
 * Copies an object between two buckets or prefixes of one server, in one request; false for an object that is too
 * large for that, and for one of another server.
 *
 * @throws `OBJECT_NOT_FOUND`, and as every write
 */
export async function copyOnServer(
  location: S3Location,
  { origin, from, to }: ServerCopy,
  options?: ReadOptions,
): Promise<boolean> {
  const { connection, bucket, keyPrefix, world } = location;
  if (origin.connection !== connection || from.size > mostBytes) return false;
  const source = `${origin.bucket}/${origin.keyPrefix}${from.path}`;
  const command = {
    Bucket: bucket,
    Key: keyPrefix + to,
    CopySource: source.split("/").map(encodeURIComponent).join("/"),
    ...payer(connection),
  };
  const { signal } = options ?? {};
  const purpose = purposeOf(location, "copy to", to);
  try {
    const outcome = await attemptRepeatedly(connection, world, purpose, signal, () =>
      connection.client.send(new connection.sdk.CopyObjectCommand(command), abortable(signal)),
    );
    if (outcome.ok) return true;
    if (outcome.failure.kind === "missing") throw objectNotFound(origin.uri, from.path);
    throw failureError(outcome.failure, location.uri, "copy to", to);
  } catch (error) {
    // Servers that do not have the request.
    if (isVarveError(error) && error.data["status"] === 501) return false;
    throw error;
  }
}
