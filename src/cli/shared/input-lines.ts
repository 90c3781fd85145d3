import type { Readable } from "node:stream";

/**
 * The lines of a stream, each with its line feed; empty ones are left out.
 *
 * When `stop` is aborted, the stream is destroyed, and what it had read by then comes as the last lines. If it was cut
 * off within a line of JSON, this part is left out.
 */
export async function* linesOf(input: Readable, stop: AbortSignal): AsyncGenerator<Uint8Array> {
  let rest: Buffer[] = [];
  for await (const bytes of chunksOf(input, stop)) {
    let from = 0;
    for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, from)) {
      const line = Buffer.concat([...rest, bytes.subarray(from, end + 1)]);
      rest = [];
      from = end + 1;
      if (!isBlank(line)) yield line;
    }
    if (from < bytes.length) rest.push(bytes.subarray(from));
  }
  const last = Buffer.concat(rest);
  if (!isBlank(last) && (input.readableEnded || isJson(last))) yield Buffer.concat([last, Buffer.from("\n")]);
}

async function* chunksOf(input: Readable, stop: AbortSignal): AsyncGenerator<Buffer> {
  const buffered: Buffer[] = [];
  const end = () => {
    const left: Buffer | null = input.read();
    if (left !== null) buffered.push(left);
    input.destroy();
  };
  if (stop.aborted) end();
  stop.addEventListener("abort", end, { once: true });
  try {
    for await (const chunk of input) yield Buffer.from(chunk);
  } catch (error) {
    // A stream that is destroyed fails for its reader.
    if (!stop.aborted) throw error;
  } finally {
    stop.removeEventListener("abort", end);
  }
  yield* buffered;
}

function isBlank(line: Buffer): boolean {
  return line.every((byte) => byte === 32 || byte === 9 || byte === 10 || byte === 13);
}

function isJson(line: Buffer): boolean {
  try {
    JSON.parse(line.toString("utf8"));
    return true;
  } catch {
    return false;
  }
}
