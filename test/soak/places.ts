import { readdir, readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { GetObjectCommand, ListObjectsV2Command, S3Client } from "@aws-sdk/client-s3";
import type { S3Options } from "../../src/storage/s3/s3-options.ts";
import { cephTools, startCeph } from "../support/ceph.ts";
import { type FaultProxy, type FaultRates, proxyFaults, startFaultProxy } from "../support/fault-proxy.ts";
import { startS3Server } from "../support/s3-server.ts";

/** Names of the stores that a soak can run on. */
export const storeNames = ["disk", "s3", "ceph"] as const;
export type StoreName = (typeof storeNames)[number];

/** Where a soak's table is, and a way to its files that shares nothing with varve. */
export interface Place {
  readonly uri: string;
  /** As the processes reach it: through the fault proxy. */
  readonly s3?: S3Options;
  /** As calm work reaches it. */
  readonly calm?: S3Options;
  readonly proxy?: FaultProxy;
  readonly files: PlainFiles;
  close(): Promise<void>;
}

/** The files below the table, by their raw paths. */
export interface PlainFiles {
  list(folder: string): Promise<string[]>;
  read(path: string): Promise<Buffer>;
}

/** Opens a place for a new table; its folder, if any, is `folder`. */
export async function openPlace(store: StoreName, folder: string, seed: number): Promise<Place> {
  if (store === "disk")
    return {
      uri: join(folder, "table"),
      files: diskFiles(join(folder, "table")),
      close: async () => undefined,
    };
  const server = store === "s3" ? await startMemoryServer() : await startCephServer();
  const proxy = await startFaultProxy({ target: server.options.endpoint, seed, rates: {} });
  const key = `soak-${seed}/table`;
  return {
    uri: `s3://bucket/${key}`,
    s3: { ...server.options, endpoint: proxy.endpoint, idleTimeoutMilliseconds: 10_000 },
    calm: server.options,
    proxy,
    files: bucketFiles(server.options, key),
    close: async () => {
      await proxy.close();
      await server.stop();
    },
  };
}

/** Each kind of fault as often as the others, a few in a hundred requests in all. */
export const soakRates: FaultRates = Object.fromEntries(proxyFaults.map((kind) => [kind, 0.006]));

type KeyedOptions = Awaited<ReturnType<typeof startS3Server>>["options"];

async function startMemoryServer(): Promise<{ readonly options: KeyedOptions; stop(): Promise<void> }> {
  const server = await startS3Server();
  return { options: server.options, stop: () => server.close() };
}

async function startCephServer(): Promise<{ readonly options: KeyedOptions; stop(): Promise<void> }> {
  const tools = cephTools();
  if (tools === undefined)
    throw new Error(
      "There are no Ceph tools: set VARVE_CEPH_TOOLS to the folder that holds get.sh, up.sh and down.sh.",
    );
  const ceph = await startCeph(tools);
  return { options: ceph.options as KeyedOptions, stop: () => ceph.stop() };
}

function diskFiles(root: string): PlainFiles {
  return {
    list: async (folder) => {
      try {
        const found = await readdir(join(root, folder), { recursive: true, withFileTypes: true });
        return found
          .filter((entry) => entry.isFile())
          .map((entry) => relative(root, join(entry.parentPath, entry.name)));
      } catch (error) {
        if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
        throw error;
      }
    },
    read: (path) => readFile(join(root, path)),
  };
}

function bucketFiles(options: KeyedOptions, key: string): PlainFiles {
  const { endpoint, region } = options;
  const { accessKeyId, secretAccessKey } = options.credentials;
  const client = new S3Client({
    endpoint,
    region,
    credentials: { accessKeyId, secretAccessKey },
    forcePathStyle: true,
  });
  return {
    list: async (folder) => {
      const paths: string[] = [];
      let token: string | undefined;
      do {
        const page = await client.send(
          new ListObjectsV2Command({
            Bucket: "bucket",
            Prefix: `${key}/${folder === "." ? "" : `${folder}/`}`,
            ContinuationToken: token,
          }),
        );
        for (const { Key = "" } of page.Contents ?? []) paths.push(Key.slice(key.length + 1));
        token = page.NextContinuationToken;
      } while (token !== undefined);
      return paths;
    },
    read: async (path) => {
      const { Body } = await client.send(new GetObjectCommand({ Bucket: "bucket", Key: `${key}/${path}` }));
      return Buffer.from((await Body?.transformToByteArray()) ?? []);
    },
  };
}
