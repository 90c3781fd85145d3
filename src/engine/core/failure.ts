import { type ErrorData, isVarveError, VarveError } from "../../errors.ts";
import { optionText } from "../../util/option-text.ts";
import { reportedRefusal } from "../../util/system-refusals.ts";

/**
 * DuckDB's description of a failure: its kind (`Binder`, `IO`, …), its message, and its position in the SQL
 * in bytes, or in characters if the SQL does not parse (`Parser`).
 */
interface EngineComplaint {
  readonly kind: string;
  readonly message: string;
  readonly position?: number | undefined;
}

/**
 * Converts a failure of the driver to a {@link VarveError}: `SQL_FAILED` with message, line and column for
 * SQL that does not run, `DATA_FILE_MISSING` and `DATA_FILE_CORRUPT` naming the file, `CANCELLED`,
 * `STORE_FULL` or `STORE_FORBIDDEN` if the system refuses to write or open a file, `MEMORY_LIMIT_TOO_SMALL`, and
 * `ENGINE_FAILED` with advice for everything else.
 *
 * The position is shown in that of the `callerTexts` which `sql` has there: never in varve's own SQL.
 */
export function engineFailure(error: unknown, sql?: string, callerTexts: Iterable<string> = []): VarveError {
  if (isVarveError(error)) return error;
  const complaint = readComplaint(error);
  const unfit = unfitPattern.exec(complaint.message);
  if (unfit !== null) return unfitFailure(unfit, error);
  const data = { engineMessage: complaint.message, engineErrorKind: complaint.kind };
  if (complaint.kind === "INTERRUPT")
    return new VarveError("CANCELLED", "The work was cancelled.", data, error);
  if (complaint.kind === "Out of Memory" || memoryUsed.test(complaint.message))
    return outOfMemory(complaint, data, error);
  const fileFailure = refusedFile(complaint, data, error) ?? aboutFile(complaint, data, error);
  if (fileFailure !== undefined) return fileFailure;
  if (["INTERNAL", "FATAL", "IO", "HTTP", "Connection", "Settings", "Unknown"].includes(complaint.kind)) {
    const advice = /no space|disk/i.test(complaint.message)
      ? " Free disk space or choose another temporary folder."
      : "";
    return new VarveError(
      "ENGINE_FAILED",
      `DuckDB failed (${complaint.kind}): ${complaint.message}.${advice}`,
      data,
      error,
    );
  }
  if (complaint.kind === "Permission") {
    return new VarveError(
      "SQL_REFUSED",
      `This SQL was refused: ${complaint.message}. A query can read its own tables only.`,
      data,
      error,
    );
  }
  const place = sql === undefined ? undefined : placeOf(sql, complaint, callerTexts);
  const excerpt = place === undefined ? "" : `\n${place.excerpt}`;
  return new VarveError(
    "SQL_FAILED",
    `${complaint.kind} error: ${readableComplaint(complaint.message)}${excerpt}`,
    { ...data, ...place?.data },
    error,
  );
}

/**
 * What varve's own SQL says in `error()`, before the value's text, of a value that a column's type cannot
 * hold.
 */
export function unfitValue(column: string, type: string): string {
  return `varve: unfit value ${encodeURIComponent(column)} ${type} `;
}

const unfitPattern = /varve: unfit value (\S*) (\S+) (.*)/;

function unfitFailure([, name = "", type = "", value = ""]: RegExpExecArray, cause: unknown): VarveError {
  const column = decodeURIComponent(name);
  const text = `Column ${column} holds ${value}, which has more digits than ${type}, the widest exact number of Parquet and Arrow. Read it as rows, JSON or CSV, or cast it to text.`;
  return new VarveError("LIMIT_EXCEEDED", text, { column: [column], type, value }, cause);
}

function readComplaint(error: unknown): EngineComplaint {
  const text = error instanceof Error ? error.message : String(error);
  const start = text.indexOf("{");
  if (start >= 0) {
    try {
      const parsed: unknown = JSON.parse(text.slice(start));
      if (
        typeof parsed === "object" &&
        parsed !== null &&
        "exception_message" in parsed &&
        "exception_type" in parsed
      ) {
        const position = "position" in parsed ? Number(parsed.position) : Number.NaN;
        return {
          kind: String(parsed.exception_type),
          message: String(parsed.exception_message),
          position: Number.isSafeInteger(position) ? position : undefined,
        };
      }
    } catch {
      // The text merely contains a brace, so it is the message itself.
    }
  }
  const plain = /^([A-Z][A-Za-z ]*?) Error: ([\s\S]*)$/.exec(text);
  return plain === null
    ? { kind: "Unknown", message: text }
    : { kind: plain[1] ?? "Unknown", message: plain[2] ?? text };
}

/** The end of the engine's message in each of its components that ran out of memory. */
const memoryUsed = /(?:allocate|pin) (?:data|block) of size .* used\)/;

function outOfMemory(complaint: EngineComplaint, data: ErrorData, cause: unknown): VarveError {
  const text =
    `DuckDB ran out of memory: ${firstLine(complaint.message)}. ` +
    `Raise ${optionText("memoryLimit")}, use fewer threads, or choose a temporary folder with more free space.`;
  return new VarveError("MEMORY_LIMIT_TOO_SMALL", text, data, cause);
}

/** Whether the operating system refuses to write or open a file, which then is not damaged. */
function refusedFile(
  { kind, message }: EngineComplaint,
  data: ErrorData,
  cause: unknown,
): VarveError | undefined {
  const [, file, reason = ""] = /file "([^"]+)"[^"]*: ([^"]*)$/.exec(firstLine(message)) ?? [];
  const refusal = reportedRefusal(file === undefined ? firstLine(message) : reason);
  if (refusal === undefined || (file === undefined && kind !== "IO")) return undefined;
  const { system, why, code } = refusal;
  const what =
    file === undefined
      ? "open or write a file"
      : `${/open|read/i.test(message.slice(0, message.indexOf(file))) ? "open" : "write"} ${file}`;
  return new VarveError(code, `Could not ${what} (${system}): ${why}.`, { ...data, file, system }, cause);
}

const missingFile =
  /No files found that match the pattern "([^"]+)"|Cannot open file "([^"]+)": No such file/;
const brokenFile = [
  /(?:file|File|reading|parquet) ['"]([^'"]+\.parquet[^'"]*)['"]/,
  /(?:No magic bytes found|Invalid footer|Footer length|too small to be a Parquet file)[^'"]*['"]([^'"]+)['"]/,
];
const corruption =
  /magic bytes|Parquet|parquet|footer|thrift|TProtocol|snappy|ZSTD|zstd|decompress|corrupt|Corrupt|Could not read enough bytes|[Oo]ut of buffer|page|variant|VARIANT|don't know what type/;

/** What the engine's Thrift library says of damaged headers and footers; it names no file. */
const brokenThrift =
  /Variable-length int|Negative size|[Ss]ize limit|Depth limit|MaxMessageSize|No more data to read|Invalid data/;

function aboutFile(complaint: EngineComplaint, data: ErrorData, cause: unknown): VarveError | undefined {
  const missing = missingFile.exec(complaint.message);
  const absent = missing?.[1] ?? missing?.[2];
  if (absent !== undefined) {
    const text = `The data file ${absent} does not exist. It may have been removed by a vacuum or by hand.`;
    return new VarveError("DATA_FILE_MISSING", text, { ...data, file: absent }, cause);
  }
  if (!["Invalid Input", "Invalid", "IO", "Serialization", "Unknown", "INTERNAL"].includes(complaint.kind))
    return undefined;
  const isThrift = complaint.kind === "Invalid" && brokenThrift.test(complaint.message);
  if (!isThrift && !corruption.test(complaint.message)) return undefined;
  const file = brokenFile
    .map((pattern) => pattern.exec(complaint.message)?.[1])
    .find((name) => name !== undefined);
  const what = firstLine(complaint.message);
  const text =
    file === undefined
      ? `Cannot read one of the Parquet files: ${what}. Find it with varve fsck, and restore it from a copy.`
      : `Cannot read the Parquet file ${file}: ${what}. Restore it from a copy.`;
  return new VarveError("DATA_FILE_CORRUPT", text, { ...data, file }, cause);
}

/**
 * Number of bytes of a text before a position that the engine's parser counts in characters, unlike all
 * others.
 */
export function bytesBefore(text: string, characters: number): number {
  return Buffer.byteLength([...text].slice(0, characters).join(""));
}

function placeOf(
  sql: string,
  { kind, position: place }: EngineComplaint,
  callerTexts: Iterable<string>,
): { excerpt: string; data: ErrorData } | undefined {
  const bytes = Buffer.from(sql, "utf8");
  if (place === undefined || place > bytes.length) return undefined;
  const head = bytes.subarray(0, kind === "Parser" ? bytesBefore(sql, place) : place).toString("utf8");
  const caller = callerTextAt(sql, head.length, callerTexts);
  if (caller === undefined) return undefined;
  const before = head.slice(caller.start);
  const line = before.split("\n").length;
  const column = before.length - before.lastIndexOf("\n");
  const text = caller.text.split("\n")[line - 1] ?? "";
  const from = Math.max(0, column - 60);
  const excerpt = `line ${line}: ${text.slice(from, from + 120)}\n${" ".repeat(`line ${line}: `.length + column - 1 - from)}^`;
  return { excerpt, data: { line, column } };
}

/** The shortest of the texts that the SQL has at an index: conditions are put into queries of varve. */
function callerTextAt(
  sql: string,
  index: number,
  texts: Iterable<string>,
): { readonly text: string; readonly start: number } | undefined {
  const shortestFirst = [...texts].sort((a, b) => a.length - b.length);
  for (const text of shortestFirst) {
    const start = sql.lastIndexOf(text, index);
    if (start >= 0 && index <= start + text.length) return { text, start };
  }
  return undefined;
}

/** The message with Delta's names for the engine's integers, and without the end of a long list of functions. */
function readableComplaint(message: string): string {
  const lines = message
    .replace(/^\t+/gm, "  ")
    .replaceAll(/\bDECIMAL\((\d+,\d+)\)/g, "decimal($1)")
    .replaceAll(/\bINT(8|16|32|64|128)\b/g, (name, bits: string) => integerNames.get(bits) ?? name)
    .split("\n");
  const isList = lines.some((line) => line.trim() === "Candidate functions:");
  if (!isList || lines.length <= mostLines) return lines.join("\n");
  return [...lines.slice(0, mostLines), `  and ${lines.length - mostLines} more`].join("\n");
}

const mostLines = 12;

const integerNames: ReadonlyMap<string, string> = new Map([
  ["8", "byte"],
  ["16", "short"],
  ["32", "integer"],
  ["64", "long"],
  ["128", "decimal(38,0)"],
]);

function firstLine(text: string): string {
  return (text.split("\n")[0] ?? text).replace(/\.$/, "");
}
