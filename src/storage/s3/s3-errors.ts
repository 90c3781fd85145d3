import { type ErrorCode, VarveError } from "../../errors.ts";

/** What a failed S3 request means for its sender. */
export type S3FailureKind =
  /** The object, or the upload, does not exist. */
  | "missing"
  /** 412: the condition did not hold. */
  | "precondition"
  /** 416: the range begins past the object's end. */
  | "range"
  /** The server asks to slow down. */
  | "throttled"
  /** No definite answer: 5xx, 409, timeouts, broken connections. */
  | "unavailable"
  /** Trying again cannot help: permissions, configuration, a missing bucket. */
  | "refused";

/** A failed request, reduced to what may be shown: no headers, no credentials. */
export interface S3Failure {
  readonly kind: S3FailureKind;
  /** S3's error code, or the name of the network error. */
  readonly code: string;
  readonly status: number | undefined;
  readonly requestId: string | undefined;
  readonly message: string;
  /** Milliseconds from the server's `Retry-After`; 0 if there is none, or none in seconds. */
  readonly retryAfterMilliseconds: number;
}

const throttleCodes: ReadonlySet<string> = new Set([
  "SlowDown",
  "Throttling",
  "ThrottlingException",
  "RequestLimitExceeded",
  "TooManyRequests",
]);
const missingCodes: ReadonlySet<string> = new Set(["NoSuchKey", "NotFound", "NoSuchUpload"]);
/**
 * Codes that a later attempt may not get again; the SDK corrects its clock by the answer that reports a skew.
 */
const passingCodes: ReadonlySet<string> = new Set([
  "RequestTimeout",
  "RequestTimeTooSkewed",
  "IncompleteBody",
  "BadDigest",
  "XAmzContentSHA256Mismatch",
]);
/** Codes of stores whose space or quota is used up. */
const fullCodes: ReadonlySet<string> = new Set([
  "QuotaExceeded",
  "InsufficientCapacity",
  "XMinioStorageFull",
  "XMinioAdminBucketQuotaExceeded",
  "ServiceQuotaExceededException",
]);
/** Errors of the SDK before anything is sent. */
const unsentNames: ReadonlySet<string> = new Set(["CredentialsProviderError", "TokenProviderError"]);

/** Reads an error of the SDK. `redact` is applied to its message. */
export function readFailure(error: unknown, redact: (text: string) => string): S3Failure {
  const status = numberAt(error, "$metadata", "httpStatusCode");
  const code = textAt(error, "Code") ?? textAt(error, "code") ?? textAt(error, "name") ?? "Unknown";
  const seconds = Number(textAt(error, "$response", "headers", "retry-after"));
  return {
    kind: kindOf(code, status, textAt(error, "name") ?? "", textAt(error, "message") ?? ""),
    code,
    status,
    requestId: textAt(error, "$metadata", "requestId"),
    message: redact(textAt(error, "message") ?? String(error)),
    retryAfterMilliseconds: seconds > 0 ? seconds * 1000 : 0,
  };
}

/** The typed error for a failure that is final. */
export function failureError(failure: S3Failure, store: string, action: string, path: string): VarveError {
  const code = codeOf(failure);
  const status = failure.status === undefined ? "" : `, HTTP ${failure.status}`;
  const advice = adviceFor(failure);
  const message = `Could not ${action} ${JSON.stringify(path)} in ${store} (${failure.code}${status}): ${failure.message}${/[.!?]$/.test(failure.message) ? "" : "."} ${advice}`;
  const data = { path, store, code: failure.code, status: failure.status, requestId: failure.requestId };
  return new VarveError(code, message, data, safeCause(failure));
}

function codeOf({ kind, code, status }: S3Failure): ErrorCode {
  if (kind !== "refused") return "STORE_UNAVAILABLE";
  if (fullCodes.has(code) || status === 507) return "STORE_FULL";
  return status === 401 || status === 403 || unsentNames.has(code) ? "STORE_FORBIDDEN" : "STORE_REFUSED";
}

/** An error without the SDK's response and request objects, which hold signed headers. */
function safeCause(failure: S3Failure): Error {
  const cause = new Error(failure.message);
  cause.name = failure.code;
  return cause;
}

function kindOf(code: string, status: number | undefined, name: string, message: string): S3FailureKind {
  if (throttleCodes.has(code) || status === 429) return "throttled";
  if (missingCodes.has(code)) return "missing";
  if (status === undefined)
    return unsentNames.has(name) || message === "Region is missing" ? "refused" : "unavailable";
  if (status === 404) return code === "NoSuchBucket" ? "refused" : "missing";
  if (fullCodes.has(code) || status === 507) return "refused";
  if (status === 412) return "precondition";
  if (status === 416) return "range";
  if (status === 501) return "refused";
  if (status === 408 || status === 409 || status >= 500 || status < 300 || passingCodes.has(code))
    return "unavailable";
  return "refused";
}

function adviceFor(failure: S3Failure): string {
  if (failure.kind === "throttled") return "The store is throttling; retry with fewer concurrent requests.";
  if (failure.kind === "unavailable") return "Retry later.";
  if (codeOf(failure) === "STORE_FULL") return "Free some space or raise the quota, and repeat it.";
  if (failure.code === "NoSuchBucket") return "Create the bucket or correct its name.";
  if (failure.status === 301 || failure.status === 307)
    return "The bucket is in another region; set the region.";
  if (failure.message === "Region is missing") return "Set the region.";
  return "Check the credentials, permissions, region and endpoint.";
}

function textAt(value: unknown, ...keys: readonly string[]): string | undefined {
  const text = memberAt(value, keys);
  return typeof text === "string" && text !== "" ? text : undefined;
}

function numberAt(value: unknown, ...keys: readonly string[]): number | undefined {
  const number = memberAt(value, keys);
  return typeof number === "number" ? number : undefined;
}

function memberAt(value: unknown, keys: readonly string[]): unknown {
  return keys.reduce<unknown>(
    (inner, key) => (typeof inner === "object" && inner !== null ? Reflect.get(inner, key) : undefined),
    value,
  );
}
