import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** A project that has varve installed as it is shipped, beside the packages that it depends on. */
export interface ConsumerProject {
  readonly folder: string;
  /** Compiles files of the project, by the compiler that varve itself is built with; returns what it says. */
  compile(files: readonly string[], options: object, name: string): string;
  remove(): void;
}

/** Makes a project in a folder of its own; `dist` must be built. */
export function consumerProject(): ConsumerProject {
  const folder = mkdtempSync(join(tmpdir(), "varve-test-consumer-"));
  const modules = join(folder, "node_modules");
  const varve = join(modules, "varve");
  mkdirSync(varve, { recursive: true });
  cpSync(join(root, "package.json"), join(varve, "package.json"));
  cpSync(join(root, "dist"), join(varve, "dist"), { recursive: true });
  for (const name of readdirSync(join(root, "node_modules")))
    if (!name.startsWith(".") && name !== "varve")
      symlinkSync(join(root, "node_modules", name), join(modules, name));
  writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "consumer", type: "module" }));
  return {
    folder,
    compile: (files, options, name) => compile(folder, files, options, name),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

function compile(folder: string, files: readonly string[], options: object, name: string): string {
  const compilerOptions = {
    target: "ES2022",
    lib: ["ES2023", "ESNext.Disposable"],
    types: ["node"],
    strict: true,
    skipLibCheck: true,
    ...options,
  };
  writeFileSync(join(folder, `${name}.json`), JSON.stringify({ compilerOptions, files }));
  const tsc = join(root, "node_modules", ".bin", "tsc");
  const run = spawnSync(tsc, ["-p", `${name}.json`], { cwd: folder, encoding: "utf8" });
  return `${run.stdout}${run.stderr}`;
}
