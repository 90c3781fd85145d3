import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, open, readFile, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { CreateBucketCommand, S3Client } from "@aws-sdk/client-s3";
import type { S3Options } from "../../src/storage/s3/s3-options.ts";
import { isRunning } from "./processes.ts";

/** A running single-node Ceph with its S3 gateway on loopback. */
export interface Ceph {
  readonly options: S3Options;
  /** Exists, and may hold objects of earlier runs. */
  readonly bucket: string;
  stop(): Promise<void>;
}

const repository = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
/** As `up.sh` has it. */
const monitorPort = 43300;
const lockFile = join(tmpdir(), "varve-ceph.lock");

/**
 * The folder with `get.sh`, `up.sh` and `down.sh`: `VARVE_CEPH_TOOLS`, or `../shared/tools/ceph` beside the
 * repository.
 *
 * Without them tests against Ceph are skipped, except in continuous integration (`CI=true`), where they fail.
 */
export function cephTools(): string | undefined {
  const named = process.env["VARVE_CEPH_TOOLS"] ?? join(repository, "../shared/tools/ceph");
  if (existsSync(join(named, "up.sh"))) return named;
  if (process.env["CI"] === "true")
    throw new Error(
      `In continuous integration Ceph must be there, but ${named}/up.sh is not. Set VARVE_CEPH_TOOLS.`,
    );
  return undefined;
}

/** Why tests against Ceph do not run, for the log. */
export const cephSkipReason =
  "skipped: no Ceph tools (set VARVE_CEPH_TOOLS to the folder that holds get.sh, up.sh and down.sh)";

/**
 * Unpacks Ceph once per machine (`VARVE_CEPH_ROOT`, or below the temporary folder) and starts it.
 *
 * Its monitor's ports are fixed, so that a lock file lets one instance run at a time; others wait.
 */
export async function startCeph(tools: string): Promise<Ceph> {
  const root = process.env["VARVE_CEPH_ROOT"] ?? join(tmpdir(), "varve-ceph-root");
  await lock();
  const work = await mkdtemp(join(tmpdir(), "varve-ceph-"));
  const stop = async (): Promise<void> => {
    try {
      await run(join(tools, "down.sh"), [join(work, "w")], join(work, "down.log"));
      await rm(work, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
    } finally {
      await rm(lockFile, { force: true });
    }
  };
  try {
    await untilFree(monitorPort);
    await run(join(tools, "get.sh"), [root], join(work, "get.log"));
    const port = await freePort();
    await run(join(tools, "up.sh"), [root, join(work, "w"), String(port)], join(work, "up.log"));
    const options = {
      endpoint: `http://127.0.0.1:${port}`,
      region: "us-east-1",
      credentials: { accessKeyId: "testkey", secretAccessKey: "testsecret" },
    };
    const client = new S3Client({ ...options, forcePathStyle: true });
    await client.send(new CreateBucketCommand({ Bucket: "bucket" }));
    client.destroy();
    return { options, bucket: "bucket", stop };
  } catch (error) {
    try {
      await stop();
    } catch (second) {
      throw new AggregateError(
        [error, second],
        `Ceph did not start, and what had started of it could not be ended: ${String(error)}`,
      );
    }
    throw error;
  }
}

/**
 * Waits while somebody who does not know of the lock, such as another user of the machine, has a monitor on
 * its fixed port.
 */
async function untilFree(port: number): Promise<void> {
  while (!(await isFree(port))) await new Promise((done) => setTimeout(done, 1000));
}

function isFree(port: number): Promise<boolean> {
  return new Promise((done) => {
    const server = createServer();
    server.once("error", () => done(false));
    server.listen(port, "127.0.0.1", () => server.close(() => done(true)));
  });
}

/**
 * Output goes to a file: the servers that the scripts leave running inherit it, and a pipe would never end.
 */
async function run(script: string, args: readonly string[], log: string): Promise<void> {
  const output = await open(log, "w");
  try {
    const code = await new Promise<number | null>((done, fail) => {
      const child = spawn("bash", [script, ...args], { stdio: ["ignore", output.fd, output.fd] });
      child.once("error", fail);
      child.once("exit", done);
    });
    if (code !== 0) throw new Error(`${script} ended with ${code}: ${await readFile(log, "utf8")}`);
  } finally {
    await output.close();
  }
}

async function lock(): Promise<void> {
  for (;;) {
    try {
      const handle = await open(lockFile, "wx");
      await handle.writeFile(String(process.pid));
      await handle.close();
      return;
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
    }
    const holder = Number(await readFile(lockFile, "utf8").catch(() => ""));
    if (holder > 0 && !isRunning(holder)) await rm(lockFile, { force: true });
    else await new Promise((done) => setTimeout(done, 250));
  }
}

function freePort(): Promise<number> {
  return new Promise((done, fail) => {
    const server = createServer();
    server.once("error", fail);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() =>
        typeof address === "object" && address !== null ? done(address.port) : fail(new Error("no port")),
      );
    });
  });
}
