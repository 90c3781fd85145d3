import { expect, it } from "vitest";
import { addedParts } from "../../src/log/segment/kept-parts.ts";
import type { TailPart } from "../../src/log/segment/tail-read.ts";

const megabyte = 1024 * 1024;

/** A commit of which bytes are kept, or one that was too large for that. */
function commit(version: number, bytes: number | undefined): TailPart {
  const file = { path: `_delta_log/${version}.json`, size: bytes ?? 100 * megabyte, modified: 0 };
  return {
    file: { from: version, to: version, file },
    head: [],
    longestLine: 0,
    bytes: bytes === undefined ? undefined : new Uint8Array(bytes),
  };
}

it("bytes of commits that refreshing added stay bounded with large commits between them", () => {
  let parts: readonly TailPart[] = [];
  for (let version = 1; version <= 30; version++)
    parts = addedParts(parts, [commit(version, version % 5 === 0 ? undefined : 2 * megabyte)]);
  const kept = parts.flatMap(({ bytes, file }) => (bytes === undefined ? [] : [file.from]));
  expect(kept).toEqual([26, 27, 28, 29]);
});
