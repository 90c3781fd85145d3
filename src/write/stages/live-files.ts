import type { LogSnapshot } from "../../log/contract.ts";
import type { AddAction } from "../../protocol/actions.ts";
import { appendAll } from "../../util/append-all.ts";

/** All live files of a version, for what changes each of them. */
export async function liveFiles(snapshot: LogSnapshot): Promise<AddAction[]> {
  const files: AddAction[] = [];
  for await (const chunk of (await snapshot.files()).all()) appendAll(files, chunk);
  return files;
}
