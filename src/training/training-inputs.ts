import { isVarveError, VarveError } from "../errors.ts";
import { stateFingerprint } from "../fingerprint/state-fingerprint.ts";
import type { LogSnapshot, TableContext } from "../log/contract.ts";
import { openLog } from "../log/snapshot/open-log.ts";
import { addPin } from "../pins/add-pin.ts";
import { checkPins } from "../pins/check-pins.ts";
import { openPin } from "../pins/reading/open-pin.ts";
import { pinOfVersion } from "../pins/reading/pin-of-version.ts";
import { type Pin, readPin } from "../pins/reading/pin-record.ts";
import { removePin } from "../pins/remove-pin.ts";
import { missingFiles } from "../table/scan/missing-files.ts";
import { liveFiles } from "../write/stages/live-files.ts";
import type { TrainingInput } from "./record.ts";

/** A version that is read, and what the record says of it. */
export interface OpenedInput {
  readonly log: LogSnapshot;
  readonly input: TrainingInput;
}

/** Pins the versions that a training set reads, each when it is first read, and opens the pins. */
export class PinnedInputs {
  readonly #set: string;
  readonly #logs: ReadonlyMap<string, LogSnapshot>;
  readonly #signal: AbortSignal | undefined;
  readonly #opened = new Map<string, OpenedInput>();
  readonly #added: { readonly context: TableContext; readonly pin: string }[] = [];
  /** One pin after the other: two names may be the same version. */
  #last: Promise<unknown> = Promise.resolve();

  /** @param logs versions by their names; a pin is used as it is */
  constructor(set: string, logs: ReadonlyMap<string, LogSnapshot>, signal: AbortSignal | undefined) {
    this.#set = set;
    this.#logs = logs;
    this.#signal = signal;
  }

  /** @throws `INVALID_ARGUMENT` for an unknown name, errors of pinning */
  async open(name: string): Promise<LogSnapshot> {
    const opening = this.#last.then(() => this.#openNext(name));
    this.#last = opening.catch(() => undefined);
    return opening;
  }

  /** The inputs in the order of their names as they were given. @throws `INVALID_ARGUMENT` naming one that nothing reads */
  recorded(): readonly TrainingInput[] {
    return [...this.#logs.keys()].map((name) => {
      const opened = this.#opened.get(name);
      if (opened !== undefined) return opened.input;
      throw new VarveError(
        "INVALID_ARGUMENT",
        `The query of the training set does not read the input ${name}. Leave it out, or name it in the query.`,
        { name },
      );
    });
  }

  /** Removes the pins that were added, because nothing came of the set. */
  async undo(): Promise<void> {
    // Of several inputs that were opened at once, the others may still be pinned after one has failed.
    for (let last: unknown; last !== this.#last; await last) last = this.#last;
    for (const { context, pin } of this.#added) await removePin(context, pin);
  }

  async #openNext(name: string): Promise<LogSnapshot> {
    const earlier = this.#opened.get(name);
    if (earlier !== undefined) return earlier.log;
    const log = this.#logs.get(name);
    if (log === undefined)
      throw new VarveError(
        "INVALID_ARGUMENT",
        `The training set has no input ${name}; its inputs are ${[...this.#logs.keys()].join(", ") || "none"}.`,
        { name },
      );
    const { context, pin } = (await pinOfVersion(log)) ?? (await this.#pin(log));
    const input: TrainingInput = {
      name,
      table: context.store.uri,
      tableId: pin.tableId,
      version: pin.version,
      pin: pin.name,
      fingerprint: pin.fingerprint,
    };
    // The pin is what is read again later, file by file in the same order.
    const opened = { log: (await openPin(context, pin.name)).log, input };
    this.#opened.set(name, opened);
    return opened.log;
  }

  async #pin(log: LogSnapshot): Promise<{ readonly context: TableContext; readonly pin: Pin }> {
    const { context } = log;
    const name = `${this.#set}.v${log.version}`;
    const pin = await addPin(log, name, { reason: `training set ${this.#set}`, signal: this.#signal });
    if (pin.outcome === "pinned") this.#added.push({ context, pin: name });
    return { context, pin };
  }
}

/** Where an input of a record is found: its pin, the table itself, or nowhere for the reason. */
export interface FoundInput {
  readonly name: string;
  readonly from: "pin" | "table" | "nowhere";
  readonly log?: LogSnapshot | undefined;
  readonly reason?: string | undefined;
}

/** Looks for an input of a record: in its pin if that is whole, else in the table if it still has the version. */
export async function findInput(
  input: TrainingInput,
  context: TableContext,
  { signal }: { readonly signal?: AbortSignal | undefined } = {},
): Promise<FoundInput> {
  const { name, tableId, version, pin, fingerprint } = input;
  const problems: string[] = [];
  const attempt = async (what: string, open: () => Promise<LogSnapshot | string>) => {
    try {
      const found = await open();
      if (typeof found !== "string") return found;
      problems.push(`${what} ${found}`);
    } catch (error) {
      if (!isVarveError(error) || error.code === "CANCELLED" || error.code.startsWith("STORE_")) throw error;
      problems.push(error.message);
    }
    return undefined;
  };
  const pinned = await attempt(`the pin ${pin}`, async () => {
    const kept = await readPin(context, pin);
    if (kept === undefined) return "is gone";
    if (kept.tableId !== tableId || kept.version !== version || kept.fingerprint !== fingerprint)
      return "keeps something else";
    const [check] = await checkPins(context, { name: pin, signal });
    if (check?.state !== "sound") return `is ${check?.state ?? "gone"}`;
    return (await openPin(context, pin)).log;
  });
  if (pinned !== undefined) return { name, from: "pin", log: pinned };
  const own = await attempt(`version ${version}`, async () => {
    const log = await openLog(context, { version, signal });
    if (log.metadata.id !== tableId) return "is of another table that is there now";
    if ((await stateFingerprint(log, { signal })) !== fingerprint) return "has other files than it had";
    const missing = await missingFiles(context, await liveFiles(log));
    return missing === undefined ? log : `has lost files: ${missing.text}`;
  });
  if (own !== undefined) return { name, from: "table", log: own };
  return { name, from: "nowhere", reason: problems.join("; ") };
}
