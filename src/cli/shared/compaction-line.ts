import { counted } from "../../api/counted.ts";
import type { WriteResult } from "../../index.ts";
import { print } from "./print.ts";

/** Prints what an automatic compaction did after a write, if there was one. */
export function printCompaction(compaction: WriteResult["compaction"]): void {
  if (compaction === undefined) return;
  const { version, filesRemoved, filesAdded } = compaction;
  print(`  compacted: ${counted(filesRemoved, "file")} into ${filesAdded} (version ${version})\n`);
}
