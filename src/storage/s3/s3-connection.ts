import { isVarveError } from "../../errors.ts";
import { cancelled, throwIfCancelled } from "../../util/cancel.ts";
import { defined } from "../../util/defined.ts";
import type { World } from "../../util/world.ts";
import { failureError, readFailure, type S3Failure } from "./s3-errors.ts";
import type { RetryPolicy, S3Credentials, S3Options } from "./s3-options.ts";

/** The SDK, loaded when the first S3 table is opened, so that commands on local tables do not pay for it. */
export type Sdk = typeof import("@aws-sdk/client-s3");

/** One client of one S3-compatible server, with its own retries disabled. */
export interface S3Connection {
  readonly sdk: Sdk;
  readonly client: InstanceType<Sdk["S3Client"]>;
  readonly options: S3Options;
  readonly redact: (text: string) => string;
  readonly throttle: Throttle;
}

/** An answer, or the failure. */
export type Attempt<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly failure: S3Failure };

/** Purpose of a request, for messages. */
export interface Purpose {
  /** A verb: `read`, `write`, `list`. */
  readonly action: string;
  readonly path: string;
  /** The store's URI. */
  readonly store: string;
}

/** How long requests wait because the server asked to slow down; shared by all requests on one connection. */
class Throttle {
  #until = 0;

  /** Milliseconds left to wait at `now`. */
  wait(now: number): number {
    return Math.max(0, this.#until - now);
  }

  extend(until: number): void {
    this.#until = Math.max(this.#until, until);
  }
}

/** Loads the SDK and creates a client; nothing is sent. */
export async function connect(options: S3Options): Promise<S3Connection> {
  const sdk = await import("@aws-sdk/client-s3");
  const { credentials, endpoint } = options;
  const region = options.region ?? (endpoint === undefined ? undefined : "us-east-1");
  const client = new sdk.S3Client({
    maxAttempts: 1,
    // Checksums beyond the signed payload hash are not understood by every S3-compatible server.
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
    followRegionRedirects: endpoint === undefined,
    forcePathStyle: options.pathStyle ?? endpoint !== undefined,
    requestHandler: { connectionTimeout: 10_000, socketTimeout: options.idleTimeoutMilliseconds ?? 30_000 },
    ...defined({ region, endpoint }),
    ...(credentials === undefined
      ? {}
      : credentials === "anonymous"
        ? anonymous
        : { credentials: defined({ ...credentials }) }),
  });
  return { sdk, client, options, redact: redactor(credentials), throttle: new Throttle() };
}

/**
 * Makes one attempt; never throws for an answer of the server or an error of the network. @throws `CANCELLED`
 * before anything was sent
 */
export async function attemptOnce<T>(
  connection: S3Connection,
  world: World,
  purpose: Purpose,
  signal: AbortSignal | undefined,
  send: () => Promise<T>,
): Promise<Attempt<T>> {
  throwIfCancelled(signal, `waiting to ${purpose.action} ${purpose.path}`);
  const wait = connection.throttle.wait(world.now());
  if (wait > 0) await sleep(world, wait, purpose, signal);
  try {
    return { ok: true, value: await send() };
  } catch (error) {
    if (isVarveError(error)) throw error;
    return { ok: false, failure: readFailure(error, connection.redact) };
  }
}

/**
 * Makes attempts until there is a definite answer or the policy's attempts are used up.
 *
 * @throws `STORE_UNAVAILABLE` then, `STORE_REFUSED` for what cannot succeed, `CANCELLED`; `missing`,
 * `precondition` and `range` are returned
 */
export async function attemptRepeatedly<T>(
  connection: S3Connection,
  world: World,
  purpose: Purpose,
  signal: AbortSignal | undefined,
  send: () => Promise<T>,
): Promise<Attempt<T>> {
  const policy = retryPolicy(connection.options);
  for (let attempt = 1; ; attempt++) {
    const outcome = await attemptOnce(connection, world, purpose, signal, send);
    if (outcome.ok) return outcome;
    if (signal?.aborted) throw cancelled(`trying to ${purpose.action} ${purpose.path}`, signal.reason);
    const { failure } = outcome;
    if (failure.kind === "missing" || failure.kind === "precondition" || failure.kind === "range")
      return outcome;
    if (failure.kind === "refused" || attempt >= policy.attempts) {
      throw failureError(failure, purpose.store, purpose.action, purpose.path);
    }
    const delay = backoff(policy, failure, attempt, world);
    if (failure.kind === "throttled") connection.throttle.extend(world.now() + delay);
    await sleep(world, delay, purpose, signal);
  }
}

/** Like {@link attemptRepeatedly}, for requests whose target must exist. */
export async function attemptDefinitely<T>(
  connection: S3Connection,
  world: World,
  purpose: Purpose,
  signal: AbortSignal | undefined,
  send: () => Promise<T>,
): Promise<T> {
  const outcome = await attemptRepeatedly(connection, world, purpose, signal, send);
  if (outcome.ok) return outcome.value;
  throw failureError(outcome.failure, purpose.store, purpose.action, purpose.path);
}

/** Records that the server throttled a request that is not repeated here, so that the next one waits. */
export function noteThrottling(connection: S3Connection, world: World, failure: S3Failure): void {
  if (failure.kind !== "throttled") return;
  connection.throttle.extend(world.now() + backoff(retryPolicy(connection.options), failure, 1, world));
}

function retryPolicy(options: S3Options): RetryPolicy {
  return {
    attempts: Math.max(1, options.retry?.attempts ?? 8),
    baseMilliseconds: options.retry?.baseMilliseconds ?? 50,
    capMilliseconds: options.retry?.capMilliseconds ?? 10_000,
  };
}

function backoff(policy: RetryPolicy, failure: S3Failure, attempt: number, world: World): number {
  const base = failure.kind === "throttled" ? policy.baseMilliseconds * 10 : policy.baseMilliseconds;
  const jittered = world.random() * Math.min(policy.capMilliseconds, base * 2 ** (attempt - 1));
  return Math.max(jittered, Math.min(failure.retryAfterMilliseconds, policy.capMilliseconds));
}

/** Waits; throws `CANCELLED` if aborted meanwhile. */
export async function sleep(
  world: World,
  milliseconds: number,
  purpose: Purpose,
  signal: AbortSignal | undefined,
): Promise<void> {
  try {
    await world.sleep(milliseconds, signal);
  } catch (error) {
    throw cancelled(`waiting to ${purpose.action} ${purpose.path}`, error);
  }
}

/** Unsigned requests; the SDK still needs an identity. */
const anonymous = {
  credentials: { accessKeyId: "anonymous", secretAccessKey: "anonymous" },
  signer: { sign: async <T>(request: T): Promise<T> => request },
};

/** Servers may repeat keys in error messages. */
function redactor(credentials: S3Credentials | "anonymous" | undefined): (text: string) => string {
  const secrets: string[] = [];
  if (typeof credentials === "object") {
    secrets.push(credentials.secretAccessKey, credentials.accessKeyId);
    if (credentials.sessionToken !== undefined) secrets.push(credentials.sessionToken);
  }
  const known = secrets.filter((secret) => secret !== "");
  return (text) =>
    known
      .reduce((shown, secret) => shown.replaceAll(secret, "***"), text)
      .replace(/\b(AKIA|ASIA)[A-Z0-9]{12,}\b/g, "***")
      .replace(/((?:Signature|Security-Token|Credential)=)[^&\s,]+/gi, "$1***");
}
