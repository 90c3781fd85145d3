import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo } from "node:net";

/** A file of a {@link WebServer}. */
export interface WebFile {
  readonly body: Uint8Array;
  /** Whether ranges are answered; default true. */
  readonly ranges?: boolean | undefined;
  /** Default `"1"`; null for none. */
  readonly etag?: string | null | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Whether the answer says how long it is; default true. */
  readonly length?: boolean | undefined;
}

/** What goes wrong with one request. */
export type WebFault =
  | { readonly kind: "answer"; readonly status: number; readonly headers?: Readonly<Record<string, string>> }
  /** Half of the body, then the connection ends. */
  | { readonly kind: "truncate" }
  /** The connection is reset without an answer. */
  | { readonly kind: "reset" }
  /** Half of the body, then nothing; `act` runs then. */
  | { readonly kind: "stall"; readonly act?: () => void };

/** A server of files on loopback. */
export interface WebServer extends AsyncDisposable {
  readonly origin: string;
  readonly files: Map<string, WebFile>;
  /** Requests as they came, with path, query and headers. */
  readonly log: { readonly url: string; readonly headers: IncomingMessage["headers"] }[];
  /** The next `times` requests (default one) for a path meet `fault`. */
  inject(path: string, fault: WebFault, times?: number): void;
  /** Runs before each answer. */
  before: (url: string) => void;
}

/** Starts a server; with a certificate and its key, over TLS. */
export async function startWebServer(
  files: Readonly<Record<string, WebFile | string | Uint8Array>> = {},
  secure?: { readonly cert: string; readonly key: string },
): Promise<WebServer> {
  const faults: { readonly path: string; readonly fault: WebFault; left: number }[] = [];
  const web: Omit<WebServer, "origin" | typeof Symbol.asyncDispose> = {
    files: new Map(
      Object.entries(files).map(([path, file]) => [
        path,
        typeof file === "string" || file instanceof Uint8Array ? { body: Buffer.from(file) } : file,
      ]),
    ),
    log: [],
    inject: (path, fault, times = 1) => void faults.push({ path, fault, left: times }),
    before: () => undefined,
  };
  const answer = (request: IncomingMessage, response: ServerResponse) => {
    const url = request.url ?? "/";
    const path = url.replace(/\?.*/s, "");
    web.log.push({ url, headers: request.headers });
    web.before(url);
    const rule = faults.find((fault) => fault.path === path && fault.left > 0);
    if (rule !== undefined) rule.left -= 1;
    send(web.files.get(path), rule?.fault, request, response);
  };
  const server: Server =
    secure === undefined ? createServer(answer) : (createSecureServer(secure, answer) as unknown as Server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return Object.assign(web, {
    origin: `${secure === undefined ? "http" : "https"}://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  });
}

function send(
  file: WebFile | undefined,
  fault: WebFault | undefined,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  if (fault?.kind === "reset") return void request.socket.destroy();
  if (fault?.kind === "answer") return void response.writeHead(fault.status, fault.headers).end("refused");
  if (file === undefined) return void response.writeHead(404).end("absent");
  const { body, etag = '"1"', ranges = true, headers = {}, length = true } = file;
  const range = ranges ? /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "") : null;
  const [start, end] = range === null ? [0, body.length] : [Number(range[1]), Number(range[2]) + 1];
  if (start >= body.length && range !== null)
    return void response.writeHead(416, { "content-range": `bytes */${body.length}` }).end();
  const part = body.subarray(start, end);
  response.writeHead(range === null ? 200 : 206, {
    ...(etag === null ? {} : { etag }),
    ...(length ? { "content-length": part.length } : {}),
    ...(range === null
      ? {}
      : { "content-range": `bytes ${start}-${start + part.length - 1}/${body.length}` }),
    ...headers,
  });
  if (fault === undefined) return void response.end(part);
  response.write(part.subarray(0, Math.floor(part.length / 2)), () => {
    if (fault.kind === "truncate") request.socket.destroy();
    else fault.act?.();
  });
}
