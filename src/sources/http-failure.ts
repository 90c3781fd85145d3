import { STATUS_CODES } from "node:http";
import { VarveError } from "../errors.ts";

/** What is said of a failed HTTP request: nothing that the server wrote, and no address. */
export interface FailureDetails {
  /** What happened, as the end of a sentence. */
  readonly what: string;
  readonly remedy: string;
  /** Whether a later attempt may succeed. */
  readonly passing: boolean;
  readonly status?: number | undefined;
  /** Name of the system's or the network's error. */
  readonly code?: string | undefined;
  /** Milliseconds that the server asked to wait. */
  readonly retryAfterMilliseconds?: number | undefined;
}

/** A failed HTTP request. */
export class HttpFailure extends Error {
  readonly details: FailureDetails;

  constructor(details: FailureDetails) {
    super(details.what);
    this.name = "HttpFailure";
    this.details = details;
  }
}

const passingStatuses: ReadonlySet<number> = new Set([408, 425, 429, 500, 502, 503, 504]);
const passingCodes: ReadonlySet<string> = new Set([
  "ECONNABORTED",
  "ECONNREFUSED",
  "ECONNRESET",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETDOWN",
  "ENETUNREACH",
  "EPIPE",
  "ETIMEDOUT",
  "ERR_STREAM_PREMATURE_CLOSE",
]);
const later = "Retry later.";

/** The failure that a status means, other than the one that was hoped for. */
export function statusFailure(status: number, retryAfter: string | undefined): HttpFailure {
  const seconds = Number(retryAfter);
  const passing = passingStatuses.has(status);
  const phrase = STATUS_CODES[status];
  return new HttpFailure({
    what: `the server answered ${status}${phrase === undefined ? "" : ` (${phrase})`}`,
    remedy: passing ? later : remedyFor(status),
    passing,
    status,
    retryAfterMilliseconds: seconds > 0 ? seconds * 1000 : 0,
  });
}

/** The failure of a file that is not the one whose first bytes were read. */
export function changed(): HttpFailure {
  return new HttpFailure({
    what: "the file was replaced while it was being read",
    remedy: "Retry when it no longer changes.",
    passing: false,
  });
}

/** The failure of an answer that ended early or did not end. */
export function wrongLength(received: number, promised: number): HttpFailure {
  return new HttpFailure({
    what: `the answer has ${received} bytes of the ${promised} that it promised`,
    remedy: later,
    passing: true,
    code: "TruncatedBody",
  });
}

/** Reads an error of the network; `undefined` for anything else. */
export function networkFailure(error: unknown): HttpFailure | undefined {
  if (error instanceof HttpFailure) return error;
  if (!(error instanceof Error) || !("code" in error) || typeof error.code !== "string") return undefined;
  const { code, message } = error;
  return new HttpFailure({
    what: message === "" || message.includes(code) ? message || code : `${message} (${code})`,
    remedy: remedyForCode(code),
    passing: passingCodes.has(code),
    code,
  });
}

/** The typed error for a failure that is final. */
export function unreadableAddress(name: string, failure: HttpFailure, attempts: number): VarveError {
  const { what, remedy, status, code } = failure.details;
  const times = attempts > 1 ? `, in ${attempts} attempts` : "";
  const message = `Cannot read ${name}: ${what}${times}. ${remedy}`;
  return new VarveError("SOURCE_UNREADABLE", message, { file: name, status, code }, failure);
}

function remedyFor(status: number): string {
  if (status === 401 || status === 403)
    return "Check that this address may be read; a signed address is valid for a limited time.";
  if (status === 404 || status === 410) return "Check the address.";
  return "Read it by other means and pipe it to varve with - as the file.";
}

function remedyForCode(code: string): string {
  if (code === "ENOTFOUND") return "Check the name of the host.";
  if (passingCodes.has(code)) return later;
  if (/CERT|TLS|SSL|SIGNATURE|EPROTO/.test(code))
    return "Name the authority that signed the server's certificate in NODE_EXTRA_CA_CERTS.";
  return "Check the address.";
}
