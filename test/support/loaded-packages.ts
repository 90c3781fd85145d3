import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** Writes the address of each module that an `import` finds into the file that `VARVE_LOADED` names. */
const hooks = `
import { appendFileSync } from "node:fs";
export async function resolve(specifier, context, next) {
  const found = await next(specifier, context);
  appendFileSync(process.env.VARVE_LOADED, found.url + "\\n");
  return found;
}`;

/** Writes what varve's own files load by `require`, too. */
const required = `
import { appendFileSync } from "node:fs";
const load = Module._load;
Module._load = function (request, parent, ...rest) {
  if (parent?.filename?.includes("/dist/") && !parent.filename.includes("/node_modules/"))
    appendFileSync(process.env.VARVE_LOADED, Module._resolveFilename(request, parent) + "\\n");
  return load.call(this, request, parent, ...rest);
};`;

/**
 * The packages that a process of Node loads from its start to its end, sorted, and how many files of varve's
 * own.
 */
export function loadedPackages(...args: readonly string[]): {
  readonly packages: readonly string[];
  readonly ownFiles: number;
} {
  const folder = mkdtempSync(join(tmpdir(), "varve-test-loaded-"));
  try {
    const loaded = join(folder, "loaded.txt");
    const register = join(folder, "register.mjs");
    const text = `import Module, { register } from "node:module";
${required}
register(${JSON.stringify(`data:text/javascript,${encodeURIComponent(hooks)}`)});\n`;
    writeFileSync(register, text);
    const env = { ...process.env, VARVE_LOADED: loaded };
    const run = spawnSync(process.execPath, ["--import", register, ...args], {
      cwd: root,
      env,
      encoding: "utf8",
    });
    if (run.status !== 0)
      throw new Error(`node ${args.join(" ")} ended with exit code ${run.status}: ${run.stderr}`);
    const addresses = readFileSync(loaded, "utf8").split("\n");
    const packages = addresses.flatMap(
      (address) => /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(address)?.[1] ?? [],
    );
    const own = addresses.filter(
      (address) => address.includes("/dist/") && !address.includes("/node_modules/"),
    );
    return { packages: [...new Set(packages)].sort(), ownFiles: new Set(own).size };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
