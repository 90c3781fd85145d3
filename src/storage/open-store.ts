import { resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { VarveError } from "../errors.ts";
import type { World } from "../util/world.ts";
import type { ObjectStore } from "./contract/object-store.ts";
import { localDiskStore } from "./local/local-disk-store.ts";
import { memoryStore } from "./memory/memory-store.ts";
import type { S3Options } from "./s3/s3-options.ts";

/** Options of {@link openStore}. */
export interface StoreOptions {
  readonly world?: World | undefined;
  /** Used for `s3:` URIs; pass the same object to share connections between stores. */
  readonly s3?: S3Options | undefined;
}

const schemePattern = /^([A-Za-z][A-Za-z0-9+.-]+):/;
const ownSchemes: ReadonlySet<string> = new Set(["memory", "s3", "s3a", "s3n"]);

/**
 * Opens the store rooted at a URI: a plain path, `file:` (percent-decoded), `memory://NAME/FOLDER`, or
 * `s3://BUCKET/PREFIX` (raw characters).
 *
 * Nothing is read or created.
 *
 * @throws `INVALID_URI` for unknown schemes and forms
 */
export async function openStore(uri: string, options: StoreOptions = {}): Promise<ObjectStore> {
  const { world } = options;
  const scheme = schemeOf(uri);
  switch (scheme) {
    case undefined:
      return localDiskStore(uri, world);
    case "file":
      return localDiskStore(fileNameOf(uri), world);
    case "memory": {
      const { authority, path } = splitUri(uri);
      return memoryStore(authority, path, world);
    }
    case "s3": {
      const { authority, path } = splitUri(uri);
      const { s3Store } = await import("./s3/s3-store.ts");
      return await s3Store(authority, path, options.s3, world);
    }
    default:
      throw invalidUri(uri, `the scheme "${scheme}" is not supported; use a path, file:, memory:// or s3://`);
  }
}

/** The URI of `child` (raw characters, `/`-separated) below a table's URI. */
export function childUri(uri: string, child: string): string {
  const base = uri.replace(/\/+$/, "");
  return schemeOf(uri) === "file"
    ? `${base}/${child.split("/").map(encodeURIComponent).join("/")}`
    : `${base}/${child}`;
}

/** The folder above a canonical URI; `undefined` above a root, a bucket or a name. */
export function parentUri(uri: string): string | undefined {
  const cut = uri.lastIndexOf("/");
  const start = uri.indexOf("://") + "://".length;
  if (cut > start) return uri.slice(0, cut);
  return undefined;
}

/** Normalises the spelling of a root: plain paths become `file:` URIs, and trailing slashes are removed. */
export function canonicalUri(uri: string): string {
  const scheme = schemeOf(uri);
  if (scheme === undefined) return pathToFileURL(resolve(uri)).href;
  if (scheme === "file") return pathToFileURL(resolve(fileNameOf(uri))).href;
  const { authority, path } = splitUri(uri);
  return `${scheme}://${authority}${path === "" ? "" : `/${path}`}`;
}

/**
 * Scheme in lower case (`s3a` and `s3n` are `s3`); `undefined` for plain paths. One letter and a colon is not
 * a scheme. One of varve's schemes without its two slashes is refused as a typing error, instead of creating
 * a folder of that name.
 */
function schemeOf(uri: string): string | undefined {
  if (uri === "") throw invalidUri(uri, "it is empty");
  const scheme = schemePattern.exec(uri)?.[1]?.toLowerCase();
  if (scheme !== undefined && scheme !== "file" && !uri.slice(scheme.length).startsWith("://")) {
    if (!ownSchemes.has(scheme)) return undefined;
    throw invalidUri(uri, `two slashes must follow ${scheme}:, and a folder of that name begins with ./`);
  }
  return scheme === "s3a" || scheme === "s3n" ? "s3" : scheme;
}

function splitUri(uri: string): { readonly authority: string; readonly path: string } {
  const rest = uri.slice(uri.indexOf("://") + 3);
  const slash = rest.indexOf("/");
  const authority = slash < 0 ? rest : rest.slice(0, slash);
  if (authority === "") throw invalidUri(uri, "the bucket or name after :// is missing");
  return { authority, path: slash < 0 ? "" : rest.slice(slash + 1).replace(/\/+$/, "") };
}

function fileNameOf(uri: string): string {
  try {
    return fileURLToPath(uri);
  } catch (error) {
    throw invalidUri(uri, error instanceof Error ? error.message : String(error), error);
  }
}

function invalidUri(uri: string, why: string, cause?: unknown): VarveError {
  // A URI that varve does not know may have credentials before an @.
  const shown = uri.replace(/\/\/[^/@]*@/, "//***@");
  return new VarveError(
    "INVALID_URI",
    `Cannot open ${JSON.stringify(shown)}: ${why}.`,
    { uri: shown },
    cause,
  );
}
