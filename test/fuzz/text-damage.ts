import type { EngineColumn, StageOptions } from "../../src/engine/core/contract.ts";
import type { Random } from "./random.ts";

/** Whether types are inferred, given, or given with cells and lines that do not fit set aside. */
export type StagingMode = (typeof modes)[number];

/** All ways of staging a text. */
export const modes = ["inferred", "typed", "kept"] as const;

/** How a text is staged. */
export function stageOptionsOf(mode: StagingMode, columns: readonly EngineColumn[]): StageOptions {
  if (mode === "inferred") return {};
  return mode === "typed" ? { columns } : { columns, badCells: "keep" };
}

const pieces: readonly Buffer[] = [
  ..."\",';\t|\\{}[]:#\r\n \0".split("").map((text) => Buffer.from(text)),
  ...["\r\n", "\n\r", "\n\n", '""', '"""', "\ufeff", "\u2028", "\u0085", "é", "\u{1f600}"].map((text) =>
    Buffer.from(text),
  ),
  ...[
    [0xff],
    [0xc3],
    [0xed, 0xa0, 0x80],
    [0xf4, 0x90, 0x80, 0x80],
    [0xc0, 0x80],
    [0xff, 0xfe],
    [0x1f, 0x8b],
  ].map((bytes) => Buffer.from(bytes)),
];

/** Damages a text one to three times, where its values, names, marks and lines are. */
export function damageText(text: Buffer, random: Random, tokens: readonly Buffer[]): Buffer {
  let damaged = text;
  for (let times = 1 + random.below(3); times > 0; times--) damaged = damageOnce(damaged, random, tokens);
  return damaged;
}

function damageOnce(text: Buffer, random: Random, tokens: readonly Buffer[]): Buffer {
  const at = random.below(text.length + 1);
  switch (random.below(8)) {
    case 0:
      return splice(text, at, 0, random.pick(pieces));
    case 1:
      return splice(text, at, 1, random.pick(pieces));
    case 2:
      return splice(text, at, 1 + random.below(6), Buffer.alloc(0));
    case 3:
      return damageLines(text, random);
    case 4:
      return replaceAll(text, random);
    default:
      return replaceValue(text, random, tokens);
  }
}

function splice(text: Buffer, at: number, cut: number, piece: Buffer): Buffer {
  return Buffer.concat([text.subarray(0, at), piece, text.subarray(at + cut)]);
}

/** A value between marks is replaced by a token, or by another value of the text. */
function replaceValue(text: Buffer, random: Random, tokens: readonly Buffer[]): Buffer {
  const values = [...text.toString("latin1").matchAll(/"(?:[^"\\\n]|\\.)*"|[^\s",:;|{}[\]]+/g)];
  if (values.length === 0) return text;
  const { index, 0: value } = random.pick(values);
  const piece = random.below(4) === 0 ? Buffer.from(random.pick(values)[0], "latin1") : random.pick(tokens);
  return splice(text, index, value.length, piece);
}

/** Lines are dropped, repeated, cut or joined. */
function damageLines(text: Buffer, random: Random): Buffer {
  const lines = text.toString("latin1").split("\n");
  const at = random.below(lines.length);
  const line = lines[at] ?? "";
  const kind = random.below(4);
  if (kind === 0) lines.splice(at, 1);
  else if (kind === 1) lines.splice(random.below(lines.length + 1), 0, line);
  else if (kind === 2) lines[at] = line.slice(0, random.below(line.length + 1));
  else lines.splice(at, 2, line + (lines[at + 1] ?? ""));
  return Buffer.from(lines.join("\n"), "latin1");
}

/** Other line ends, a byte order mark, another encoding, text that is repeated. */
function replaceAll(text: Buffer, random: Random): Buffer {
  const latin = text.toString("latin1");
  switch (random.below(6)) {
    case 0:
      return Buffer.from(latin.replaceAll("\n", "\r\n"), "latin1");
    case 1:
      return Buffer.from(latin.replaceAll("\n", "\r"), "latin1");
    case 2:
      return Buffer.concat([Buffer.from("\ufeff"), text]);
    case 3:
      return Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(text.toString("utf8"), "utf16le")]);
    case 4:
      return Buffer.from(latin.replace(/\n$/, ""), "latin1");
    default:
      return Buffer.concat([text, text]);
  }
}

/** Texts that stand in the place of a value of JSON or CSV. */
export const valueTokens: readonly Buffer[] = [
  "null",
  "true",
  "{}",
  "[]",
  "[[]]",
  '[1,"a"]',
  "-0",
  "-0.0",
  "1.0",
  "1e5",
  "1e400",
  "1e-400",
  "1e39",
  "1E+2",
  "16777217",
  "0.1",
  "0.30000000000000004",
  "0.3000000000000000444",
  "9007199254740993",
  "9223372036854775807",
  "9223372036854775808",
  "-9223372036854775809",
  "123456789012345678901234567890",
  "0.123456789012345678901234567890123456789",
  "9".repeat(400),
  "1e99999999999",
  "1e-99999999999",
  "01",
  "+1",
  "1.",
  ".5",
  "0x10",
  "NaN",
  "Infinity",
  '"NaN"',
  '""',
  '"\\u0000"',
  '"\\ud800"',
  '"\\udc00\\ud800"',
  '"\\ud83d\\ude00"',
  '"2024-02-30"',
  '"2024-02-29"',
  '"0000-01-01"',
  '"+010000-01-01"',
  '"2024-02-29T23:59:60Z"',
  '"2024-02-29T23:59:59.1234567Z"',
  '"2024-02-29 23:59:59+14:00"',
  '"12.345"',
  '"YQ=="',
  '"YQ"',
  '"\\x41"',
  '{"a":1,"a":2}',
  '{"a":1,"A":2}',
  '{"":1}',
  '{"__proto__":{"a":1}}',
  '{"constructor":1}',
  '{"a":{"b":{"c":[{"d":null}]}}}',
  `${'{"a":'.repeat(300)}1${"}".repeat(300)}`,
  `${"[".repeat(300)}${"]".repeat(300)}`,
  '{"a":'.repeat(5000),
  "[".repeat(20_000),
  "\u00ef",
  "\ufeff",
].map((text) => Buffer.from(text));
