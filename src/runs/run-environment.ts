import { readFile, stat } from "node:fs/promises";
import { hostname } from "node:os";
import { dirname, join } from "node:path";
import { systemErrorCode } from "../util/system-refusals.ts";
import { fileDigest, NoFileError } from "./artifact.ts";
import { gitState } from "./git-state.ts";
import type { RunEnvironment } from "./run-record.ts";

/** What decides how an environment is recorded. */
export interface EnvironmentOptions {
  /** Program and arguments. */
  readonly command: readonly string[];
  readonly folder: string;
  /** Environment variables to record besides those of varve's list. */
  readonly variables: readonly string[];
  readonly given?: RunEnvironment["given"];
}

/**
 * Variables of which results may depend, and which hold no secrets. Others are recorded only if the caller names them.
 */
const allowedVariables = [
  "CUDA_VISIBLE_DEVICES",
  "LANG",
  "LC_ALL",
  "MKL_NUM_THREADS",
  "NODE_ENV",
  "OMP_NUM_THREADS",
  "OPENBLAS_NUM_THREADS",
  "PYTHONHASHSEED",
  "TZ",
];

const lockFiles = [
  "package-lock.json",
  "npm-shrinkwrap.json",
  "yarn.lock",
  "pnpm-lock.yaml",
  "bun.lock",
  "deno.lock",
  "uv.lock",
  "poetry.lock",
  "pdm.lock",
  "Pipfile.lock",
  "pixi.lock",
  "conda-lock.yml",
  "requirements.txt",
  "environment.yml",
  "renv.lock",
  "Cargo.lock",
  "go.sum",
  "Gemfile.lock",
];

const mostPackages = 500;
const packageName = /^(?:@[^/\0]+\/)?[^/\0]+$/;

/** Finds out about the present environment what can be recorded. @throws errors of the file system */
export async function runEnvironment(options: EnvironmentOptions): Promise<RunEnvironment> {
  const { command, folder, variables, given } = options;
  const { git, ...found } = await gitState(folder);
  const top = "top" in found ? found.top : undefined;
  return {
    git,
    gitReason: "gitReason" in found ? found.gitReason : undefined,
    lockFiles: await nearest(folder, top, locksIn),
    command: withoutSecrets(command),
    folder,
    node: process.version,
    packages: Object.fromEntries(await nearest(folder, top, packagesIn)),
    platform: `${process.platform} ${process.arch}`,
    host: hostname(),
    pid: process.pid,
    variables: Object.fromEntries(
      [...new Set([...allowedVariables, ...variables])].sort().flatMap((name) => {
        const value = process.env[name];
        return value === undefined ? [] : [[name, value]];
      }),
    ),
    given,
  };
}

/** What the folder has, or the nearest above it that has any, up to the top of its repository. */
async function nearest<T>(
  folder: string,
  top: string | undefined,
  look: (folder: string) => Promise<readonly T[]>,
): Promise<readonly T[]> {
  for (let place = folder; ; place = dirname(place)) {
    const found = await look(place);
    if (found.length > 0 || place === top || place === dirname(place)) return found;
  }
}

async function locksIn(folder: string): Promise<{ file: string; hash: string }[]> {
  const locks: { file: string; hash: string }[] = [];
  for (const name of lockFiles) {
    const file = join(folder, name);
    const hash = await ifThere(() => fileDigest(file));
    if (hash !== undefined) locks.push({ file, hash });
  }
  return locks;
}

/** Names and installed versions of the packages that a package.json in the folder names. */
async function packagesIn(folder: string): Promise<[string, string][]> {
  const manifest = await manifestIn(folder);
  const wanted = ["dependencies", "devDependencies", "optionalDependencies"].flatMap((kind) =>
    Object.keys(objectOf(manifest?.[kind]) ?? {}),
  );
  const versions: [string, string][] = [];
  for (const name of [...new Set(wanted)].sort().slice(0, mostPackages)) {
    if (!packageName.test(name) || name.split("/").includes("..")) continue;
    const version = (await manifestIn(join(folder, "node_modules", name)))?.["version"];
    if (typeof version === "string") versions.push([name, version]);
  }
  return versions;
}

async function manifestIn(folder: string): Promise<Readonly<Record<string, unknown>> | undefined> {
  const file = join(folder, "package.json");
  const text = await ifThere(async () => ((await stat(file)).isFile() ? readFile(file, "utf8") : undefined));
  if (text === undefined) return undefined;
  try {
    return objectOf(JSON.parse(text));
  } catch (error) {
    // A manifest that is not JSON names no packages.
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === "object" && value !== null
    ? (value as Readonly<Record<string, unknown>>)
    : undefined;
}

async function ifThere<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    const code = systemErrorCode(error);
    if (error instanceof NoFileError || (code !== undefined && unreadable.has(code))) return undefined;
    throw error;
  }
}

const unreadable: ReadonlySet<string> = new Set([
  "ENOENT",
  "ENOTDIR",
  "EACCES",
  "EPERM",
  "ELOOP",
  "EISDIR",
  "ENAMETOOLONG",
]);

const secretName =
  /(?:pass(?:word|wd|phrase)?|secret|token|credential|api-?_?key|private-?_?key|access-?_?key)/i;

/** The command, in which values of options that are named like secrets are replaced. */
function withoutSecrets(command: readonly string[]): string[] {
  let isSecret = false;
  return command.map((argument) => {
    const hidden = isSecret && !argument.startsWith("-");
    const option = /^(--?[A-Za-z][\w-]*|[A-Z_][A-Z0-9_]*)(=)?/.exec(argument);
    const [, name = "", equals] = option ?? [];
    isSecret = name.startsWith("-") && equals === undefined && secretName.test(name);
    if (hidden) return "***";
    if (equals !== undefined && secretName.test(name)) return `${name}=***`;
    return argument.replace(/(\w+:\/\/[^/\s:@]*:)[^/\s@]+@/g, "$1***@");
  });
}
