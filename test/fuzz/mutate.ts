import type { Random } from "./random.ts";

const tokens = [
  "null",
  "true",
  "-1",
  "0",
  "1e400",
  "-0.0",
  "9223372036854775808",
  "18446744073709551615",
  "{}",
  "[]",
  '""',
  '"\\u0000"',
  '"\\ud800"',
  '"../../etc/passwd"',
  '"/etc/passwd"',
  '"file:///etc/passwd"',
  '"%2e%2e/%2e%2e/x"',
  '"s3://other/x"',
  '{"a":'.repeat(3000),
  "[".repeat(20_000),
  `"${"x".repeat(5000)}"`,
  '"__proto__"',
  "NaN",
  "1.5",
].map((text) => Buffer.from(text));

/**
 * Damages bytes one to four times: flips, cuts, repeats, moves and replaces parts; for JSON also whole values
 * and lines.
 */
export function mutate(bytes: Uint8Array, random: Random, isText: boolean): Buffer {
  let result: Buffer = Buffer.from(bytes);
  for (let times = 1 + random.below(4); times > 0; times--)
    result = random.below(3) > 0 && isText ? mutateText(result, random) : mutateBytes(result, random);
  return result;
}

function mutateBytes(bytes: Buffer, random: Random): Buffer {
  const at = random.below(bytes.length + 1);
  const length = 1 + random.below(random.below(4) === 0 ? 4096 : 8);
  switch (random.below(7)) {
    case 0:
      if (at < bytes.length) bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
      return bytes;
    case 1:
      if (at < bytes.length) bytes[at] = random.pick([0, 1, 0x7f, 0x80, 0xff, random.below(256)]);
      return bytes;
    case 2:
      return bytes.subarray(0, at);
    case 3:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)]);
    case 4:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at, at + length), bytes.subarray(at)]);
    case 5:
      return Buffer.concat([
        bytes.subarray(0, at),
        Buffer.from(Array.from({ length: Math.min(length, 64) }, () => random.below(256))),
        bytes.subarray(at),
      ]);
    default: {
      // Four bytes near the end are where binary formats keep lengths and offsets.
      const end = Math.max(0, bytes.length - 1 - random.below(64));
      if (end + 4 <= bytes.length)
        bytes.writeUInt32LE(
          random.pick([0, 1, 0x7fffffff, 0xffffffff, bytes.length, random.below(2 ** 31)]),
          end,
        );
      return bytes;
    }
  }
}

function mutateText(bytes: Buffer, random: Random): Buffer {
  const text = bytes.toString("latin1");
  switch (random.below(4)) {
    case 0:
      return replaceMatch(
        bytes,
        text,
        /[:[,](?:"(?:[^"\\]|\\.)*"|-?\d[\d.]*|true|false|null|\{\}|\[\])/g,
        random,
        (found) => Buffer.concat([Buffer.from(found.slice(0, 1)), random.pick(tokens)]),
      );
    case 1:
      return replaceMatch(bytes, text, /\d+/g, random, () =>
        Buffer.from(random.pick(["0", "-1", "4", "1000000000000", "99999999999999999999", "1.5", ""])),
      );
    case 2: {
      const lines = text.split("\n");
      const from = random.below(lines.length);
      const line = lines[from] ?? "";
      if (random.below(2) === 0) lines.splice(from, 1);
      else lines.splice(random.below(lines.length + 1), 0, line);
      return Buffer.from(lines.join("\n"), "latin1");
    }
    default:
      return replaceMatch(bytes, text, /"[^"\\]*"/g, random, (found) =>
        Buffer.from(
          random.pick([
            '"path"',
            '"stats"',
            '"add"',
            '"protocol"',
            '"deletionVector"',
            `${found},${found}`,
            "",
          ]),
        ),
      );
  }
}

function replaceMatch(
  bytes: Buffer,
  text: string,
  pattern: RegExp,
  random: Random,
  make: (found: string) => Buffer,
): Buffer {
  const found = [...text.matchAll(pattern)];
  if (found.length === 0) return bytes;
  const match = random.pick(found);
  return Buffer.concat([
    bytes.subarray(0, match.index),
    make(match[0]),
    bytes.subarray(match.index + match[0].length),
  ]);
}
