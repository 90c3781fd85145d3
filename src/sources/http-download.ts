import type { IncomingMessage } from "node:http";
import { isVarveError } from "../errors.ts";
import { backoffDelay } from "../util/backoff.ts";
import { cancelled, throwIfCancelled } from "../util/cancel.ts";
import { mapBounded } from "../util/concurrency.ts";
import { changed, HttpFailure, networkFailure, unreadableAddress, wrongLength } from "./http-failure.ts";
import { get, type HttpAnswer, type HttpConnections } from "./http-request.ts";
import type { LocalFile } from "./local-file.ts";

/** What is downloaded, and how. */
export interface Download {
  readonly url: URL;
  /** The address for people. */
  readonly name: string;
  readonly connections: HttpConnections;
  /** Concurrent requests. */
  readonly concurrency: number;
  /** Waits between attempts, with jitter. */
  readonly world: {
    readonly random: () => number;
    readonly sleep: (milliseconds: number, signal?: AbortSignal) => Promise<void>;
  };
  /** Default 8. */
  readonly attempts?: number | undefined;
  /** Bytes per request; default 8 MiB. */
  readonly partBytes?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

const defaultPartBytes = 8 * 2 ** 20;
const baseMilliseconds = 50;
const longestMilliseconds = 10_000;
/** What an address answers after its time. */
const expiredStatuses: ReadonlySet<number | undefined> = new Set([401, 403, 404, 410]);

/**
 * Downloads a file by ranges if the server offers them and says by an ETag or a time that they are of the
 * same file; otherwise in one request. The body is written as it arrives. An attempt that fails is repeated,
 * like those on S3: a range from its start, a whole download from the file's.
 *
 * @throws `SOURCE_UNREADABLE` naming the address without its query, with the status; `CANCELLED`, and what the
 * file throws
 */
export async function downloadHttp(download: Download, file: LocalFile): Promise<void> {
  const place: Place = { original: download.url, current: download.url };
  const rest = await repeated(download, () => readFirst(download, place, file));
  if (rest === undefined) return;
  await mapBounded(partsOf(rest, download), download.concurrency, (part) =>
    repeated(download, () => readPart(download, place, file, { ...part, rest })),
  );
}

/** Ranges one by one, because the total is what the server says. */
function* partsOf({ next, total }: Rest, { partBytes = defaultPartBytes }: Download) {
  for (let start = next; start < total; start += partBytes)
    yield { start, last: Math.min(start + partBytes, total) - 1 };
}

/** Where a file is: an address that a redirect led to may expire before the one that it was reached by. */
interface Place {
  readonly original: URL;
  current: URL;
}

/** What is left after the first part. */
interface Rest {
  readonly next: number;
  readonly total: number;
  readonly validator: string;
}

async function readFirst(download: Download, place: Place, file: LocalFile): Promise<Rest | undefined> {
  const { partBytes = defaultPartBytes } = download;
  const answer = await ask(download, place, [0, partBytes - 1]);
  if (answer === undefined) return readWhole(download, place, file);
  if (!answer.isPart) return writeWhole(answer, file);
  const range = contentRange(answer);
  const validator = validatorOf(answer);
  const total = range?.total;
  if (range === undefined || range.start !== 0 || total === undefined || validator === undefined) {
    answer.body.destroy();
    return readWhole(download, place, file);
  }
  const next = range.last + 1;
  await writeBody(answer.body, file, 0, next);
  return next === total ? undefined : { next, total, validator };
}

async function readWhole(download: Download, place: Place, file: LocalFile): Promise<undefined> {
  const answer = await ask(download, place, undefined);
  if (answer === undefined || answer.isPart) {
    answer?.body.destroy();
    throw new HttpFailure({
      what: "the server gives only a part of the file",
      remedy: "Read it by other means and pipe it to varve with - as the file.",
      passing: false,
    });
  }
  return writeWhole(answer, file);
}

async function writeWhole({ body, headers }: HttpAnswer, file: LocalFile): Promise<undefined> {
  const length = headers["content-length"];
  await file.clear();
  await writeBody(body, file, 0, length === undefined ? undefined : Number(length));
}

async function readPart(
  download: Download,
  place: Place,
  file: LocalFile,
  { start, last, rest }: { readonly start: number; readonly last: number; readonly rest: Rest },
): Promise<void> {
  const answer = await ask(download, place, [start, last]);
  const range = answer?.isPart === true ? contentRange(answer) : undefined;
  const same =
    range?.start === start &&
    range.last === last &&
    range.total === rest.total &&
    answer !== undefined &&
    validatorOf(answer) === rest.validator;
  if (!same) {
    answer?.body.destroy();
    throw changed();
  }
  await writeBody(answer.body, file, start, last + 1 - start);
}

/** The answer to a request; `undefined` if the range is not in the file. */
async function ask(
  download: Download,
  place: Place,
  range: readonly [number, number] | undefined,
): Promise<HttpAnswer | undefined> {
  const { connections, signal } = download;
  try {
    const answer = await get(connections, { url: place.current, range, signal });
    requireOwnBytes(answer);
    place.current = answer.url;
    return answer;
  } catch (error) {
    const status = error instanceof HttpFailure ? error.details.status : undefined;
    if (status === 416 && range !== undefined) return undefined;
    if (place.current === place.original || !expiredStatuses.has(status)) throw error;
    place.current = place.original;
    return await ask(download, place, range);
  }
}

/** Text files are decompressed by their reader, from gzip only. */
function requireOwnBytes({ headers, body }: HttpAnswer): void {
  const encoding = headers["content-encoding"]?.toLowerCase() ?? "identity";
  if (["identity", "gzip", "x-gzip"].includes(encoding)) return;
  body.destroy();
  throw new HttpFailure({
    what: `the server compresses it with ${JSON.stringify(encoding)}, although it was asked not to`,
    remedy: "Pipe it: curl --compressed URL | varve append TABLE - --input-format csv.",
    passing: false,
  });
}

async function writeBody(
  body: IncomingMessage,
  file: LocalFile,
  position: number,
  length: number | undefined,
): Promise<void> {
  let received = 0;
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      if (length !== undefined && received + chunk.length > length)
        throw wrongLength(received + chunk.length, length);
      await file.write(chunk, position + received);
      received += chunk.length;
    }
    if (length !== undefined && received !== length) throw wrongLength(received, length);
  } catch (error) {
    file.forget(received);
    throw error;
  }
}

function contentRange({ headers }: HttpAnswer) {
  const match = /^bytes (\d+)-(\d+)\/(\d+|\*)$/i.exec(headers["content-range"]?.trim() ?? "");
  if (match === null) return undefined;
  const [start, last, total] = [match[1], match[2], match[3]].map(Number);
  if (start === undefined || last === undefined || last < start) return undefined;
  const known = total !== undefined && Number.isSafeInteger(total) && last < total;
  return { start, last, total: known ? total : undefined };
}

/** What differs if the file does: its ETag, else its time. */
function validatorOf({ headers }: HttpAnswer): string | undefined {
  return headers.etag ?? headers["last-modified"];
}

async function repeated<T>(download: Download, attempt: () => Promise<T>): Promise<T> {
  const { name, signal, world, attempts = 8 } = download;
  for (let count = 1; ; count++) {
    throwIfCancelled(signal, `fetching ${name}`);
    try {
      return await attempt();
    } catch (error) {
      if (signal?.aborted) throw cancelled(`fetching ${name}`, signal.reason);
      const failure = isVarveError(error) ? undefined : networkFailure(error);
      if (failure === undefined) throw error;
      const { passing, retryAfterMilliseconds = 0, status } = failure.details;
      if (!passing || count >= attempts) throw unreadableAddress(name, failure, count);
      const base = status === 429 || status === 503 ? baseMilliseconds * 10 : baseMilliseconds;
      const delay = backoffDelay(world, count - 1, base, longestMilliseconds);
      await pause(download, Math.max(delay, Math.min(retryAfterMilliseconds, longestMilliseconds)));
    }
  }
}

async function pause({ world, signal, name }: Download, milliseconds: number): Promise<void> {
  try {
    await world.sleep(milliseconds, signal);
  } catch (error) {
    throw cancelled(`fetching ${name}`, error);
  }
}
