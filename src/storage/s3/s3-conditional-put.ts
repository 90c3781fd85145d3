import { VarveError } from "../../errors.ts";
import { throwIfCancelled } from "../../util/cancel.ts";
import type { World } from "../../util/world.ts";
import type { PutIfAbsentOutcome, ReadOptions } from "../contract/object-store.ts";
import { checkPath, privateNamePrefix } from "../contract/paths.ts";
import {
  type Attempt,
  attemptOnce,
  noteThrottling,
  type Purpose,
  type S3Connection,
  sleep,
} from "./s3-connection.ts";
import { failureError } from "./s3-errors.ts";

/** Where an S3 store puts its objects. */
export interface S3Location {
  readonly connection: S3Connection;
  readonly world: World;
  readonly bucket: string;
  /** Empty or ending with a slash. */
  readonly keyPrefix: string;
  readonly uri: string;
}

const probeRounds = 8;
const doubtsRemembered = 1000;

/** Answers by server and bucket, for the whole process. */
const honoured = new WeakMap<S3Connection, Map<string, Promise<void>>>();

/**
 * Creates objects by one PutObject with If-None-Match each.
 *
 * A 412 means `exists` only while no earlier attempt of ours at that path is undecided; after one, the object
 * may be ours.
 */
export class ConditionalPut {
  readonly #location: S3Location;
  /** Paths at which an attempt of ours may have landed, oldest first. */
  readonly #inDoubt = new Set<string>();

  constructor(location: S3Location) {
    this.#location = location;
  }

  /**
   * See `ObjectStore.putIfAbsent`. @throws `STORE_NO_CONDITIONAL_PUT`, `STORE_REFUSED`, `CANCELLED` before
   * anything was sent
   */
  async create(path: string, bytes: Uint8Array, options?: ReadOptions): Promise<PutIfAbsentOutcome> {
    checkPath(path);
    await this.#checkServer(options?.signal);
    const outcome = await putConditionally(this.#location, path, bytes, options?.signal);
    if (outcome.ok) return "created";
    const { failure } = outcome;
    if (failure.kind === "precondition") return this.#inDoubt.has(path) ? "unknown" : "exists";
    if (failure.status === 501) throw notHonoured(this.#location, "it answers 501 to If-None-Match");
    if (failure.kind === "refused" || failure.kind === "missing")
      throw failureError(failure, this.#location.uri, "create", path);
    noteThrottling(this.#location.connection, this.#location.world, failure);
    this.#doubt(path);
    return "unknown";
  }

  #doubt(path: string): void {
    this.#inDoubt.add(path);
    const [oldest] = this.#inDoubt;
    if (this.#inDoubt.size > doubtsRemembered && oldest !== undefined) this.#inDoubt.delete(oldest);
  }

  /** Runs once per server and bucket. AWS itself is known to honour the condition. */
  async #checkServer(signal: AbortSignal | undefined): Promise<void> {
    const { connection, bucket } = this.#location;
    if (await isAws(connection)) return;
    const known = honoured.get(connection) ?? new Map<string, Promise<void>>();
    honoured.set(connection, known);
    const checking = known.get(bucket) ?? probe(this.#location, signal);
    known.set(bucket, checking);
    try {
      await checking;
    } catch (error) {
      // Only a result is kept: an interrupted probe says nothing about the server.
      if (!(error instanceof VarveError && error.code === "STORE_NO_CONDITIONAL_PUT")) known.delete(bucket);
      throw error;
    }
  }
}

/** Writes a temporary object twice under the condition; the second write must be refused with 412. */
async function probe(location: S3Location, signal: AbortSignal | undefined): Promise<void> {
  const path = `_delta_log/${privateNamePrefix}probe-${location.world.uuid()}`;
  // Nothing was written, so there is nothing to remove.
  throwIfCancelled(signal, `waiting to create ${path}`);
  let written = false;
  try {
    for (let round = 1; ; round++) {
      const outcome = await putConditionally(location, path, new Uint8Array(), signal);
      if (outcome.ok && written)
        throw notHonoured(location, "it overwrote an object in spite of If-None-Match: *");
      if (outcome.ok) {
        written = true;
        continue;
      }
      const { failure } = outcome;
      if (failure.kind === "precondition") return;
      if (failure.status === 501) throw notHonoured(location, "it answers 501 to If-None-Match");
      if (failure.kind === "refused" || failure.kind === "missing" || round >= probeRounds) {
        throw failureError(failure, location.uri, "test conditional writes with", path);
      }
      noteThrottling(location.connection, location.world, failure);
      await sleep(
        location.world,
        location.world.random() * 100 * 2 ** round,
        purposeOf(location, "create", path),
        signal,
      );
    }
  } finally {
    await removeProbe(location, path);
  }
}

/** Best effort: readers and listings skip the probe's name, and a failure here must not hide the result. */
async function removeProbe(location: S3Location, path: string): Promise<void> {
  const { connection, bucket, keyPrefix } = location;
  const command = new connection.sdk.DeleteObjectCommand({
    Bucket: bucket,
    Key: keyPrefix + path,
    ...payer(connection),
  });
  await attemptOnce(connection, location.world, purposeOf(location, "delete", path), undefined, () =>
    connection.client.send(command),
  );
}

async function putConditionally(
  location: S3Location,
  path: string,
  bytes: Uint8Array,
  signal: AbortSignal | undefined,
): Promise<Attempt<unknown>> {
  const { connection, bucket, keyPrefix } = location;
  const command = new connection.sdk.PutObjectCommand({
    Bucket: bucket,
    Key: keyPrefix + path,
    Body: bytes,
    IfNoneMatch: "*",
    ...payer(connection),
  });
  return await attemptOnce(connection, location.world, purposeOf(location, "create", path), signal, () =>
    connection.client.send(command, abortable(signal)),
  );
}

/** The parameter of every request that agrees to pay. */
export function payer(connection: S3Connection): { RequestPayer?: "requester" } {
  return connection.options.requesterPays === true ? { RequestPayer: "requester" } : {};
}

/** The SDK's spelling of an optional abort signal. */
export function abortable(signal: AbortSignal | undefined): { abortSignal?: AbortSignal } {
  return signal === undefined ? {} : { abortSignal: signal };
}

/** See {@link Purpose}. */
export function purposeOf(location: S3Location, action: string, path: string): Purpose {
  return { action, path, store: location.uri };
}

/**
 * Whether requests definitely go to AWS; `AWS_ENDPOINT_URL` and profiles may name another server, which only
 * the SDK knows.
 */
async function isAws(connection: S3Connection): Promise<boolean> {
  const { endpoint } = connection.options;
  if (endpoint !== undefined) return /^https:\/\/([^/]*\.)?amazonaws\.com(\.cn)?(:\d+)?(\/|$)/.test(endpoint);
  const configured: unknown = Reflect.get(connection.client.config, "serviceConfiguredEndpoint");
  return typeof configured === "function" && (await configured()) === undefined;
}

function notHonoured(location: S3Location, why: string): VarveError {
  const message = `Cannot write tables to ${location.uri}: ${why}, so two writers could both create the same version. Use a store with conditional writes; reading works.`;
  return new VarveError("STORE_NO_CONDITIONAL_PUT", message, { store: location.uri, why });
}
