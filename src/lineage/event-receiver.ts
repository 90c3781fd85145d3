import { appendFile } from "node:fs/promises";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { VarveError } from "../errors.ts";
import { isAddress, isGuarded, isWebAddress, shownPath } from "../sources/address.ts";
import { type PostOptions, postJson } from "../sources/post-json.ts";

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

/**
 * Delivers one event, as a line of a file or by HTTP, where failures that may pass are repeated twice. Redirects are
 * not followed.
 *
 * @throws what the file system throws; `HttpFailure`
 */
export async function deliver(receiver: EventReceiver, text: string, options: PostOptions): Promise<void> {
  if (receiver.kind === "file") return appendFile(receiver.file, `${text}\n`);
  const { url, apiKey } = receiver;
  const headers = apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` };
  return postJson({ url, text, headers }, options);
}
