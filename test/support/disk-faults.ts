import fsPromises from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";

const originals: [name: string, value: unknown][] = [];

/** Puts a function in the place of one of `node:fs/promises`, until {@link restoreDisk}. */
export function replaceFs(name: string, replacement: unknown): void {
  originals.push([name, Reflect.get(fsPromises, name)]);
  Reflect.set(fsPromises, name, replacement);
  syncBuiltinESMExports();
}

/** Ends every fault that was injected; to be called after each test. */
export function restoreDisk(): void {
  for (const [name, value] of originals.splice(0).reverse()) Reflect.set(fsPromises, name, value);
  syncBuiltinESMExports();
}

/** Calls of a function of `node:fs/promises` fail with a code where their first argument is a wanted one. */
export function failDisk(name: string, code: string, when: (file: string) => boolean = () => true): void {
  const original: unknown = Reflect.get(fsPromises, name);
  if (typeof original !== "function") throw new Error(`there is no ${name}`);
  replaceFs(name, async (file: string, ...rest: unknown[]) => {
    if (when(file)) throw systemError(code);
    return (await Reflect.apply(original, fsPromises, [file, ...rest])) as unknown;
  });
}

/** Flushing a file or folder fails with a code. */
export function failSync(code: string, when: (file: string) => boolean): void {
  const { open } = fsPromises;
  replaceFs("open", async (...args: Parameters<typeof open>) => {
    const handle = await open(...args);
    if (when(String(args[0]))) handle.sync = async () => Promise.reject(systemError(code));
    return handle;
  });
}

function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: injected`), { code });
}
