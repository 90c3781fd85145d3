import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { quoteLongFractions } from "../../src/log/checkpoint/checkpoint-schema.ts";
import { writeCheckpoint } from "../../src/log/checkpoint/checkpoint-write.ts";
import type { TableContext } from "../../src/log/contract.ts";
import { commitPath } from "../../src/log/segment/file-names.ts";
import { closeLogSession } from "../../src/log/segment/log-session.ts";
import { openLog } from "../../src/log/snapshot/open-log.ts";
import { serializeActions } from "../../src/protocol/action-json.ts";
import type { Action } from "../../src/protocol/actions.ts";
import type { Predicate } from "../../src/protocol/predicate.ts";
import { localDiskStore } from "../../src/storage/local/local-disk-store.ts";
import { add, allFiles, contextOf, remove } from "../support/log-tables.ts";

const field = (name: string, type: unknown) => ({ name, type, nullable: true, metadata: {} });
const inner = { type: "struct", fields: [field("Inner x", "string"), field("void", "binary")] };
const schemaString = JSON.stringify({
  type: "struct",
  fields: [
    field("id", "long"),
    field("small", "byte"),
    field("amount", "decimal(12,2)"),
    field("wide", "decimal(38,10)"),
    field("at", "timestamp"),
    field("local", "timestamp_ntz"),
    field("day", "date"),
    field("x", "double"),
    field("f", "float"),
    field("name", "string"),
    field("ok", "boolean"),
    field("n", inner),
    field("tags", { type: "array", elementType: "string", containsNull: true }),
    field("empty", { type: "struct", fields: [] }),
    field("p", "integer"),
    field("q", "string"),
    field("b", "binary"),
  ],
});

const first: Action[] = [
  {
    kind: "protocol",
    minReaderVersion: 3,
    minWriterVersion: 7,
    readerFeatures: ["timestampNtz"],
    writerFeatures: ["timestampNtz"],
  },
  {
    kind: "metaData",
    id: "x",
    format: { provider: "parquet", options: {} },
    schemaString,
    partitionColumns: ["p", "q", "b"],
    configuration: {
      "delta.checkpoint.writeStatsAsStruct": "true",
      "delta.checkpoint.writeStatsAsJson": "false",
    },
  },
];

const bounds = (sign: string, x: string) =>
  `{"id":${sign}9007199254740993,"small":${sign}5,"amount":${sign}7.10,"wide":${sign}12345678901234567890.0123456789,"at":"2026-01-02T03:04:05.678Z","local":"2026-01-02T03:04:05.678","day":"2026-01-02","x":${x},"f":${sign}1.5,"name":"zé'\\"","n":{"Inner x":"i"}}`;
const whole = `{"numRecords":10,"minValues":${bounds("-", '"-Infinity"')},"maxValues":${bounds("", '"NaN"')},"nullCount":{"id":0,"ok":3,"n":{"Inner x":2,"void":1},"tags":2},"tightBounds":true}`;
const partial = '{"numRecords":3,"maxValues":{"x":0.25},"nullCount":{"id":3}}';

const partitioned = (p: string | null, q: string | null, b: string | null) => ({
  partitionValues: { p, q, b },
});
const files: readonly (readonly [string, string | undefined])[] = [
  ["whole", whole],
  ["partial", partial],
  ["none", undefined],
];

describe("statistics that a checkpoint holds as columns alone", () => {
  let folder = "";
  let small: TableContext;
  let large: TableContext;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "varve-stats-"));
    const store = localDiskStore(folder);
    small = contextOf(store);
    large = { ...contextOf(store), fileLimits: { checkpointRows: 0, jsonBytes: 0 } };
    await store.put(
      commitPath(0),
      serializeActions([
        ...first,
        ...files.map(([path, stats], index) =>
          add(path, {
            ...partitioned(
              ["7", null, ""][index] ?? null,
              ["a'b", null, "x"][index] ?? null,
              [null, "\u0001", "ÿ"][index] ?? null,
            ),
            ...(stats === undefined ? {} : { stats }),
          }),
        ),
        remove("gone", { stats: "{}", tags: { a: "b" }, size: 5, deletionTimestamp: Date.now() }),
      ]),
    );
    await writeCheckpoint(await openLog(small), { kind: "classic" });
  });
  afterEach(async () => {
    await closeLogSession(small);
    await closeLogSession(large);
    await rm(folder, { recursive: true, force: true });
  });

  /** The statistics of each file, as what is read of the checkpoint says them. */
  async function statistics(context: TableContext): Promise<Record<string, unknown>> {
    const found = await allFiles(await (await openLog(context)).files());
    return Object.fromEntries(
      found.map(({ path, stats }) => [path, stats === undefined ? undefined : stats]),
    );
  }

  it.each(["as objects", "in the engine"])(
    "are read back as JSON, each bound with all its digits: %s",
    async (how) => {
      const read = await statistics(how === "as objects" ? small : large);
      const bound = (text: string) => JSON.parse(text.replace(/(-?\d{16,}(?:\.\d+)?)/g, '"$1"'));
      const wanted = bound(whole);
      const found = bound(String(read["whole"]).replaceAll(".678000", ".678"));
      expect([found.numRecords, found.tightBounds, found.minValues, found.maxValues]).toEqual([
        10,
        true,
        wanted.minValues,
        wanted.maxValues,
      ]);
      expect(found.nullCount).toMatchObject(wanted.nullCount);
      expect(read["none"]).toBeUndefined();
      const partly = JSON.parse(String(read["partial"]));
      expect(partly).toMatchObject({ numRecords: 3, nullCount: { id: 3 }, maxValues: { x: 0.25 } });
      expect(partly.minValues ?? {}).not.toMatchObject({ x: expect.anything() });
    },
  );

  it("leave out files as those of commits do", async () => {
    await rm(join(folder, commitPath(0)));
    const is = (
      op: "eq" | "lt" | "gt",
      column: string,
      type: "long" | "integer" | "string" | "timestamp" | "date",
      value: string,
    ): Predicate => ({
      op,
      column: column.split("."),
      value: { type, value },
    });
    const kept = async (predicate: Predicate) => {
      const lists = await Promise.all(
        [small, large].map(async (context) =>
          (await (await (await openLog(context)).files()).prune(predicate)).files
            .map(({ path }) => path)
            .sort(),
        ),
      );
      expect(lists[1]).toEqual(lists[0]);
      return lists[0];
    };
    const all = ["none", "partial", "whole"];
    expect(await kept(is("gt", "id", "long", "9007199254740993"))).toEqual(["none"]);
    expect(await kept(is("gt", "id", "long", "9007199254740992"))).toEqual(["none", "whole"]);
    expect(await kept(is("eq", "day", "date", "2026-01-02"))).toEqual(all);
    expect(await kept(is("eq", "day", "date", "2026-01-03"))).toEqual(["none", "partial"]);
    expect(await kept(is("gt", "at", "timestamp", "2026-01-02 03:04:05.678999"))).toEqual([
      "none",
      "partial",
    ]);
    expect(await kept(is("gt", "at", "timestamp", "2026-01-02 03:04:05.678"))).toEqual(all);
    expect(await kept(is("eq", "n.Inner x", "string", "j"))).toEqual(["none", "partial"]);
    expect(await kept(is("eq", "name", "string", "zé'\""))).toEqual(all);
    expect(await kept(is("eq", "p", "integer", "7"))).toEqual(["whole"]);
    expect(await kept({ op: "isNull", column: ["p"] })).toEqual(["none", "partial"]);
    expect(await kept(is("eq", "q", "string", "a'b"))).toEqual(["whole"]);
    expect(await kept({ op: "isNull", column: ["id"] })).toEqual(["none", "partial"]);
    expect(await kept({ op: "startsWith", column: ["name"], prefix: "zé" })).toEqual(all);
    expect(await kept({ op: "startsWith", column: ["name"], prefix: "y" })).toEqual(["none", "partial"]);
  });

  it("prune nothing by a constant of another kind than the column", async () => {
    for (const [column, type, value] of [
      ["day", "string", "x"],
      ["at", "long", "5"],
      ["id", "string", "x"],
      ["name", "long", "5"],
      ["ok", "integer", "9"],
      ["amount", "double", "99"],
      ["id", "float", "99"],
      ["b", "string", "zzz"],
    ] as const) {
      const predicate: Predicate = { op: "eq", column: [column], value: { type, value } };
      for (const context of [small, large])
        expect((await (await (await openLog(context)).files()).prune(predicate)).skipped, column).toBe(0);
    }
  });
});

describe("long fractions in statistics", () => {
  it.each([
    ['{"a":1.5}', undefined],
    ['{"a":12345678901.2345}', undefined],
    ['{"a":123456789012.3456}', '{"a":"123456789012.3456"}'],
    ['{"a":-123456789012.3456}', '{"a":"-123456789012.3456"}'],
    ['{"a":1234567890123456}', undefined],
    ['{"a":"123456789012.3456"}', undefined],
    ['{"a":"\\"1.5 123456789012.3456"}', undefined],
    ['{"a":1.234567890123456e7,"b":"x"}', '{"a":"1.234567890123456e7","b":"x"}'],
    ['{"a":1.234567890123456E-7}', '{"a":"1.234567890123456E-7"}'],
    [
      '{"a":123456789012.3456,"b":[0.1234567890123456]}',
      '{"a":"123456789012.3456","b":["0.1234567890123456"]}',
    ],
    ["{}", undefined],
  ])("of %s are quoted as %j", (json, quoted) => {
    expect(quoteLongFractions(json)).toBe(quoted);
  });
});
