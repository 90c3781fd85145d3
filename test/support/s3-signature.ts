import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";

/** A request as the signature covers it. */
export interface SignedRequest {
  readonly method: string;
  /** The request target as it came over the wire: path and query, percent-encoded. */
  readonly target: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** Key pair and scope that the server accepts. */
export interface SigningKey {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly region: string;
}

/** Why a signature was not accepted, as S3 names it. */
export interface SignatureProblem {
  readonly status: number;
  readonly code: string;
  readonly message: string;
}

const skewMilliseconds = 15 * 60 * 1000;

/**
 * Verifies AWS Signature Version 4 in the Authorization header; `undefined` when it holds.
 *
 * Written from "Signature Calculations for the Authorization Header: Transferring Payload in a Single Chunk"
 * in the Amazon S3 API Reference. Chunked payloads and presigned URLs are refused.
 */
export function signatureProblem(
  request: SignedRequest,
  key: SigningKey,
  now = Date.now(),
): SignatureProblem | undefined {
  const { headers } = request;
  const authorization = parseAuthorization(headers.authorization);
  if (authorization === undefined) return denied("AccessDenied", "No AWS4-HMAC-SHA256 Authorization header.");
  const [accessKeyId, date, region, service, terminator] = authorization.credential.split("/");
  if (accessKeyId !== key.accessKeyId)
    return denied("InvalidAccessKeyId", `The access key ${accessKeyId} does not exist.`);
  if (region !== key.region || service !== "s3" || terminator !== "aws4_request" || date === undefined) {
    return {
      status: 400,
      code: "AuthorizationHeaderMalformed",
      message: `The scope ${authorization.credential} is not this server's.`,
    };
  }
  const time = single(headers["x-amz-date"]);
  const sent = timeOf(time);
  if (sent === undefined || !time.startsWith(date))
    return denied("AccessDenied", "x-amz-date is missing or another day than the scope.");
  if (Math.abs(now - sent) > skewMilliseconds)
    return denied("RequestTimeTooSkewed", "The clocks differ by more than 15 minutes.");
  return (
    payloadProblem(request) ??
    coverageProblem(headers, authorization.signedHeaders) ??
    comparisonProblem(request, authorization, key, { date, region, time })
  );
}

interface Authorization {
  readonly credential: string;
  readonly signedHeaders: readonly string[];
  readonly signature: string;
}

function parseAuthorization(header: string | undefined): Authorization | undefined {
  const match =
    /^AWS4-HMAC-SHA256\s+Credential=([^,\s]+),\s*SignedHeaders=([^,\s]+),\s*Signature=([0-9a-f]{64})$/.exec(
      header ?? "",
    );
  const [, credential, signedHeaders, signature] = match ?? [];
  if (credential === undefined || signedHeaders === undefined || signature === undefined) return undefined;
  return { credential, signedHeaders: signedHeaders.split(";"), signature };
}

function payloadProblem({ headers, body }: SignedRequest): SignatureProblem | undefined {
  const claimed = single(headers["x-amz-content-sha256"]);
  if (claimed === "UNSIGNED-PAYLOAD") return undefined;
  if (claimed.startsWith("STREAMING-"))
    return {
      status: 501,
      code: "NotImplemented",
      message: "Chunked payload signatures are not served here.",
    };
  if (claimed === sha256(body)) return undefined;
  return {
    status: 400,
    code: "XAmzContentSHA256Mismatch",
    message: "x-amz-content-sha256 is not the hash of the body.",
  };
}

/** Host and every x-amz header must be under the signature. */
function coverageProblem(
  headers: IncomingHttpHeaders,
  signedHeaders: readonly string[],
): SignatureProblem | undefined {
  const needed = Object.keys(headers).filter((name) => name === "host" || name.startsWith("x-amz-"));
  const missing = needed.filter((name) => !signedHeaders.includes(name));
  return missing.length === 0
    ? undefined
    : denied("AccessDenied", `Headers are present but not signed: ${missing.join(", ")}.`);
}

function comparisonProblem(
  request: SignedRequest,
  authorization: Authorization,
  key: SigningKey,
  scope: { readonly date: string; readonly region: string; readonly time: string },
): SignatureProblem | undefined {
  const canonical = canonicalRequest(request, authorization.signedHeaders);
  const scopeText = `${scope.date}/${scope.region}/s3/aws4_request`;
  const toSign = ["AWS4-HMAC-SHA256", scope.time, scopeText, sha256(Buffer.from(canonical))].join("\n");
  const dateKey = hmac(`AWS4${key.secretAccessKey}`, scope.date);
  const signingKey = hmac(hmac(hmac(dateKey, scope.region), "s3"), "aws4_request");
  const expected = hmac(signingKey, toSign);
  if (timingSafeEqual(expected, Buffer.from(authorization.signature, "hex"))) return undefined;
  return denied(
    "SignatureDoesNotMatch",
    "The request signature we calculated does not match the signature you provided.",
  );
}

function canonicalRequest(
  { method, target, headers }: SignedRequest,
  signedHeaders: readonly string[],
): string {
  const question = target.indexOf("?");
  const path = question < 0 ? target : target.slice(0, question);
  const query = question < 0 ? "" : target.slice(question + 1);
  const canonicalPath = path
    .split("/")
    .map((segment) => uriEncode(decodeURIComponent(segment)))
    .join("/");
  const canonicalQuery = query
    .split("&")
    .filter((pair) => pair !== "")
    // A query may spell a space as a plus; it is signed as %20.
    .map((pair) =>
      pair.split(/=(.*)/s, 2).map((part) => uriEncode(decodeURIComponent(part.replaceAll("+", " ")))),
    )
    .map(([name = "", value = ""]) => [name, value] as const)
    .sort(([a, x], [b, y]) => (a === b ? order(x, y) : order(a, b)))
    .map(([name, value]) => `${name}=${value}`)
    .join("&");
  const canonicalHeaders = signedHeaders
    .map((name) => `${name}:${single(headers[name]).trim().replace(/ +/g, " ")}\n`)
    .join("");
  return [
    method,
    canonicalPath,
    canonicalQuery,
    canonicalHeaders,
    signedHeaders.join(";"),
    single(headers["x-amz-content-sha256"]),
  ].join("\n");
}

/** The reference's UriEncode: everything but unreserved characters, in upper-case hex of UTF-8. */
function uriEncode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function timeOf(text: string): number | undefined {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text);
  if (match === null) return undefined;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1).map(Number);
  return Date.UTC(year, month - 1, day, hour, minute, second);
}

function order(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function single(value: string | readonly string[] | undefined): string {
  return typeof value === "string" ? value : (value ?? []).join(",");
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}

function denied(code: string, message: string): SignatureProblem {
  return { status: 403, code, message };
}
