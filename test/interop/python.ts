import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

const REQUIREMENTS = join(import.meta.dirname, "requirements.txt");
/** Great Expectations has a Python of its own: it wants other versions of what Spark uses too. */
const CHECKS_REQUIREMENTS = join(import.meta.dirname, "requirements-checks.txt");
/** So has MLflow, for datasets of it alone. */
const MLFLOW_REQUIREMENTS = join(import.meta.dirname, "requirements-mlflow.txt");

/** A Python that has the peers' packages, and the folder in which Spark's jars are kept. */
export interface PeerPython {
  readonly python: string;
  readonly sparkCache: string;
}

/**
 * Finds, or on the first call of a machine makes, what the peers need.
 *
 * `VARVE_PYTHON` names a Python that has the packages of requirements.txt already; otherwise a virtual
 * environment is made in the user's cache folder, once for each content of requirements.txt.
 * `VARVE_SPARK_CACHE` moves the folder of the jars, which Spark fills by itself.
 */
export function peerPython(): PeerPython {
  const cache = cacheFolder();
  const sparkCache = process.env["VARVE_SPARK_CACHE"] || join(cache, "spark");
  mkdirSync(sparkCache, { recursive: true });
  if (!succeeds("java", ["-version"]))
    throw new Error("The peers need Java 17 or later on the PATH: Spark runs on it.");
  const given = process.env["VARVE_PYTHON"];
  if (given) return { python: given, sparkCache };
  return { python: virtualEnvironment(cache, REQUIREMENTS), sparkCache };
}

/** A Python with Great Expectations: `VARVE_CHECKS_PYTHON`, or a virtual environment as for the peers. */
export function checksPython(): string {
  return process.env["VARVE_CHECKS_PYTHON"] || virtualEnvironment(cacheFolder(), CHECKS_REQUIREMENTS);
}

/** A Python with MLflow: `VARVE_MLFLOW_PYTHON`, or a virtual environment as for the peers. */
export function mlflowPython(): string {
  return process.env["VARVE_MLFLOW_PYTHON"] || virtualEnvironment(cacheFolder(), MLFLOW_REQUIREMENTS);
}

function cacheFolder(): string {
  return join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "varve");
}

function virtualEnvironment(cache: string, requirements: string): string {
  const digest = createHash("sha256").update(readFileSync(requirements)).digest("hex").slice(0, 12);
  const folder = join(cache, `python-${digest}`);
  const python = join(folder, "bin", "python");
  const complete = join(folder, "complete");
  if (existsSync(complete) && existsSync(python)) return python;
  console.log(`installing the peers' Python packages into ${folder}`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(cache, { recursive: true });
  run("python3", ["-m", "venv", folder]);
  run(python, ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", requirements]);
  writeFileSync(complete, "");
  return python;
}

function run(command: string, args: readonly string[]): void {
  const result = spawnSync(command, args, { stdio: ["ignore", "inherit", "inherit"] });
  if (result.error) throw new Error(`${command} could not be started`, { cause: result.error });
  if (result.status !== 0) throw new Error(`${command} ${args.join(" ")} ended with status ${result.status}`);
}

function succeeds(command: string, args: readonly string[]): boolean {
  return spawnSync(command, args, { stdio: "ignore" }).status === 0;
}
