import { VarveError } from "../errors.ts";

/**
 * A parsed path of the log: relative to the table's root in raw characters, or an absolute URI in normalised
 * spelling.
 */
export type LogPath =
  | { readonly kind: "relative"; readonly path: string }
  | { readonly kind: "absolute"; readonly uri: string };

/** Name of the Hive folder of a null (or empty) partition value. */
export const hiveNull = "__HIVE_DEFAULT_PARTITION__";

/**
 * Writes a raw path, relative to the table's root, for `add.path`: a URI reference of RFC 2396, UTF-8
 * percent-encoded as by java.net.URI, which leaves letters of other scripts as they are. Spark's VACUUM compares
 * spellings: it deletes live files that are spelled otherwise.
 *
 * A colon is encoded too, so that no reader takes the first folder for a scheme.
 */
export function encodeLogPath(path: string): string {
  return path.replace(javaQuoted, percentEncode).replaceAll(":", "%3A");
}

/**
 * Reads a path of the log (`add.path`, `remove.path`, `cdc.path`).
 *
 * All spellings of one file have the same result: percent-encoded or not, with segments `.` or not,
 * `file:/x`, `file:///x` or `/x`, `s3a://` or `s3://`. A percent sign that starts no escape is literal,
 * because some writers do not encode. The result may contain `..`, which stores refuse.
 *
 * @throws `LOG_CORRUPT` for an empty path
 */
export function decodeLogPath(logPath: string): LogPath {
  if (logPath === "") throw new VarveError("LOG_CORRUPT", "The log contains an empty data file path.", {});
  const scheme = logPath.includes(":") ? /^([A-Za-z][A-Za-z0-9+.-]*):(\/.*)$/su.exec(logPath) : null;
  if (scheme === null) {
    const path = withoutDots(percentDecode(logPath));
    return path.startsWith("/") ? { kind: "absolute", uri: fileUri(path) } : { kind: "relative", path };
  }
  const name = (scheme[1] ?? "").toLowerCase();
  const rest = withoutDots(percentDecode(scheme[2] ?? ""));
  if (name === "file") return { kind: "absolute", uri: fileUri(rest) };
  return { kind: "absolute", uri: `${name === "s3a" || name === "s3n" ? "s3" : name}:${rest}` };
}

/**
 * A path of a log as an absolute URI in the spelling of the log, for a table elsewhere that names the same file.
 *
 * @param root URI of the log's table, as its store spells it
 */
export function absoluteLogPath(root: string, logPath: string): string {
  const decoded = decodeLogPath(logPath);
  const base = root.startsWith("file:") ? logPathKey(root) : root;
  const uri = decoded.kind === "absolute" ? decoded.uri : `${base.replace(/\/+$/, "")}/${decoded.path}`;
  const [, authority = "", path = ""] = /^([a-z0-9+.-]+:\/\/[^/]*)(.*)$/isu.exec(uri) ?? [];
  // Spark compares spellings of such paths when it writes deletion vectors: its own are those of java.net.URI.
  return (authority === "file://" ? "file:" : authority) + path.replace(javaQuoted, percentEncode);
}

/** What java.net.URI encodes of a path. Letters of other scripts are none of it. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what has to be encoded
const javaQuoted = /(?:[\u0000- "#%<>?[\\\]^`{|}\u007f-\u00a0]|\p{Z})+/gu;

/** A segment `.` has no meaning (RFC 2396, 5.2). */
function withoutDots(path: string): string {
  return path.includes("./") ? path.replace(/(^|\/)(?:\.\/)+/g, "$1") : path;
}

/**
 * The same key for every spelling of a file's path in the log: equal keys mean the same file (PROTOCOL.md
 * "Add File and Remove File").
 */
export function logPathKey(logPath: string): string {
  const decoded = decodeLogPath(logPath);
  return decoded.kind === "relative" ? decoded.path : decoded.uri;
}

/**
 * The raw folder path of a partition, `a=1/b=x%20y`, each name and value escaped as Hive does; empty for no
 * columns.
 */
export function hiveFolder(partition: Iterable<readonly [column: string, value: string | null]>): string {
  return [...partition]
    .map(
      ([column, value]) =>
        `${escapeHive(column)}=${value === null || value === "" ? hiveNull : escapeHive(value)}`,
    )
    .join("/");
}

/** Reads one folder name `column=value` with Hive's escapes; `undefined` if it is not such a pair. */
export function parseHiveSegment(
  segment: string,
): readonly [column: string, value: string | null] | undefined {
  const index = segment.indexOf("=");
  if (index <= 0) return undefined;
  const value = segment.slice(index + 1);
  return [
    percentDecode(segment.slice(0, index)),
    value === hiveNull || value === "" ? null : percentDecode(value),
  ];
}

/**
 * Folder names that stores or file systems cannot take raw: separators, control characters, what Hive
 * escapes, lone surrogates.
 */
function escapeHive(text: string): string {
  const whole = text.replace(/\p{Surrogate}/gu, "\uFFFD");
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what has to be escaped
  const escaped = whole.replace(/[\u0000-\u001f"#%'*/:<>=?\\{}[\]^|~\u007f]/g, percentEncode);
  // A value of only dots would be this folder or its parent; a trailing dot or space is lost on some file
  // systems.
  return escaped.replace(/[. ]$/, percentEncode);
}

function percentEncode(text: string): string {
  let encoded = "";
  for (const byte of new TextEncoder().encode(text))
    encoded += `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  return encoded;
}

function percentDecode(text: string): string {
  if (!text.includes("%")) return text;
  return text.replace(/(?:%[0-9A-Fa-f]{2})+/g, (run) => {
    const bytes = Uint8Array.from(run.slice(1).split("%"), (hex) => Number.parseInt(hex, 16));
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch (error) {
      if (error instanceof TypeError) return run;
      throw error;
    }
  });
}

/** Of an absolute path, in which several slashes mean one; this machine has the name `localhost` (RFC 8089). */
function fileUri(path: string): string {
  const local = path.replace(/^\/\/localhost(?=\/)/i, "");
  return `file://${local.replace(/\/+/g, "/")}`;
}
