import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterConflicts } from "../../api/after-conflicts.ts";
import { counted } from "../../api/counted.ts";
import { isVarveError } from "../../api/errors.ts";
import { MicroBatches } from "../../api/micro-batches.ts";
import { makeTemporaryFolder, removeTemporaryFolder } from "../../api/temporary-folders.ts";
import { realWorld } from "../../api/world.ts";
import type { AppendOptions, Table, WriteResult } from "../../index.ts";
import { linesOf } from "../shared/input-lines.ts";
import { stoppedBySignals } from "../shared/interruption.ts";
import { printWarnings } from "../shared/opened-table.ts";
import { print, printFailure } from "../shared/print.ts";
import { nameInput } from "../shared/standard-input.ts";
import { writing } from "../shared/write-output.ts";
import type { StreamFlags } from "./stream-flags.ts";

const batchBytes = 64 * 1024 * 1024;
const defaultEvery = 10_000;
const linesFile = "lines.ndjson";

/**
 * Commits the JSON lines of standard input batch by batch, each read by the engine as a file of them would be. A signal
 * ends the reading, and what was read is committed.
 *
 * With an application id, the number of lines so far is recorded with each commit; when the same input begins again,
 * that many are passed over.
 *
 * @throws the errors of an append; lines that were read and are not in the table are kept in a file, which is named on
 * standard error
 */
export async function appendStream(table: Table, flags: StreamFlags, options: AppendOptions): Promise<void> {
  const folder = makeTemporaryFolder();
  const uncommitted: Uint8Array[] = [];
  try {
    await stoppedBySignals((signal) => commitLines({ table, flags, options, folder, uncommitted, signal }));
  } catch (error) {
    await removeTemporaryFolder(folder); // makes room on a full disk
    if (uncommitted.length > 0) nameInput(join(folder, linesFile), await keep(uncommitted));
    throw error;
  }
  await removeTemporaryFolder(folder);
  await printWarnings(table);
}

interface Streaming {
  readonly table: Table;
  readonly flags: StreamFlags;
  readonly options: AppendOptions;
  readonly folder: string;
  /** Lines that were read and are not in the table yet. */
  readonly uncommitted: Uint8Array[];
  readonly signal: AbortSignal;
}

async function commitLines({ table, flags, options, folder, uncommitted, signal }: Streaming): Promise<void> {
  const { every, everyRows, appId, quiet, json } = flags;
  const landed = appId === undefined ? undefined : await table.transactionVersion(appId);
  let lines = landed ?? 0n;
  let skipped = 0n;
  let failure: { readonly error: unknown } | undefined;
  const file = join(folder, linesFile);
  const stop = new AbortController();
  const batches = new MicroBatches<Uint8Array>({
    world: realWorld,
    limits: {
      items: everyRows ?? Number.POSITIVE_INFINITY,
      bytes: batchBytes,
      milliseconds: every ?? defaultEvery,
    },
    commit: async (batch) => {
      await writeTemporaryFile(file, Buffer.concat(batch));
      const txn = appId === undefined ? undefined : { appId, version: lines + BigInt(batch.length) };
      const appendOptions = txn === undefined ? options : { ...options, txn };
      const result = await afterConflicts(() => table.append({ ndjson: file }, appendOptions));
      lines += BigInt(batch.length);
      uncommitted.splice(0, batch.length);
      if (json === true) await printJson(result);
      else if (quiet !== true) printFailure(`version ${result.version}: ${counted(result.rows, "row")}`);
    },
    onFailure: (error) => {
      failure ??= { error };
      stop.abort();
    },
  });
  for await (const line of linesOf(process.stdin, AbortSignal.any([signal, stop.signal]))) {
    if (landed !== undefined && skipped < landed) {
      skipped += 1n;
      continue;
    }
    uncommitted.push(line);
    // After a failed batch, the lines that had been read are only kept.
    if (!stop.signal.aborted)
      await batches.add(line, line.length).catch((error: unknown) => {
        if (failure === undefined) throw error;
      });
  }
  if (failure !== undefined) throw failure.error;
  await batches.end();
}

/** Prints the result of a commit as one line of JSON. */
async function printJson({ gate, ...result }: WriteResult): Promise<void> {
  const [{ stringifyJson, toJsonValue }, { summarizeVerdict }] = await Promise.all([
    import("../../api/json.ts"),
    import("../../api/verdict.ts"),
  ]);
  const plain = gate === undefined ? result : { ...result, gate: summarizeVerdict(gate) };
  print(`${stringifyJson(toJsonValue(plain))}\n`);
}

/** Keeps lines that could not be committed, because standard input cannot be read again. */
async function keep(lines: readonly Uint8Array[]): Promise<string> {
  const file = join(tmpdir(), `varve-uncommitted-${realWorld.uuid()}.ndjson`);
  const name = `${counted(lines.length, "line")} of standard input ${lines.length === 1 ? "is" : "are"}`;
  const unread = process.stdin.readableEnded ? "" : "; what came after was not read";
  try {
    await writeTemporaryFile(file, Buffer.concat(lines));
    printFailure(`varve: ${name} not in the table, and kept in ${file}${unread}`);
  } catch (error) {
    if (!isVarveError(error)) throw error;
    printFailure(`varve: ${name} not in the table, and could not be kept: ${error.message}${unread}`);
  }
  return file;
}

function writeTemporaryFile(file: string, bytes: Uint8Array): Promise<void> {
  const remedy = "Name another folder for temporary files with TMPDIR";
  return writing({ file, remedy }, () => writeFile(file, bytes, { mode: 0o600 }));
}
