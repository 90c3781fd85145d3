/** Runs `work`, whose result takes `resource` over and closes it; where `work` fails, it is closed here. */
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
