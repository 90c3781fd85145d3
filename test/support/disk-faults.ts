import fs from "node:fs";
import fsPromises from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";

const originals: [module: object, name: string, value: unknown][] = [];

/** Those with names such as `statSync` are of `node:fs`, all others of `node:fs/promises`. */
function moduleOf(name: string): object {
  return name.endsWith("Sync") ? fs : fsPromises;
}

/** Puts a function in the place of one of `node:fs/promises` or `node:fs`, until {@link restoreDisk}. */
export function replaceFs(name: string, replacement: unknown): void {
  const module = moduleOf(name);
  originals.push([module, name, Reflect.get(module, name)]);
  Reflect.set(module, name, replacement);
  syncBuiltinESMExports();
}

/** Ends every fault that was injected; to be called after each test. */
export function restoreDisk(): void {
  for (const [module, name, value] of originals.splice(0).reverse()) Reflect.set(module, name, value);
  syncBuiltinESMExports();
}

/** Calls of a function of `node:fs/promises` or `node:fs` fail with a code where their first argument is a wanted one. */
export function failDisk(name: string, code: string, when: (file: string) => boolean = () => true): void {
  const module = moduleOf(name);
  const original: unknown = Reflect.get(module, name);
  if (typeof original !== "function") throw new Error(`there is no ${name}`);
  const call = (file: string, ...rest: unknown[]): unknown => {
    if (when(file)) throw systemError(code);
    return Reflect.apply(original, module, [file, ...rest]);
  };
  replaceFs(name, module === fs ? call : async (file: string, ...rest: unknown[]) => call(file, ...rest));
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
