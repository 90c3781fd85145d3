import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openSession } from "../../src/engine/session/session.ts";
import { unchecked } from "../support/unchecked-sql.ts";
import { mutate } from "./mutate.ts";
import { parquetDifference } from "./parquet-judge.ts";
import type { Random } from "./random.ts";
import type { SourceFormat, Trial } from "./source-format.ts";

interface ParquetSeed {
  readonly name: string;
  readonly bytes: Buffer;
}

const fixtures = new URL("../fixtures/parquet/", import.meta.url);

/** Parquet files, judged by hyparquet. */
export async function parquetFormat(): Promise<SourceFormat> {
  const made = await madeFiles();
  const stored = readdirSync(fixtures)
    .filter((name) => name.endsWith(".parquet"))
    .sort()
    .map((name) => ({ name, bytes: readFileSync(new URL(name, fixtures)) }));
  const seeds = [...made, ...made, ...stored];
  return {
    ending: "parquet",
    // what a failed query says of staged files is asked of all that the session has
    isAlone: true,
    whole: (file) => made.map((seed) => () => trialOf(file, seed, seed.bytes)),
    trial(file, random) {
      const seed = random.pick(seeds);
      return trialOf(file, seed, damagedParquet(seed.bytes, random));
    },
  };
}

function trialOf(file: string, { name }: ParquetSeed, bytes: Buffer): Trial {
  return {
    what: name,
    bytes,
    source: { kind: "parquet", files: [file] },
    judge: (read) => parquetDifference(bytes, read),
  };
}

/** As {@link mutate}, and in the footer, where the numbers are that lead through the file. */
function damagedParquet(bytes: Buffer, random: Random): Buffer {
  if (random.below(4) === 0) return mutate(bytes, random, false);
  const footer = bytes.length - 8 - bytes.readUInt32LE(bytes.length - 8);
  let damaged: Buffer = Buffer.from(bytes);
  for (let times = 1 + random.below(3); times > 0; times--) {
    const isFooter = random.below(3) > 0;
    const at = isFooter ? footer + random.below(damaged.length - footer) : random.below(damaged.length);
    damaged = damageAt(damaged, Math.min(at, damaged.length - 1), random);
  }
  // A footer that grew or shrank is still found.
  if (random.below(4) > 0 && damaged.length > 12)
    damaged.writeUInt32LE(Math.max(0, damaged.length - 8 - footer), damaged.length - 8);
  return damaged;
}

/** Numbers of Thrift as bytes: small ones, and those that 32 and 64 bits just hold or do not. */
const varints: readonly (readonly number[])[] = [
  [0],
  [1],
  [2],
  [0x7f],
  [0xff, 0x01],
  [0xfe, 0xff, 0xff, 0xff, 0x0f],
  [0xff, 0xff, 0xff, 0xff, 0x0f],
  [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
  [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
  [0x80, 0x80, 0x80, 0x80, 0x10],
];

function damageAt(bytes: Buffer, at: number, random: Random): Buffer {
  const rest = (cut: number) => bytes.subarray(Math.min(bytes.length, at + cut));
  switch (random.below(7)) {
    case 0:
      bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
      return bytes;
    case 1:
      bytes[at] = random.below(256);
      return bytes;
    case 2:
      bytes[at] = (bytes[at] ?? 0) + random.pick([1, 2, 255, 254]);
      return bytes;
    case 3:
      // the number that is there becomes another
      return Buffer.concat([
        bytes.subarray(0, at),
        Buffer.from(random.pick(varints)),
        rest(varintLength(bytes, at)),
      ]);
    case 4:
      return Buffer.concat([bytes.subarray(0, at), rest(1 + random.below(8))]);
    case 5: {
      const from = random.below(bytes.length);
      const piece = Buffer.from(bytes.subarray(from, from + 1 + random.below(40)));
      return Buffer.concat([bytes.subarray(0, at), piece, rest(random.below(2) * piece.length)]);
    }
    default:
      bytes.fill(random.pick([0, 0xff, 0x80]), at, Math.min(bytes.length, at + 1 + random.below(12)));
      return bytes;
  }
}

function varintLength(bytes: Buffer, at: number): number {
  let length = 1;
  while (length < 10 && ((bytes[at + length - 1] ?? 0) & 0x80) !== 0) length++;
  return length;
}

/** Files that the engine writes: all pages, codecs and encodings that it has, in a few kilobytes each. */
async function madeFiles(): Promise<ParquetSeed[]> {
  const folder = mkdtempSync(join(tmpdir(), "varve-fuzz-made-"));
  try {
    await using session = await openSession({ threads: 1 });
    const seeds: ParquetSeed[] = [];
    for (const [name, [select, options]] of Object.entries(made)) {
      const file = join(folder, `${name}.parquet`);
      await session.execute(unchecked(`COPY (${select}) TO '${file}' (FORMAT parquet, ${options})`));
      seeds.push({ name, bytes: readFileSync(file) });
    }
    return seeds;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const flat =
  "SELECT CASE WHEN i % 7 = 0 THEN NULL ELSE i END AS id, (i % 5)::INTEGER AS k, 'text ' || (i % 9) AS t, i / 8 AS x, i % 3 = 0 AS b FROM range(60) r(i)";
const nested =
  "SELECT {a: i, b: 'x' || i} AS s, CASE WHEN i % 4 = 0 THEN NULL ELSE list_transform(range(i % 4), lambda j: j::INTEGER) END AS l, MAP {'k' || i: i / 2} AS m, [{y: [i, NULL]}] AS n FROM range(30) r(i)";
const others =
  "SELECT (i / 3)::DECIMAL(9,4) AS d, (i * 1000)::DECIMAL(30,2) AS w, DATE '2024-02-29' + i::INTEGER AS day, TIMESTAMPTZ '2024-02-29 12:30:00Z' + INTERVAL (i) MINUTE AS at, TIMESTAMP '1969-12-31 23:59:59.999999' + INTERVAL (i) HOUR AS local, encode('b' || i) AS raw, md5_number(i::VARCHAR)::VARCHAR AS long_text, i::UTINYINT AS u8, i::USMALLINT AS u16, i::UINTEGER AS u32, i::UBIGINT AS u64, i::TINYINT AS s8, (i / 4)::FLOAT AS f, md5(i::VARCHAR)::UUID AS id FROM range(40) r(i)";
const groups = "SELECT i AS id, (i // 100)::SMALLINT AS k, 'g' || (i // 500) AS t FROM range(4500) r(i)";

const made: Readonly<Record<string, readonly [select: string, options: string]>> = {
  flat: [flat, "COMPRESSION uncompressed"],
  "flat of version 2": [flat, "COMPRESSION uncompressed, PARQUET_VERSION v2"],
  snappy: [flat, "COMPRESSION snappy"],
  zstd: [flat, "COMPRESSION zstd, PARQUET_VERSION v2"],
  gzip: [flat, "COMPRESSION gzip"],
  lz4: [flat, "COMPRESSION lz4_raw"],
  brotli: [flat, "COMPRESSION brotli"],
  nested: [nested, "COMPRESSION uncompressed"],
  "nested of version 2": [nested, "COMPRESSION snappy, PARQUET_VERSION v2"],
  others: [others, "COMPRESSION uncompressed"],
  "others of version 2": [others, "COMPRESSION uncompressed, PARQUET_VERSION v2"],
  "row groups": [groups, "COMPRESSION uncompressed, ROW_GROUP_SIZE 2048"],
};
