import { open, readFile } from "node:fs/promises";
import type { DriftBaseline } from "../../../index.ts";

/** How an object that may be a stored baseline begins. */
const beginning = /^\s*\{\s*"(?:format|rows|left_out|columns)"\s*:/;

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

/** The first bytes of a file as text; none of an address or a pattern. */
async function headOf(file: string): Promise<string> {
  let handle: Awaited<ReturnType<typeof open>>;
  try {
    handle = await open(file);
  } catch {
    // Whoever opens the source says why it cannot be read.
    return "";
  }
  try {
    const { buffer, bytesRead } = await handle.read({ buffer: Buffer.alloc(256), position: 0 });
    return buffer.toString("utf8", 0, bytesRead);
  } finally {
    await handle.close();
  }
}

/** JSON; nothing for several lines of it, which are rows. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
