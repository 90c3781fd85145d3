import { readFile } from "node:fs/promises";
import type { Command } from "commander";
import { isVarveError, systemErrorCode, VarveError } from "../../api/errors.ts";
import type { TailOptions, TailPosition } from "../../index.ts";
import { stoppedBySignals } from "../shared/interruption.ts";
import { openedTable } from "../shared/opened-table.ts";
import { duration, type StoreFlags, withStoreFlags } from "../shared/options.ts";
import { printExact } from "../shared/print.ts";
import { writeOutput } from "../shared/write-output.ts";

interface TailFlags extends StoreFlags {
  readonly follow?: boolean | undefined;
  readonly from?: string | undefined;
  readonly changes?: boolean | undefined;
  readonly skipChangeCommits?: boolean | undefined;
  readonly ignoreDeletes?: boolean | undefined;
  readonly position?: string | undefined;
  readonly poll?: number | undefined;
}

/** `varve tail TABLE`: rows of new versions as they come. */
export function addTail(program: Command): void {
  const command = program
    .command("tail")
    .summary("print the rows of new versions as they come")
    .description(
      "Print the rows that each version added as JSON lines, oldest version first. Without --from, all rows of the newest version come first.",
    )
    .argument("<table>", "folder or URI of the table")
    .option("-f, --follow", "wait for new versions until stopped")
    .option("--from <point>", "first version or time, inclusive, or latest for only what comes")
    .option(
      "--changes",
      "print every change of a row, with _change_type, _commit_version and _commit_timestamp (needs the change data feed)",
    )
    .option(
      "--skip-change-commits",
      "leave out versions that remove or change rows, and the rows that they add",
    )
    .option("--ignore-deletes", "pass over versions that only remove rows")
    .option(
      "--position <file>",
      "keep in this file how far was printed, and go on from there; rows of a run that was killed may be printed twice",
    )
    .option("--poll <time>", "how often to look for new versions with --follow; default 1s", duration)
    .addHelpText(
      "after",
      "\nExamples:\n  $ varve tail ./orders --from 3\n  $ varve tail ./orders --changes --from 5 --position seen.json\n\nWith -f, it goes on until it is stopped, as by Ctrl-C.",
    );
  withStoreFlags(command).action(tail);
}

async function tail(uri: string, flags: TailFlags): Promise<void> {
  await using table = await openedTable(uri, flags);
  const { position: file, changes, skipChangeCommits, ignoreDeletes, follow = false } = flags;
  const kept = file === undefined ? undefined : await readPosition(file);
  const from = kept ?? (await startOf(flags.from));
  const options = { changes, skipChangeCommits, ignoreDeletes, follow, pollMilliseconds: flags.poll };
  await endedBySignals(async (signal) => {
    for await (const { result, position } of table.tail({ ...options, from, signal })) {
      for await (const lines of result.jsonLines()) await printExact(lines);
      if (file !== undefined) await writeOutput(`${JSON.stringify(position)}\n`, file, true);
    }
  });
}

/** A signal is how following ends. */
async function endedBySignals(work: (signal: AbortSignal) => Promise<void>): Promise<void> {
  await stoppedBySignals((signal) =>
    work(signal).catch((error: unknown) => {
      if (!signal.aborted || !isVarveError(error, "CANCELLED")) throw error;
    }),
  );
}

async function startOf(from: string | undefined): Promise<TailOptions["from"]> {
  if (from === undefined || from === "latest") return from;
  const { parseTravelPoint } = await import("../../api/shared/table-uri.ts");
  return parseTravelPoint(from);
}

/** The position that an earlier run kept; `undefined` if there is no such file yet. */
async function readPosition(file: string): Promise<TailPosition | undefined> {
  let position: unknown;
  try {
    position = JSON.parse(await readFile(file, "utf8"));
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT") return undefined;
    throw unusable(file, error instanceof Error ? error.message : String(error), error);
  }
  if (typeof position === "object" && position !== null && "tableId" in position)
    return position as TailPosition;
  throw unusable(file, "it holds something else");
}

function unusable(file: string, reason: string, cause?: unknown): VarveError {
  const message = `Cannot read a position of tail from ${file}: ${reason}. Name another file, or remove it to start over.`;
  return new VarveError("INVALID_ARGUMENT", message, { file }, cause);
}
