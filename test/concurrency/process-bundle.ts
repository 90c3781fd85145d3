import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { rolldown } from "rolldown";
import { afterAll } from "vitest";
import options from "../../rolldown.config.ts";

/**
 * Bundles the `*-process.ts` of this folder, as they are now, and returns the folder of the bundles, which is
 * gone after the tests of the file: a process starts in a third of the processor time that it takes with a
 * loader of TypeScript.
 */
export async function bundleProcesses(): Promise<string> {
  const here = import.meta.dirname;
  const names = readdirSync(here).filter((name) => name.endsWith("-process.ts"));
  // Within the package, where the bundle finds what it imports.
  const parent = resolve(here, "../../.cache");
  mkdirSync(parent, { recursive: true });
  const dir = mkdtempSync(join(parent, "processes-"));
  afterAll(() => rmSync(dir, { recursive: true }));
  const input = Object.fromEntries(names.map((name) => [name.slice(0, -3), join(here, name)]));
  const bundle = await rolldown({ ...options, input });
  await bundle.write({ dir, format: "esm", entryFileNames: "[name].js" });
  await bundle.close();
  return dir;
}
