import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterConflicts } from "../../api/after-conflicts.ts";
import { counted } from "../../api/counted.ts";
import { MicroBatches } from "../../api/micro-batches.ts";
import { makeTemporaryFolder, removeTemporaryFolder } from "../../api/temporary-folders.ts";
import { realWorld } from "../../api/world.ts";
import type { AppendOptions, Table, WriteResult } from "../../index.ts";
import { stoppedBySignals } from "../shared/interruption.ts";
import { printWarnings } from "../shared/opened-table.ts";
import { print, printFailure } from "../shared/print.ts";
import { nameInput } from "../shared/standard-input.ts";
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
    if (uncommitted.length > 0) nameInput(join(folder, linesFile), await keep(uncommitted));
    throw error;
  } finally {
    await removeTemporaryFolder(folder);
  }
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
  const input = process.stdin;
  const batches = new MicroBatches<Uint8Array>({
    world: realWorld,
    limits: {
      items: everyRows ?? Number.POSITIVE_INFINITY,
      bytes: batchBytes,
      milliseconds: every ?? defaultEvery,
    },
    commit: async (batch) => {
      await writeFile(file, Buffer.concat(batch), { mode: 0o600 });
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
      input.destroy();
    },
  });
  signal.addEventListener("abort", () => input.destroy());
  try {
    for await (const line of linesOf(input)) {
      if (landed !== undefined && skipped < landed) {
        skipped += 1n;
        continue;
      }
      uncommitted.push(line);
      await batches.add(line, line.length);
    }
  } catch (error) {
    // A stream that is destroyed fails for its reader.
    if (failure === undefined && !signal.aborted) throw error;
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
  await writeFile(file, Buffer.concat(lines), { mode: 0o600 });
  printFailure(
    `varve: ${counted(lines.length, "line")} of standard input ${lines.length === 1 ? "is" : "are"} not in the table, and kept in ${file}`,
  );
  return file;
}

/** The lines of a stream, each with its line feed; empty ones are left out. */
async function* linesOf(input: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let rest: Buffer[] = [];
  for await (const chunk of input) {
    const bytes = Buffer.from(chunk);
    let from = 0;
    for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, from)) {
      const line = Buffer.concat([...rest, bytes.subarray(from, end + 1)]);
      rest = [];
      from = end + 1;
      if (!isBlank(line)) yield line;
    }
    if (from < bytes.length) rest.push(bytes.subarray(from));
  }
  const last = Buffer.concat(rest);
  if (!isBlank(last)) yield Buffer.concat([last, Buffer.from("\n")]);
}

function isBlank(line: Buffer): boolean {
  return line.every((byte) => byte === 32 || byte === 9 || byte === 10 || byte === 13);
}
