import type { LogSnapshot } from "../log/contract.ts";
import type { AddAction } from "../protocol/actions.ts";
import { logPathKey } from "../schema/paths.ts";

/** The live files, with their deletion vectors, that only one of two versions has. */
export async function fileDifference(before: LogSnapshot, after: LogSnapshot) {
  const only = new Map<string, AddAction>();
  for await (const chunk of (await before.files()).all())
    for (const file of chunk) only.set(keyOf(file), file);
  const added: AddAction[] = [];
  for await (const chunk of (await after.files()).all()) {
    for (const file of chunk) if (!only.delete(keyOf(file))) added.push(file);
  }
  return { added, removed: [...only.values()] };
}

function keyOf(file: AddAction): string {
  const vector = file.deletionVector;
  return vector === undefined
    ? logPathKey(file.path)
    : `${logPathKey(file.path)}\n${vector.pathOrInlineDv}\n${vector.offset ?? 0}`;
}
