/** Files below `src/` whose SQL is still put together as plain strings; the list only grows shorter. */
export const unmoved: ReadonlySet<string> = new Set([]);
