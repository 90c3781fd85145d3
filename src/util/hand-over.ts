import { VarveError } from "../errors.ts";

/**
 * Runs `work`, whose result takes over `resource` and closes it; if `work` fails, the resource is closed
 * here.
 */
export async function handOver<R extends AsyncDisposable, T>(
  resource: R,
  work: (resource: R) => Promise<T>,
): Promise<T> {
  try {
    return await work(resource);
  } catch (error) {
    return await undone(error, async () => resource[Symbol.asyncDispose]());
  }
}

/**
 * Takes back what failed work had begun, and throws the work's error. If that fails, too, the error says so besides:
 * the reason why the work failed is never lost.
 */
export async function undone(error: unknown, undo: () => Promise<void>): Promise<never> {
  try {
    await undo();
  } catch (second) {
    const reason = second instanceof Error ? second.message : String(second);
    const besides = `What had been begun could not be taken back: ${reason}`;
    if (!(error instanceof VarveError)) throw new AggregateError([error, second], besides);
    throw new VarveError(error.code, `${error.message} ${besides}`, error.data, error);
  }
  throw error;
}
