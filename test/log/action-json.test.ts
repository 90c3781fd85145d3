import { describe, expect, it } from "vitest";
import { parseHeadActions } from "../../src/log/segment/commit-lines.ts";
import { parseLogPath } from "../../src/log/segment/file-names.ts";
import { canonicalHint, hintChecksum, parseHint } from "../../src/log/segment/last-checkpoint.ts";
import { parseActions, serializeActions } from "../../src/protocol/action-json.ts";
import type { Action } from "../../src/protocol/actions.ts";

// PROTOCOL.md "Actions", "Delta Log Entries", "Last Checkpoint File Schema" and "JSON checksum".

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

describe("actions as JSON", () => {
  it("come back as they were written, int64 exact", () => {
    const actions: Action[] = [
      { kind: "commitInfo", info: { operation: "WRITE", timestamp: 1 } },
      {
        kind: "protocol",
        minReaderVersion: 3,
        minWriterVersion: 7,
        readerFeatures: [],
        writerFeatures: ["appendOnly"],
      },
      {
        kind: "metaData",
        id: "x",
        format: { provider: "parquet", options: {} },
        schemaString: "{}",
        partitionColumns: ["p"],
        configuration: { a: "b" },
      },
      { kind: "txn", appId: "a", version: 9223372036854775807n },
      {
        kind: "add",
        path: "p=1/a",
        partitionValues: { p: "1", q: null },
        size: 1,
        modificationTime: 2,
        dataChange: true,
        stats: '{"numRecords":1}',
        baseRowId: 9007199254740993n,
      },
      {
        kind: "remove",
        path: "a",
        dataChange: false,
        deletionVector: { storageType: "i", pathOrInlineDv: "wi5b=", sizeInBytes: 4, cardinality: 1 },
      },
      { kind: "cdc", path: "_change_data/a", partitionValues: {}, size: 3, dataChange: false },
      { kind: "domainMetadata", domain: "d", configuration: "{}", removed: false },
      { kind: "checkpointMetadata", version: 3 },
      { kind: "sidecar", path: "s.parquet", sizeInBytes: 1, modificationTime: 2 },
    ];
    expect(parseActions(serializeActions(actions), "f")).toEqual(actions);
  });

  it("ignore unknown actions and fields, nulls and blank lines", () => {
    const lines = '{"future":{"a":1}}\n\n{"add":null,"txn":{"appId":"a","version":1,"more":[1]}}\r\n';
    expect(parseActions(text(lines), "f")).toEqual([{ kind: "txn", appId: "a", version: 1n }]);
  });

  it("take a file whose time the writer left out for one of 1970, as other engines do", () => {
    const [action] = parseActions(text('{"add":{"path":"a","size":1}}\n'), "f");
    expect(action).toEqual({
      kind: "add",
      path: "a",
      partitionValues: {},
      size: 1,
      modificationTime: 0,
      dataChange: true,
    });
  });

  it.each(["add", "remove", "cdc"])(
    "a line that names %s without holding it is read for what it holds",
    (kind) => {
      const line = text(`{"${kind}":null,"txn":{"appId":"a","version":9223372036854775807}}\n`);
      const expected = [{ kind: "txn", appId: "a", version: 9223372036854775807n }];
      expect(parseActions(line, "f")).toEqual(expected);
      expect(parseHeadActions(line, "f")).toEqual(expected);
    },
  );

  it.each([
    ['{"add":{"path":"a"', "not JSON"],
    ['{"add":{"partitionValues":{}}}', "path is missing"],
    ['{"add":{"path":"a","size":"big","modificationTime":1}}', "size must be"],
    ['{"add":{"path":"a","size":-1,"modificationTime":1}}', "size must be"],
    ['{"add":[]}', "must be an object"],
    ["[]", "one JSON object"],
    ['{"txn":{"appId":"a","version":9223372036854775808}}', "64-bit"],
    [
      '{"remove":{"path":"a","deletionVector":{"storageType":"z","pathOrInlineDv":"","sizeInBytes":1,"cardinality":1}}}',
      "storageType",
    ],
  ])("refuse %s, naming file and line", (line, what) => {
    expect(() => parseActions(text(`{"commitInfo":{}}\n${line}`), "0.json")).toThrow(
      expect.objectContaining({ code: "LOG_CORRUPT", message: expect.stringContaining(what) }),
    );
    expect(() => parseActions(text(`{"commitInfo":{}}\n${line}`), "0.json")).toThrow("0.json, line 2");
  });
});

describe("the last-checkpoint hint", () => {
  const sample =
    '{"k0":"\'v 0\'", "checksum": "adsaskfljadfkjadfkj", "k1":{"k2": 2, "k3": ["v3", [1, 2], {"k4": "v4", "k5": ["v5", "v6", "v7"]}]}}';

  it("has the checksum of the specification's example", () => {
    const canonical =
      '"k0"="%27v%200%27","k1"+"k2"=2,"k1"+"k3"+0="v3","k1"+"k3"+1+0=1,"k1"+"k3"+1+1=2,"k1"+"k3"+2+"k4"="v4","k1"+"k3"+2+"k5"+0="v5","k1"+"k3"+2+"k5"+1="v6","k1"+"k3"+2+"k5"+2="v7"';
    expect(canonicalHint(JSON.parse(sample))).toBe(canonical);
    expect(hintChecksum(JSON.parse(sample))).toBe("6a92d155a59bf2eecbd4b4ec7fd1f875");
  });

  it("is ignored when damaged or when its checksum is wrong", () => {
    expect(parseHint(text('{"version":3,"size":1}'))).toBe(3);
    expect(parseHint(text('{"version":3,"size":1,"checksum":"0123"}'))).toBeUndefined();
    expect(parseHint(text('{"version":3'))).toBeUndefined();
    expect(parseHint(text('{"version":-1}'))).toBeUndefined();
  });
});

describe("names of log files", () => {
  const v = "_delta_log/00000000000000000010";
  it.each([
    [`${v}.json`, { kind: "commit", version: 10 }],
    [`${v}.crc`, { kind: "checksum", version: 10 }],
    [`${v}.00000000000000000012.compacted.json`, { kind: "compaction", version: 10, end: 12 }],
    [`${v}.00000000000000000010.compacted.json`, undefined],
    [`${v}.00000000000000000012.compacted.json.tmp`, undefined],
    [`${v}.x00000000000000000012.compacted.json`, undefined],
    [`${v}.checkpoint.parquet`, { kind: "checkpoint", version: 10, form: "classic" }],
    [
      `${v}.checkpoint.0000000002.0000000003.parquet`,
      { kind: "checkpoint", version: 10, form: "part", part: 2, parts: 3 },
    ],
    [`${v}.checkpoint.0000000004.0000000003.parquet`, undefined],
    [
      `${v}.checkpoint.80a083e8-7026-4e79-81be-64bd76c43a11.json`,
      { kind: "checkpoint", version: 10, form: "uuid", format: "json" },
    ],
    ["_delta_log/_staged_commits/00000000000000000010.json", undefined],
    ["_delta_log/10.json", undefined],
  ])("%s", (path, expected) => {
    expect(parseLogPath(path)).toEqual(expected);
  });
});
