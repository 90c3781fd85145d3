import { isVarveError, VarveError } from "../../api/errors.ts";
import { removeTemporaryFolders } from "../../api/temporary-folders.ts";
import { printFailure } from "./print.ts";

const endings = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** The work under way that a signal stops, instead of ending the process. */
let stoppable: AbortController | undefined;
/** What takes the signals instead, as long as a command of the caller runs; says whether it took one. */
let forward: ((signal: NodeJS.Signals) => boolean) | undefined;
/** The signal that stopped work of this process. */
let received: NodeJS.Signals | undefined;

/**
 * Makes signals stop the work of {@link stoppedBySignals}, which then says what was committed. A second signal,
 * or one while no such work is under way, ends the process at once, without its temporary folders.
 */
export function listenForSignals(): void {
  for (const signal of endings)
    process.on(signal, () => {
      if (forward?.(signal) === true) return;
      if (stoppable !== undefined && !stoppable.signal.aborted) {
        received = signal;
        printFailure("varve: stopping; a second signal ends varve at once");
        stoppable.abort();
        return;
      }
      printFailure(`varve: ended by ${signal}`);
      removeTemporaryFolders();
      endBy(signal);
    });
}

/** What work leaves that ends before its commit. */
const unchanged =
  "before the commit: the table is unchanged, and nothing is left behind. Rows that the tests had set aside already stay in the quarantine; a repeated batch finds them there by its --batch-id.";

/**
 * Runs work that ends early, and cleans up behind itself, if a signal arrives.
 *
 * @param state what is left of the work then, as the rest of a sentence
 * @throws `CANCELLED` then, which says that nothing was committed, or `state`
 */
export async function stoppedBySignals<T>(
  work: (signal: AbortSignal) => Promise<T>,
  state = unchanged,
): Promise<T> {
  const controller = new AbortController();
  stoppable = controller;
  try {
    return await work(controller.signal);
  } catch (error) {
    if (!controller.signal.aborted || !isVarveError(error, "CANCELLED")) throw error;
    const text = `Stopped by ${received} ${state}`;
    throw new VarveError("CANCELLED", text, { signal: received }, error);
  } finally {
    stoppable = undefined;
  }
}

/**
 * Gives signals to a command that this process runs, instead of ending by them. The terminal sends its Ctrl-C to both,
 * so that is not sent again.
 */
export function forwardSignals(send: ((signal: NodeJS.Signals) => boolean) | undefined): void {
  forward =
    send &&
    ((signal) => {
      const isFromTerminal = signal === "SIGINT" && process.stdin.isTTY;
      const isTaken = isFromTerminal || send(signal);
      if (isTaken) received = signal;
      return isTaken;
    });
}

/** Forgets a signal that a command was sent and did not end by. */
export function forgetSignal(): void {
  received = undefined;
}

/** Ends the process by the signal that stopped its work, so that a shell's loop ends too. */
export function endByReceivedSignal(): void {
  if (received !== undefined) endBy(received);
}

function endBy(signal: NodeJS.Signals): void {
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
}
