import {
  Agent,
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import { generator } from "./generator.ts";

/** What the proxy can do to one request. */
export const proxyFaults = [
  /** Carried out; the connection is reset before a byte of the answer. */
  "reply-dropped",
  /** Carried out; the answer says 500. */
  "reply-replaced",
  /** 500 or 503 for this request and the next few, none of which is carried out. */
  "error-burst",
  /** Half of the request reaches the server, then both connections are reset. */
  "reset-in-request",
  /** Carried out; the connection is reset after half of the answer. */
  "reset-in-response",
  /** Carried out; the connection is closed in good order after half of the body. */
  "truncated-body",
  /** Sent twice at once; the answer is either's. */
  "duplicate",
  /** Answered, and sent once more a while later. */
  "late-duplicate",
  /** The body comes in pieces with pauses. */
  "slow-body",
] as const;

/** One of {@link proxyFaults}. */
export type ProxyFault = (typeof proxyFaults)[number];

/** Chance of each fault for one request; what is not named never happens. */
export type FaultRates = Partial<Readonly<Record<ProxyFault, number>>>;

/** A running proxy. */
export interface FaultProxy {
  readonly endpoint: string;
  /**
   * How often each fault has happened, whole: a fault that needs a body is not counted for a request without
   * one.
   */
  readonly counts: Readonly<Record<ProxyFault, number>>;
  /** Requests that came. */
  readonly requests: number;
  setRates(rates: FaultRates): void;
  /** Waits for late duplicates, then ends every connection. */
  close(): Promise<void>;
}

interface Message {
  readonly method: string;
  readonly target: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/**
 * A proxy on loopback before an HTTP server, such as S3, that does to requests what networks and busy servers
 * do, by a seed.
 *
 * The Host header passes unchanged, so that signatures hold.
 */
export async function startFaultProxy(options: {
  /** URL of the server. */
  readonly target: string;
  readonly seed: number;
  readonly rates: FaultRates;
}): Promise<FaultProxy> {
  const proxy = new LoopbackProxy(new URL(options.target), options.seed, options.rates);
  await proxy.listen();
  return proxy;
}

class LoopbackProxy implements FaultProxy {
  readonly counts = Object.fromEntries(proxyFaults.map((kind) => [kind, 0])) as Record<ProxyFault, number>;
  requests = 0;
  readonly #target: URL;
  readonly #random: () => number;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #late = new Set<Promise<unknown>>();
  readonly #server = createServer((incoming, outgoing) => {
    this.#serve(incoming, outgoing).catch(() => {
      // Client or server broke the connection: the other side gets to see just that.
      outgoing.destroy();
    });
  });
  #rates: FaultRates;
  #burst = 0;

  constructor(target: URL, seed: number, rates: FaultRates) {
    this.#target = target;
    this.#random = generator(seed);
    this.#rates = rates;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  setRates(rates: FaultRates): void {
    this.#rates = rates;
    this.#burst = 0;
  }

  async listen(): Promise<void> {
    this.#server.keepAliveTimeout = 60_000;
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(0, "127.0.0.1", () => resolve());
    });
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#late);
    this.#agent.destroy();
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  async #serve(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    this.requests++;
    const message = await readMessage(incoming);
    const fault = this.#choose();
    if (fault === "error-burst") {
      this.counts[fault]++;
      const status = this.#random() < 0.5 ? 500 : 503;
      outgoing.writeHead(status, { "Content-Type": "application/xml" });
      outgoing.end(message.method === "HEAD" ? undefined : errorBody(status));
      return;
    }
    if (fault === "reset-in-request") {
      this.counts[fault]++;
      await this.#sendHalf(message);
      incoming.socket.resetAndDestroy();
      return;
    }
    const answer = await this.#carryOut(message, fault);
    await this.#reply({ incoming, outgoing, message }, answer, fault);
  }

  /** The fault of the next request; a burst goes on until it is over. */
  #choose(): ProxyFault | undefined {
    if (this.#burst > 0) {
      this.#burst--;
      return "error-burst";
    }
    let draw = this.#random();
    for (const kind of proxyFaults) {
      draw -= this.#rates[kind] ?? 0;
      if (draw >= 0) continue;
      if (kind === "error-burst") this.#burst = Math.floor(this.#random() * 4);
      return kind;
    }
    return undefined;
  }

  async #carryOut(message: Message, fault: ProxyFault | undefined): Promise<Answer> {
    if (fault === "duplicate") {
      this.counts[fault]++;
      const answers = await Promise.all([this.#send(message), this.#send(message)]);
      return answers[this.#random() < 0.5 ? 0 : 1];
    }
    const answer = await this.#send(message);
    if (fault === "late-duplicate") {
      this.counts[fault]++;
      const late = new Promise((resolve) => setTimeout(resolve, this.#random() * 2000)).then(() =>
        this.#send(message),
      );
      this.#late.add(late);
      late.catch(() => undefined).finally(() => this.#late.delete(late));
    }
    return answer;
  }

  async #reply(
    { incoming, outgoing, message }: Exchange,
    answer: Answer,
    fault: ProxyFault | undefined,
  ): Promise<void> {
    if (fault === "reply-dropped") {
      this.counts[fault]++;
      incoming.socket.resetAndDestroy();
      return;
    }
    if (fault === "reply-replaced") {
      this.counts[fault]++;
      outgoing.writeHead(500, { "Content-Type": "application/xml" });
      outgoing.end(message.method === "HEAD" ? undefined : errorBody(500));
      return;
    }
    const hasBody = message.method !== "HEAD" && answer.body.length > 1;
    const half = answer.body.subarray(0, answer.body.length >> 1);
    outgoing.writeHead(answer.status, plainHeaders(answer.headers));
    if (hasBody && (fault === "reset-in-response" || fault === "truncated-body")) {
      this.counts[fault]++;
      await new Promise<void>((resolve) => outgoing.write(half, () => resolve()));
      if (fault === "reset-in-response") incoming.socket.resetAndDestroy();
      else incoming.socket.end();
    } else if (hasBody && fault === "slow-body") {
      this.counts[fault]++;
      await writeSlowly(outgoing, answer.body);
    } else outgoing.end(message.method === "HEAD" ? undefined : answer.body);
  }

  #send({ method, target, headers, body }: Message): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const sent = this.#open(method, target, headers, (answer) => {
        readMessage(answer).then(
          (read) => resolve({ status: answer.statusCode ?? 502, headers: answer.headers, body: read.body }),
          reject,
        );
      });
      sent.once("error", reject);
      sent.end(body);
    });
  }

  /** Sends the head and half of the body, and resets the connection. */
  #sendHalf({ method, target, headers, body }: Message): Promise<void> {
    return new Promise((resolve) => {
      const sent = this.#open(method, target, headers, () => undefined);
      sent.once("error", () => resolve());
      if (body.length < 2) {
        sent.destroy();
        resolve();
      } else {
        sent.write(body.subarray(0, body.length >> 1), () => {
          sent.destroy();
          resolve();
        });
      }
    });
  }

  #open(
    method: string,
    path: string,
    headers: IncomingHttpHeaders,
    answered: (answer: IncomingMessage) => void,
  ) {
    const { hostname, port } = this.#target;
    return request(
      { hostname, port, method, path, headers: plainHeaders(headers), agent: this.#agent },
      answered,
    );
  }
}

interface Exchange {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
  readonly message: Message;
}

async function readMessage(incoming: IncomingMessage): Promise<Message> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk);
  return {
    method: incoming.method ?? "GET",
    target: incoming.url ?? "/",
    headers: incoming.headers,
    body: Buffer.concat(chunks),
  };
}

/** Headers but those that belong to one connection: bodies are passed on whole, with their length. */
function plainHeaders(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  const {
    connection: _connection,
    "keep-alive": _keepAlive,
    "transfer-encoding": _encoding,
    expect: _expect,
    ...rest
  } = headers;
  return rest;
}

async function writeSlowly(outgoing: ServerResponse, body: Buffer): Promise<void> {
  const size = Math.ceil(body.length / 4);
  for (let start = 0; start < body.length; start += size) {
    outgoing.write(body.subarray(start, start + size));
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  outgoing.end();
}

function errorBody(status: number): string {
  return `<Error><Code>${status === 503 ? "SlowDown" : "InternalError"}</Code><Message>Injected by the fault proxy</Message></Error>`;
}
