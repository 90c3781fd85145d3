import { join } from "node:path";
import { mapBounded } from "../util/concurrency.ts";
import type { SourceAccess } from "./access.ts";
import { parseAddress, pathWithExtension, type SourceAddress } from "./address.ts";
import { downloadHttp } from "./http-download.ts";
import { type HttpConnections, httpConnections } from "./http-request.ts";
import { type LocalFile, writingLocalFile } from "./local-file.ts";
import { fetchObject, findObjects, type ObjectSource } from "./object-source.ts";

/** A source file that was fetched. */
export interface FetchedFile {
  /** Its address for people, which no other file of the source has. */
  readonly name: string;
  /** Local file with its bytes. */
  readonly file: string;
}

/** How files are fetched. */
export interface FetchOptions {
  /** Existing folder for the files. */
  readonly folder: string;
  readonly access: SourceAccess;
  /** Called with the number of bytes fetched so far. */
  readonly onProgress?: ((bytes: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Requests at a time. */
const mostRequests = 4;

/**
 * Fetches files into a folder; returns them by the addresses that named them, of which patterns name several.
 *
 * @throws `INVALID_URI`, `SOURCE_UNREADABLE`, `STORE_FULL`, `STORE_FORBIDDEN`, `STORE_REFUSED`, `CANCELLED`;
 * nothing continues in the background then
 */
export async function fetchFiles(
  addresses: readonly string[],
  { folder, access, onProgress, signal }: FetchOptions,
): Promise<ReadonlyMap<string, readonly FetchedFile[]>> {
  const parsed = [...new Set(addresses)].map((address) => [address, parseAddress(address)] as const);
  const byAddress = new Map<string, FetchedFile[]>(parsed.map(([address]) => [address, []]));
  const fileOf = ({ path }: Target, index: number) => join(folder, `source-${index}${extension(path)}`);
  await stoppedTogether(signal, async (stop, stopping) => {
    using connections = httpConnections();
    const found = await mapBounded(parsed, mostRequests, ([address, parts]) =>
      stopping(() => find(address, parts, access, stop)),
    );
    const targets = named(found.flat());
    const concurrency = Math.max(1, Math.floor(mostRequests / targets.length));
    let bytes = 0;
    const onBytes = (count: number) => {
      bytes += count;
      onProgress?.(bytes);
    };
    await mapBounded(targets, mostRequests, (target, index) =>
      stopping(async () => {
        const fetching = { access, connections, concurrency, signal: stop };
        await writingLocalFile(fileOf(target, index), onBytes, (file) => fetch(target, file, fetching));
      }),
    );
    for (const [index, target] of targets.entries())
      byAddress.get(target.address)?.push({ name: target.name, file: fileOf(target, index) });
  });
  return byAddress;
}

/** A file to be fetched. */
interface Target {
  /** As the caller wrote it. */
  readonly address: string;
  /** Ends in the file's extension. */
  readonly path: string;
  readonly name: string;
  readonly source: URL | ObjectSource;
}

interface Fetching {
  readonly access: SourceAccess;
  readonly connections: HttpConnections;
  readonly concurrency: number;
  readonly signal: AbortSignal;
}

async function find(
  address: string,
  parts: SourceAddress,
  access: SourceAccess,
  signal: AbortSignal,
): Promise<readonly Target[]> {
  const { name } = parts;
  if (parts.kind === "http") return [{ address, path: pathWithExtension(address), name, source: parts.url }];
  const objects = await findObjects(parts, access, signal);
  return objects.map((source) => ({ address, path: source.info.path, name: source.name, source }));
}

async function fetch(target: Target, file: LocalFile, fetching: Fetching): Promise<void> {
  const { source, name } = target;
  const { access, connections, concurrency, signal } = fetching;
  if (!(source instanceof URL)) return fetchObject(source, file, { concurrency, signal });
  const { world } = access;
  return downloadHttp({ url: source, name, connections, concurrency, world, signal }, file);
}

/** Numbers files whose addresses differ only in what is not shown, because rows are known by file and row. */
function named(targets: readonly Target[]): readonly Target[] {
  const counts = new Map<string, number>();
  return targets.map((target) => {
    const count = (counts.get(target.name) ?? 0) + 1;
    counts.set(target.name, count);
    return count === 1 ? target : { ...target, name: `${target.name} (${count})` };
  });
}

/** The extensions of a path, which show format and compression. */
function extension(path: string): string {
  return /(?:\.[a-z0-9]{1,10}){0,2}$/i.exec(path)?.[0] ?? "";
}

/**
 * Runs work whose parts (what it passes to `stopping`) stop when one of them fails or the caller cancels.
 *
 * @throws the first failure of a part, not the cancellations that it led to
 */
async function stoppedTogether(
  signal: AbortSignal | undefined,
  work: (stop: AbortSignal, stopping: <T>(part: () => Promise<T>) => Promise<T>) => Promise<void>,
): Promise<void> {
  const own = new AbortController();
  const failures: unknown[] = [];
  const stop = signal === undefined ? own.signal : AbortSignal.any([signal, own.signal]);
  try {
    await work(stop, async (part) => {
      try {
        return await part();
      } catch (error) {
        failures.push(error);
        own.abort();
        throw error;
      }
    });
  } catch (error) {
    throw failures.length === 0 ? error : failures[0];
  }
}
