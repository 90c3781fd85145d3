import { Agent as HttpAgent, type IncomingMessage, request as requestHttp } from "node:http";
import { Agent as HttpsAgent, request as requestHttps } from "node:https";
import { isGuarded } from "./address.ts";
import { HttpFailure, statusFailure } from "./http-failure.ts";

/** Connections that are kept between requests; closed all at once. */
export interface HttpConnections extends Disposable {
  readonly http: HttpAgent;
  readonly https: HttpsAgent;
  /** Milliseconds after which an idle connection is given up. */
  readonly idleMilliseconds: number;
}

/** Makes connections on demand. */
export function httpConnections(idleMilliseconds = 30_000): HttpConnections {
  const [http, https] = [new HttpAgent({ keepAlive: true }), new HttpsAgent({ keepAlive: true })];
  return {
    http,
    https,
    idleMilliseconds,
    [Symbol.dispose]: () => {
      http.destroy();
      https.destroy();
    },
  };
}

/** A request for a file or a part of it. */
export interface HttpRequest {
  readonly url: URL;
  /** First and last byte; default: the whole file. */
  readonly range?: readonly [first: number, last: number] | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** An answer of 200 or 206, and the address that gave it after redirects. */
export interface HttpAnswer {
  readonly url: URL;
  readonly isPart: boolean;
  readonly headers: IncomingMessage["headers"];
  readonly body: IncomingMessage;
}

const mostRedirects = 10;
const redirects: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/**
 * Sends a GET and follows redirects, but not from HTTPS to HTTP. User and password of an address are sent to
 * its own origin only.
 *
 * @throws {@link HttpFailure} for other statuses; errors of the network as Node gives them
 */
export async function get(connections: HttpConnections, request: HttpRequest): Promise<HttpAnswer> {
  let { url } = request;
  for (let hops = 0; ; hops++) {
    const body = await send(connections, { ...request, url });
    const { statusCode: status = 0, headers } = body;
    if (status === 200 || status === 206) return { url, isPart: status === 206, headers, body };
    body.destroy();
    if (!redirects.has(status) || headers.location === undefined)
      throw statusFailure(status, headers["retry-after"]);
    if (hops === mostRedirects) throw refused(`it redirects more than ${mostRedirects} times`);
    url = redirected(url, headers.location);
  }
}

function send(connections: HttpConnections, { url, range, signal }: HttpRequest): Promise<IncomingMessage> {
  const secure = url.protocol === "https:";
  const { idleMilliseconds, http, https } = connections;
  const headers = {
    accept: "*/*",
    // A compressed answer has other bytes than the file, at other places.
    "accept-encoding": "identity",
    "user-agent": "varve",
    ...(range === undefined ? {} : { range: `bytes=${range[0]}-${range[1]}` }),
  };
  return new Promise((resolve, reject) => {
    const options = { headers, agent: secure ? https : http, timeout: idleMilliseconds, signal };
    const sent = (secure ? requestHttps : requestHttp)(url, options);
    sent.on("timeout", () => sent.destroy(silence(idleMilliseconds)));
    sent.on("error", reject);
    sent.on("response", resolve);
    sent.end();
  });
}

function redirected(from: URL, location: string): URL {
  const to = URL.canParse(location, from.href) ? new URL(location, from) : undefined;
  if (to === undefined || !/^https?:$/.test(to.protocol)) throw refused("it redirects to what is not HTTPS");
  if (to.protocol === "http:" && (from.protocol === "https:" || !isGuarded(to)))
    throw refused(`it redirects to http://${to.host}, which is not encrypted`);
  const own = to.origin === from.origin;
  to.username = own ? from.username : "";
  to.password = own ? from.password : "";
  return to;
}

function refused(what: string): HttpFailure {
  const remedy = "Pass the address that it leads to, if you trust it.";
  return new HttpFailure({ what, remedy, passing: false });
}

function silence(milliseconds: number): Error {
  const message = `nothing was received for ${milliseconds / 1000} seconds`;
  return Object.assign(new Error(message), { code: "ETIMEDOUT" });
}
