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
    await resource[Symbol.asyncDispose]();
    throw error;
  }
}
