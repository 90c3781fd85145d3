import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { isVarveError, VarveError } from "../errors.ts";
import type { TableContext } from "../log/contract.ts";
import { openLog } from "../log/snapshot/open-log.ts";
import { type Artifact, fileDigest, withFileHash } from "./artifact.ts";
import type { RunOutput } from "./run-record.ts";

/** What a run writes, before it is looked at. */
export type AskedOutput =
  | { readonly name: string; readonly file: string }
  | {
      readonly name: string;
      readonly context: TableContext;
      /** Default: the newest version. */
      readonly point?: { readonly version: number } | { readonly timestamp: number } | undefined;
    };

/** The output as it is now. @throws `SOURCE_UNREADABLE` for a file; as `openLog` */
export async function measuredOutput(output: AskedOutput): Promise<RunOutput> {
  const { name } = output;
  if ("file" in output) {
    const file = resolve(output.file);
    return readable(file, async () => ({
      name,
      file,
      hash: await fileDigest(file),
      bytes: (await stat(file)).size,
    }));
  }
  const { context, point = {} } = output;
  const { version, metadata } = await openLog(context, point);
  return { name, table: context.store.uri, tableId: metadata.id, version };
}

/** A model or code with the digest that its file has now. @throws `SOURCE_UNREADABLE`, `SOURCE_CHANGED` */
export function measuredArtifact(artifact: Artifact): Promise<Artifact> {
  return artifact.file === undefined
    ? Promise.resolve(artifact)
    : readable(resolve(artifact.file), () => withFileHash(artifact, new Map()));
}

/** Runs work; what makes an output unreadable, such as a store that does not answer, becomes a problem in words. */
export async function orProblem<T>(
  what: string,
  problems: string[],
  work: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (!isVarveError(error)) throw error;
    problems.push(`The ${what} cannot be recorded: ${error.message}`);
    return undefined;
  }
}

async function readable<T>(file: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (isVarveError(error)) throw error;
    const isGone = error instanceof Error && "code" in error && error.code === "ENOENT";
    const reason = isGone ? "there is no such file" : error instanceof Error ? error.message : String(error);
    throw new VarveError(
      "SOURCE_UNREADABLE",
      `Cannot read ${file}, which the run names: ${reason}. Check the name and its permissions.`,
      { file },
      error,
    );
  }
}
