import { appendFile } from "node:fs/promises";
import { request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { VarveError } from "../errors.ts";
import { isAddress, isGuarded, isWebAddress, shownPath } from "../sources/address.ts";
import { HttpFailure, networkFailure, statusFailure } from "../sources/http-failure.ts";
import type { World } from "../util/world.ts";

/** Where events go: a file of JSON lines, or a server of OpenLineage. */
export type EventReceiver =
  | { readonly kind: "file"; readonly file: string; readonly name: string }
  | {
      readonly kind: "http";
      readonly url: URL;
      /** Without user, password and query. */
      readonly name: string;
      /** Sent as `Authorization: Bearer`. */
      readonly apiKey?: string | undefined;
    };

/**
 * Reads where events go: a file, or a URL of HTTPS (or of HTTP on this machine), with the path `/api/v1/lineage` if it
 * has none.
 *
 * @throws `INVALID_URI`
 */
export function eventReceiver(place: string, apiKey?: string | undefined): EventReceiver {
  if (!isWebAddress(place)) {
    if (isAddress(place))
      throw invalid(shownPath(place), "events are sent to files, https:// and, on this machine, http://");
    const file = /^file:/i.test(place) ? fileOf(place) : resolve(place);
    return { kind: "file", file, name: place };
  }
  const name = shownPath(place);
  // What cannot be read may hold a password anywhere.
  if (!URL.canParse(place))
    throw invalid(place.slice(0, place.indexOf("://") + 3), "the rest of it is not a URL");
  const url = new URL(place);
  if (!isGuarded(url))
    throw invalid(name, "HTTP is not encrypted; use https://, or a server on this machine");
  if (url.pathname === "/") url.pathname = "/api/v1/lineage";
  return { kind: "http", url, name, apiKey };
}

function fileOf(uri: string): string {
  try {
    return fileURLToPath(uri);
  } catch {
    throw invalid(uri, "it names no file of this machine");
  }
}

function invalid(uri: string, why: string): VarveError {
  return new VarveError("INVALID_URI", `Cannot send events to ${JSON.stringify(uri)}: ${why}.`, { uri });
}

const attempts = 3;
const firstPause = 250;
const usualAttempt = 5_000;

export interface DeliverOptions {
  readonly world: World;
  /** Milliseconds after which an attempt is given up; default 5,000. */
  readonly attemptMilliseconds?: number | undefined;
}

/**
 * Delivers one event, as a line of a file or by HTTP, where failures that may pass are repeated twice. Redirects are
 * not followed.
 *
 * @throws what the file system throws; {@link HttpFailure}
 */
export async function deliver(
  receiver: EventReceiver,
  text: string,
  { world, attemptMilliseconds = usualAttempt }: DeliverOptions,
): Promise<void> {
  if (receiver.kind === "file") return appendFile(receiver.file, `${text}\n`);
  for (let attempt = 1; ; attempt++) {
    try {
      return await post(receiver, text, attemptMilliseconds);
    } catch (error) {
      const failure = networkFailure(error);
      // Who does not answer once is not waited for again.
      const isSilent = failure?.details.code === "ETIMEDOUT";
      if (failure?.details.passing !== true || isSilent || attempt === attempts) throw failure ?? error;
      await world.sleep(firstPause * 2 ** (attempt - 1));
    }
  }
}

function post(
  { url, apiKey }: Extract<EventReceiver, { kind: "http" }>,
  text: string,
  milliseconds: number,
): Promise<void> {
  const body = Buffer.from(text);
  const headers = {
    "content-type": "application/json",
    "content-length": body.length,
    "user-agent": "varve",
    ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
  };
  return new Promise((resolve, reject) => {
    const request = url.protocol === "https:" ? requestHttps : requestHttp;
    const options = { method: "POST", headers, agent: false };
    const sent = request(url, options, (answer) => {
      const { statusCode: status = 0 } = answer;
      // Nothing that the server says is read or shown.
      answer.destroy();
      if (status >= 200 && status < 300) resolve();
      else reject(statusFailure(status, answer.headers["retry-after"]));
    });
    const timer = setTimeout(() => sent.destroy(silence(milliseconds)), milliseconds);
    sent.on("close", () => clearTimeout(timer));
    sent.on("error", reject);
    sent.end(body);
  });
}

function silence(milliseconds: number): Error {
  const message = `it did not answer within ${milliseconds / 1000} seconds`;
  return Object.assign(new Error(message), { code: "ETIMEDOUT" });
}
