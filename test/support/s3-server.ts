import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { S3Options } from "../../src/storage/s3/s3-options.ts";
import { Bucket, S3Error } from "./s3-bucket.ts";
import { type Behaviour, errorAnswer, perform, type S3Answer, type S3Request } from "./s3-requests.ts";
import { signatureProblem } from "./s3-signature.ts";

/** How to start a server; it listens on loopback only and keeps everything in memory. */
export interface S3ServerOptions extends Partial<Behaviour> {
  /** Buckets that exist from the start; default `bucket`. */
  readonly buckets?: readonly string[];
  /** Added before every request is carried out. */
  readonly latencyMilliseconds?: number;
}

/** What goes wrong with one request. */
export type Fault =
  /**
   * An error answer instead of carrying the request out, for example 503 SlowDown or 409
   * ConditionalRequestConflict.
   */
  | {
      readonly kind: "answer";
      readonly status: number;
      readonly code: string;
      readonly message?: string;
      readonly retryAfterSeconds?: number;
    }
  /** Status 200 with this body, instead of carrying the request out. */
  | { readonly kind: "success"; readonly body: string }
  /** The request is carried out, then answered with an error. */
  | { readonly kind: "answer-after"; readonly status: number; readonly code: string }
  /** The connection is reset, without or after carrying the request out. */
  | { readonly kind: "reset-before" | "reset-after" }
  /** No answer ever, without or after carrying the request out; `act` runs then. */
  | { readonly kind: "hang-before" | "hang-after"; readonly act?: () => void }
  /** Half of the body, then the connection ends. */
  | { readonly kind: "truncate" }
  /** Half of the body, then nothing. */
  | { readonly kind: "stall" }
  /** The body in pieces with pauses. */
  | { readonly kind: "dribble"; readonly pieces: number; readonly pauseMilliseconds: number };

/** A line of the request log. */
export interface LoggedRequest {
  readonly method: string;
  readonly bucket: string;
  readonly key: string;
  readonly query: Readonly<Record<string, string>>;
  readonly ifNoneMatch: string | undefined;
  readonly range: string | undefined;
  readonly requestPayer: string | undefined;
  readonly bytesIn: number;
  /** `undefined` while it is under way or when it was never answered. */
  status: number | undefined;
  bytesOut: number;
}

/** A running server. */
export interface S3Server {
  /** Options with which `s3Store` reaches it. */
  readonly options: S3Options & {
    readonly endpoint: string;
    readonly region: string;
    readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  };
  readonly buckets: Map<string, Bucket>;
  readonly log: LoggedRequest[];
  /** The next `times` requests (default one) that `matches` meet `fault`. */
  inject(fault: Fault, matches?: (request: S3Request) => boolean, times?: number): void;
  setLatency(milliseconds: number): void;
  close(): Promise<void>;
}

interface Rule {
  readonly fault: Fault;
  readonly matches: (request: S3Request) => boolean;
  left: number;
}

const signingKey = { accessKeyId: "testkey", secretAccessKey: "testsecret", region: "us-east-1" };

/**
 * An S3 server for tests that need nothing but Node, written from the Amazon S3 API Reference.
 *
 * Signatures are verified, If-None-Match is decided in the tick of the write, listings are in UTF-8 byte
 * order; the storage contract suite runs against it and against Ceph alike.
 */
export async function startS3Server(options: S3ServerOptions = {}): Promise<S3Server> {
  const behaviour: Behaviour = {
    conditionalPut: options.conditionalPut ?? "honour",
    ranges: options.ranges ?? "honour",
    pageCap: options.pageCap ?? 1000,
  };
  const buckets = new Map((options.buckets ?? ["bucket"]).map((name) => [name, new Bucket()]));
  const log: LoggedRequest[] = [];
  const rules: Rule[] = [];
  let latency = options.latencyMilliseconds ?? 0;
  const server = createServer((incoming, outgoing) => {
    void serve({ buckets, log, rules, behaviour, latency }, incoming, outgoing).catch((error: unknown) => {
      outgoing.destroy(error instanceof Error ? error : new Error(String(error)));
    });
  });
  server.keepAliveTimeout = 60_000;
  const port = await listen(server);
  return {
    options: {
      endpoint: `http://127.0.0.1:${port}`,
      region: signingKey.region,
      credentials: { accessKeyId: signingKey.accessKeyId, secretAccessKey: signingKey.secretAccessKey },
    },
    buckets,
    log,
    inject: (fault, matches = () => true, times = 1) => {
      rules.push({ fault, matches, left: times });
    },
    setLatency: (milliseconds) => {
      latency = milliseconds;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

interface State {
  readonly buckets: Map<string, Bucket>;
  readonly log: LoggedRequest[];
  readonly rules: Rule[];
  readonly behaviour: Behaviour;
  readonly latency: number;
}

async function serve(state: State, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  const body = await readBody(incoming);
  const request = parseRequest(incoming, body);
  const line = logLine(request);
  state.log.push(line);
  if (state.latency > 0) await new Promise((resolve) => setTimeout(resolve, state.latency));
  const rule = state.rules.find((candidate) => candidate.left > 0 && candidate.matches(request));
  if (rule !== undefined) rule.left--;
  const fault = rule?.fault;
  if (fault?.kind === "hang-before") {
    fault.act?.();
    return;
  }
  if (fault?.kind === "reset-before") {
    incoming.socket.resetAndDestroy();
    return;
  }
  const answer = answerOf(state, incoming, request, body, fault);
  if (fault?.kind === "hang-after") {
    fault.act?.();
    return;
  }
  if (fault?.kind === "reset-after") {
    incoming.socket.resetAndDestroy();
    return;
  }
  line.status = answer.status;
  line.bytesOut = answer.body.length;
  await write(outgoing, answer, request, fault);
}

function answerOf(
  state: State,
  incoming: IncomingMessage,
  request: S3Request,
  body: Buffer,
  fault: Fault | undefined,
): S3Answer {
  try {
    const problem = signatureProblem(
      { method: request.method, target: incoming.url ?? "", headers: incoming.headers, body },
      signingKey,
    );
    if (problem !== undefined) throw new S3Error(problem.status, problem.code, problem.message);
    if (fault?.kind === "answer") throw new S3Error(fault.status, fault.code, fault.message ?? "Injected");
    if (fault?.kind === "success")
      return {
        status: 200,
        headers: { "Content-Type": "application/xml" },
        body: Buffer.from(fault.body),
      };
    const answer = perform(state.buckets, request, state.behaviour, () => new Bucket());
    if (fault?.kind === "answer-after")
      throw new S3Error(fault.status, fault.code, "Injected after the fact");
    return answer;
  } catch (error) {
    if (!(error instanceof S3Error)) throw error;
    const answer = errorAnswer(error, request);
    if (fault?.kind !== "answer" || fault.retryAfterSeconds === undefined) return answer;
    return { ...answer, headers: { ...answer.headers, "Retry-After": String(fault.retryAfterSeconds) } };
  }
}

async function write(
  outgoing: ServerResponse,
  answer: S3Answer,
  request: S3Request,
  fault: Fault | undefined,
): Promise<void> {
  outgoing.writeHead(answer.status, {
    ...answer.headers,
    ...(answer.status === 204 || answer.status === 304
      ? {}
      : { "Content-Length": String(answer.body.length) }),
    "x-amz-request-id": "0000000000000000",
  });
  const body = request.method === "HEAD" ? Buffer.alloc(0) : answer.body;
  const half = body.subarray(0, Math.floor(body.length / 2));
  if (fault?.kind === "truncate") outgoing.write(half, () => outgoing.destroy());
  else if (fault?.kind === "stall") outgoing.write(half);
  else if (fault?.kind === "dribble") await dribble(outgoing, body, fault.pieces, fault.pauseMilliseconds);
  else outgoing.end(body);
}

async function dribble(
  outgoing: ServerResponse,
  body: Buffer,
  pieces: number,
  pauseMilliseconds: number,
): Promise<void> {
  const size = Math.max(1, Math.ceil(body.length / pieces));
  for (let start = 0; start < body.length; start += size) {
    outgoing.write(body.subarray(start, start + size));
    await new Promise((resolve) => setTimeout(resolve, pauseMilliseconds));
  }
  outgoing.end();
}

function parseRequest(incoming: IncomingMessage, body: Buffer): S3Request {
  const [path = "", query = ""] = (incoming.url ?? "/").split(/\?(.*)/s, 2);
  const [bucket = "", ...rest] = path.slice(1).split("/");
  return {
    method: incoming.method ?? "GET",
    bucket: decodeURIComponent(bucket),
    key: decodeURIComponent(rest.join("/")),
    query: new Map(new URLSearchParams(query)),
    header: (name) => {
      const value = incoming.headers[name];
      return typeof value === "string" ? value : undefined;
    },
    body,
  };
}

function logLine(request: S3Request): LoggedRequest {
  return {
    method: request.method,
    bucket: request.bucket,
    key: request.key,
    query: Object.fromEntries(request.query),
    ifNoneMatch: request.header("if-none-match"),
    range: request.header("range"),
    requestPayer: request.header("x-amz-request-payer"),
    bytesIn: request.body.length,
    status: undefined,
    bytesOut: 0,
  };
}

async function readBody(incoming: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function listen(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      if (typeof address === "object" && address !== null) resolve(address.port);
      else reject(new Error("the server has no port"));
    });
  });
}
