import { constants, createReadStream } from "node:fs";
import { type FileHandle, lstat, mkdir, open } from "node:fs/promises";
import { dirname, isAbsolute, join, relative, resolve, sep } from "node:path";
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
  const { path, below } = pathOf(file, context);
  try {
    if (below !== undefined) await refuseLinks(below, path);
    await mkdir(dirname(path), { recursive: true });
    if (isRepeat && (await hasLine(path, id))) return;
    await append(path, body, below !== undefined);
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === undefined) throw error;
    throw new SendFailure(`the file cannot be written (${code})`);
  }
}

/** `below`: the table's folder, where the file must lie in it. */
function pathOf(
  file: string,
  { table, variables }: SendContext,
): { readonly path: string; readonly below?: string } {
  const [, name] = /^env:(.*)$/s.exec(file) ?? [];
  if (name !== undefined) {
    const path = variables[name];
    if (path === undefined || path === "")
      throw new SendFailure(`the variable ${name} is not set; set it where monitors run`);
    return { path: resolve(path) };
  }
  const { uri } = table.store;
  if (!uri.startsWith("file:"))
    throw new SendFailure(`the table is not on a local disk; name the file in a variable, as "env:NAME"`);
  const below = fileURLToPath(uri);
  const folder = join(below, driftFolder);
  const path = resolve(folder, file);
  const [first = ""] = path.slice(folder.length + 1).split(sep);
  const isInside = !isAbsolute(file) && path.startsWith(`${folder}${sep}`) && !ownFolders.has(first);
  if (!isInside)
    throw new SendFailure(
      `it lies outside of the table's folder ${driftFolder}, or among its tables; name it in a variable, as "env:NAME"`,
    );
  return { path, below };
}

/** A link that came with a table would lead its messages anywhere. @throws {@link SendFailure} */
async function refuseLinks(folder: string, path: string): Promise<void> {
  let place = folder;
  for (const name of relative(folder, path).split(sep)) {
    place = join(place, name);
    const stat = await lstat(place).catch((error: unknown) => {
      if (systemErrorCode(error) === "ENOENT") return undefined;
      throw error;
    });
    if (stat === undefined) return;
    if (stat.isSymbolicLink())
      throw new SendFailure(`there is a link on its way; name the file in a variable, as "env:NAME"`);
  }
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

async function append(path: string, body: string, isStrict: boolean): Promise<void> {
  const { O_RDWR, O_APPEND, O_CREAT, O_NONBLOCK, O_NOFOLLOW } = constants;
  // A pipe that nobody reads must not hold up a run.
  const flags = O_RDWR | O_APPEND | O_CREAT | O_NONBLOCK | (isStrict ? O_NOFOLLOW : 0);
  await using file = await open(path, flags);
  const stat = await file.stat();
  if (isStrict && !stat.isFile()) throw new SendFailure("it is not a plain file");
  // What a killed process left of a line does not spoil the next one.
  const isHalf = stat.isFile() && stat.size > 0 && !(await endsInLine(file, stat.size));
  await file.appendFile(`${isHalf ? "\n" : ""}${body}\n`);
}

async function endsInLine(file: FileHandle, size: number): Promise<boolean> {
  const { buffer } = await file.read(Buffer.alloc(1), 0, 1, size - 1);
  return buffer[0] === 0x0a;
}
