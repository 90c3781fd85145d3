import { createReadStream } from "node:fs";
import { appendFile, mkdir, open } from "node:fs/promises";
import { dirname, isAbsolute, join, resolve, sep } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { systemErrorCode } from "../../util/system-refusals.ts";
import { type SendContext, SendFailure, type Sending } from "./sending.ts";

/** Folder below a table in which its files of messages lie. */
const driftFolder = "_drift";
/** Folders of varve's own tables in it. */
const ownFolders: ReadonlySet<string> = new Set(["alerts", "bins", "performance", "profiles", "results"]);

/**
 * Adds a message to a file of JSON lines. A relative name is one below the table's `_drift` folder, because a table's
 * definition must not write anywhere else; `env:NAME` is any path that the environment names.
 *
 * @throws {@link SendFailure}
 */
export async function addLine(
  file: string,
  { id, body, isRepeat }: Sending,
  context: SendContext,
): Promise<void> {
  const path = pathOf(file, context);
  try {
    await mkdir(dirname(path), { recursive: true });
    if (isRepeat && (await hasLine(path, id))) return;
    // What a killed process left of a line does not spoil the next one.
    const before = (await endsInLine(path)) ? "" : "\n";
    await appendFile(path, `${before}${body}\n`);
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === undefined) throw error;
    throw new SendFailure(`the file cannot be written (${code})`);
  }
}

function pathOf(file: string, { table, variables }: SendContext): string {
  const [, name] = /^env:(.*)$/s.exec(file) ?? [];
  if (name !== undefined) {
    const path = variables[name];
    if (path === undefined || path === "")
      throw new SendFailure(`the variable ${name} is not set; set it where monitors run`);
    return resolve(path);
  }
  const { uri } = table.store;
  if (!uri.startsWith("file:"))
    throw new SendFailure(`the table is not on a local disk; name the file in a variable, as "env:NAME"`);
  const folder = join(fileURLToPath(uri), driftFolder);
  const path = resolve(folder, file);
  const [first = ""] = path.slice(folder.length + 1).split(sep);
  const isInside = !isAbsolute(file) && path.startsWith(`${folder}${sep}`) && !ownFolders.has(first);
  if (!isInside)
    throw new SendFailure(
      `it lies outside of the table's folder ${driftFolder}, or among its tables; name it in a variable, as "env:NAME"`,
    );
  return path;
}

/** Whether a line of a file is the message with this id. */
async function hasLine(path: string, id: string): Promise<boolean> {
  const lines = createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY });
  try {
    for await (const line of lines) if (line.startsWith(`{"id":"${id}",`) && line.endsWith("}")) return true;
    return false;
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT") return false;
    throw error;
  }
}

async function endsInLine(path: string): Promise<boolean> {
  await using file = await open(path, "a+");
  const { size } = await file.stat();
  if (size === 0) return true;
  const { buffer } = await file.read(Buffer.alloc(1), 0, 1, size - 1);
  return buffer[0] === 0x0a;
}
