import { VarveError } from "../errors.ts";

/** A source file that is read over a network. */
export type SourceAddress =
  | { readonly kind: "http"; readonly url: URL; readonly name: string }
  | {
      readonly kind: "object";
      /** URI of the bucket. */
      readonly bucket: string;
      /** Raw characters; may be a pattern with `*`, `?` or `[…]`. */
      readonly key: string;
      readonly name: string;
    };

/**
 * Whether a path names a file over a network, such as `s3://bucket/june.csv`, rather than one on this
 * machine.
 */
export function isAddress(path: string): boolean {
  return /^[a-z][a-z0-9+.-]+:\/\//i.test(path) && !/^file:/i.test(path);
}

/** Whether a path is read over HTTP, where no tables are. */
export function isWebAddress(path: string): boolean {
  return /^https?:\/\//i.test(path);
}

/**
 * A path for people: an address without what may be secret, which is the user and password before its host
 * and, except for S3, whose keys may contain a `?`, its query and fragment.
 */
export function shownPath(path: string): string {
  if (!isAddress(path)) return path;
  const open = path.replace(/^([^:]+:\/\/)[^/?#]*@/, "$1");
  return /^s3[an]?:/i.test(path) ? open : open.replace(/[?#].*$/s, "");
}

/** The part of a path that ends in the file's extension. */
export function pathWithExtension(path: string): string {
  return isWebAddress(path) ? shownPath(path) : path;
}

/**
 * Reads an address.
 *
 * @throws `INVALID_URI` for text that is not an address, and for HTTP without encryption except on loopback
 */
export function parseAddress(path: string): SourceAddress {
  const name = shownPath(path);
  if (isWebAddress(path)) {
    // Neither the text, whose parts are unknown, nor the error that contains it is shown.
    const url = URL.canParse(path) ? new URL(path) : undefined;
    if (url === undefined)
      throw invalid(path.slice(0, path.indexOf("://") + 3), "the rest of it is not a URL");
    if (!isGuarded(url))
      throw invalid(name, `HTTP is not encrypted; use https://, or pipe it: ${pipe(name)}`);
    return { kind: "http", url, name };
  }
  const [, scheme = "", bucket = "", key = ""] = /^([^:]+):\/\/([^/]*)\/?(.*)$/s.exec(path) ?? [];
  if (bucket === "" || key === "" || key.endsWith("/"))
    throw invalid(name, "it must name a bucket and a file in it");
  return { kind: "object", bucket: `${scheme.toLowerCase()}://${bucket}`, key, name };
}

/** Whether what is sent to this URL is encrypted, or stays on this machine. */
export function isGuarded({ protocol, hostname }: URL): boolean {
  if (protocol === "https:") return true;
  return protocol === "http:" && /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname);
}

/** The error for an address whose scheme nothing here can read. */
export function unknownScheme(name: string): VarveError {
  return invalid(
    name,
    `source files are read from disk, s3:// and https://. For others, pipe them: ${pipe(name)}`,
  );
}

/**
 * The text of a URL object. Where addresses have raw characters (S3), its escapes are decoded.
 *
 * @throws `INVALID_URI` for a query or fragment there, which may have been meant as part of the name
 */
export function addressOfUrl(href: string): string {
  if (/^(file|https?):/i.test(href)) return href;
  const [, bucket = "", key = "", rest = ""] = /^([^:]+:\/\/[^/?#]*)([^?#]*)(.*)$/s.exec(href) ?? [];
  if (bucket === "" || rest !== "")
    throw invalid(
      shownPath(href),
      "the URL of an object has no query and no fragment. Pass a name with ? or # as text",
    );
  return `${bucket}${decoded(key)}`;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // A sequence that is not UTF-8 is part of the name.
    return text;
  }
}

function pipe(name: string): string {
  return `curl ${name.includes("'") ? "URL" : `'${name}'`} | varve append TABLE - --input-format csv`;
}

function invalid(name: string, why: string): VarveError {
  return new VarveError("INVALID_URI", `Cannot read ${JSON.stringify(name)}: ${why}.`, { uri: name });
}
