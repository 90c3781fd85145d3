import { open, readFile, stat } from "node:fs/promises";
import type { DriftBaseline } from "../../../index.ts";

/** How an object that may be a stored baseline begins; a byte order mark counts as space. */
const beginning = /^\s*\{\s*"(?:format|rows|left_out|columns)"\s*:/;
/** The baseline of 10,000 columns has some 30 MB; larger files hold rows. */
const mostBytes = 256 * 1024 * 1024;

/**
 * The stored baseline in a local `.json` file, if it holds one. Other files of JSON have rows, and may be large: only
 * one that begins as a baseline does is read here.
 */
export async function readBaseline(file: string): Promise<DriftBaseline | undefined> {
  if (!file.toLowerCase().endsWith(".json") || !beginning.test(await headOf(file))) return undefined;
  const json = parsed(await readFile(file, "utf8"));
  const names = ["format", "rows", "columns"];
  const isBaseline = typeof json === "object" && json !== null && names.every((name) => name in json);
  return isBaseline ? (json as DriftBaseline) : undefined;
}

/** The first bytes of a file as text; none of an address, a pattern, a folder, or what is too large. */
async function headOf(file: string): Promise<string> {
  try {
    // Before it is opened: to open a pipe is to wait for its writer.
    const status = await stat(file);
    if (!status.isFile() || status.size > mostBytes) return "";
    await using handle = await open(file);
    const { buffer, bytesRead } = await handle.read({ buffer: Buffer.alloc(256), position: 0 });
    return buffer.toString("utf8", 0, bytesRead);
  } catch {
    // Whoever opens the source says why it cannot be read.
    return "";
  }
}

/** JSON; nothing for several lines of it, which are rows. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text.replace(/^\uFEFF/, ""));
  } catch {
    return undefined;
  }
}
