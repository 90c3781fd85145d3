import { describe, expect, it } from "vitest";
import type { ErrorCode } from "../../src/errors.ts";
import { pathKeyer } from "../../src/log/segment/file-key.ts";
import type { Action } from "../../src/protocol/actions.ts";
import { rowIdMarkAction } from "../../src/protocol/domains.ts";
import type { Predicate } from "../../src/protocol/predicate.ts";
import type {
  CommitRequest,
  CommitState,
  IsolationLevel,
  WinningCommit,
} from "../../src/table/commit/commit-request.ts";
import { checkWinner } from "../../src/table/commit/conflict.ts";
import { ConflictError } from "../../src/table/commit/conflict-error.ts";
import { conflictFileTest } from "../../src/table/commit/conflict-file-test.ts";
import { effectiveIsolation, readWriteSet } from "../../src/table/commit/read-write-set.ts";
import { add, metadata, protocol, remove, schemaString } from "../support/commit-tools.ts";

// PROTOCOL.md "Transaction Identifiers" and "Domain Metadata".

const state: CommitState = {
  version: 4,
  timestamp: 1_000,
  protocol: protocol(["appendOnly"]),
  metadata: metadata(),
};

function winner(
  actions: readonly Action[],
  info: Record<string, boolean | string | number> = {},
): WinningCommit {
  return {
    version: 5,
    actions: [{ kind: "commitInfo", info: { operation: "RIVAL", ...info } }, ...actions],
    modified: 2_000,
  };
}

const tools = { mayMatch: conflictFileTest(), pathKey: pathKeyer("memory://table") };

interface Case {
  readonly level?: IsolationLevel;
  readonly ours: Partial<CommitRequest>;
  readonly theirs: WinningCommit;
  readonly from?: CommitState;
}

function check({ level = "WriteSerializable", ours, theirs, from = state }: Case): CommitState {
  const request: CommitRequest = { actions: [], operation: "TEST", ...ours };
  return checkWinner(readWriteSet(request, level, tools), from, theirs);
}

function outcome(given: Case): ErrorCode | "accepted" {
  try {
    check(given);
    return "accepted";
  } catch (error) {
    if (error instanceof ConflictError) return error.code;
    throw error;
  }
}

const text = (value: string) => ({ type: "string", value }) as const;
const partIs = (value: string): Predicate => ({ op: "eq", column: ["part"], value: text(value) });
const idIs = (value: number): Predicate => ({
  op: "eq",
  column: ["id"],
  value: { type: "long", value: String(value) },
});
const config = (change: Record<string, string>) => winner([metadata(change)]);
const features = (...names: string[]) => winner([protocol(["appendOnly", ...names])]);
const blind = { isBlindAppend: true };
const domain = (name: string): Action => ({
  kind: "domainMetadata",
  domain: name,
  configuration: "{}",
  removed: false,
});
const schemaWith = (metadataOfId: Record<string, unknown>, type = "long") =>
  JSON.stringify({
    type: "struct",
    fields: [
      { name: "id", type, nullable: true, metadata: metadataOfId },
      { name: "part", type: "string", nullable: true, metadata: {} },
    ],
  });

/** Numbers are those of `spec/conflicts.md`. */
const matrix: readonly (readonly [rule: string, expected: ErrorCode | "accepted", given: Case])[] = [
  [
    "P2 both change the protocol",
    "CONFLICT_PROTOCOL_CHANGED",
    { ours: { actions: [protocol(["appendOnly"])] }, theirs: features("deletionVectors") },
  ],
  [
    "P3 a feature was dropped",
    "CONFLICT_PROTOCOL_CHANGED",
    { ours: { actions: [add("a")] }, theirs: winner([protocol([])]) },
  ],
  [
    "P4 a feature that binds running writers was added",
    "CONFLICT_PROTOCOL_CHANGED",
    { ours: { actions: [add("a")] }, theirs: features("checkConstraints") },
  ],
  [
    "P4 identity columns were added",
    "CONFLICT_PROTOCOL_CHANGED",
    { ours: { actions: [add("a")] }, theirs: features("identityColumns") },
  ],
  [
    "P5 a feature that leaves running writers right was added",
    "accepted",
    { ours: { actions: [add("a")] }, theirs: features("deletionVectors", "v2Checkpoint") },
  ],
  [
    "P5 row tracking was added",
    "accepted",
    { ours: { actions: [add("a")] }, theirs: features("rowTracking", "domainMetadata") },
  ],
  [
    "P6 we drop a feature that the winner may have begun to use by a property",
    "CONFLICT_PROTOCOL_CHANGED",
    { ours: { actions: [protocol([])] }, theirs: config({ "delta.checkpointInterval": "5" }) },
  ],
  [
    "P6 we drop a feature that the winner may have begun to use by a domain",
    "CONFLICT_PROTOCOL_CHANGED",
    { ours: { actions: [protocol([])] }, theirs: winner([domain("app.x")]) },
  ],
  [
    "P6 we drop a feature while rows were added",
    "accepted",
    { ours: { actions: [protocol([])] }, theirs: winner([add("n")], blind) },
  ],
  [
    "M1 both change the metadata",
    "CONFLICT_METADATA_CHANGED",
    { ours: { actions: [metadata()] }, theirs: config({}) },
  ],
  [
    "M1 even for maintenance properties",
    "CONFLICT_METADATA_CHANGED",
    { ours: { actions: [metadata()] }, theirs: config({ "delta.checkpointInterval": "5" }) },
  ],
  [
    "M2 a maintenance property",
    "accepted",
    { ours: { actions: [add("a")] }, theirs: config({ "delta.checkpointInterval": "5" }) },
  ],
  [
    "M2 deletion vectors enabled",
    "accepted",
    { ours: { actions: [add("a")] }, theirs: config({ "delta.enableDeletionVectors": "true" }) },
  ],
  [
    "M2 a property of a user's own is set",
    "accepted",
    { ours: { actions: [add("a")] }, theirs: config({ "team.owner": "sales" }) },
  ],
  [
    "M2 a property of a user's own is unset",
    "accepted",
    {
      ours: { actions: [add("a")] },
      theirs: config({}),
      from: { ...state, metadata: metadata({ "team.owner": "sales" }) },
    },
  ],
  [
    "M3 an unknown property of the format, however it is spelled",
    "CONFLICT_METADATA_CHANGED",
    { ours: { actions: [add("a")] }, theirs: config({ "Delta.notKnownYet": "1" }) },
  ],
  [
    "M3 another suite",
    "CONFLICT_METADATA_CHANGED",
    { ours: { actions: [add("a")] }, theirs: config({ "varve.suite": "{}" }) },
  ],
  [
    "M3 the suite removed",
    "CONFLICT_METADATA_CHANGED",
    {
      ours: { actions: [add("a")] },
      theirs: config({}),
      from: { ...state, metadata: metadata({ "varve.suite": "{}" }) },
    },
  ],
  [
    "M3 deletion vectors disabled",
    "CONFLICT_METADATA_CHANGED",
    { ours: { actions: [add("a")] }, theirs: config({ "delta.enableDeletionVectors": "false" }) },
  ],
  [
    "M3 a constraint added",
    "CONFLICT_METADATA_CHANGED",
    { ours: { actions: [add("a")] }, theirs: config({ "delta.constraints.c": "id > 0" }) },
  ],
  [
    "M3 append-only set",
    "CONFLICT_METADATA_CHANGED",
    { ours: { actions: [add("a")] }, theirs: config({ "delta.appendOnly": "true" }) },
  ],
  [
    "M3 change data feed enabled",
    "CONFLICT_METADATA_CHANGED",
    { ours: { actions: [add("a")] }, theirs: config({ "delta.enableChangeDataFeed": "true" }) },
  ],
  [
    "M3 a property unset",
    "CONFLICT_METADATA_CHANGED",
    {
      ours: { actions: [add("a")] },
      theirs: config({}),
      from: { ...state, metadata: metadata({ "delta.checkpointInterval": "5" }) },
    },
  ],
  [
    "M2 a comment",
    "accepted",
    {
      ours: { actions: [add("a")] },
      theirs: winner([metadata({}, { schemaString: schemaWith({ comment: "c" }) })]),
    },
  ],
  [
    "M2 the same columns, their metadata in another order",
    "accepted",
    {
      ours: { actions: [add("a")] },
      theirs: winner([metadata({}, { schemaString: schemaWith({ z: "1", b: { d: 1, c: 2 } }) })]),
      from: { ...state, metadata: metadata({}, { schemaString: schemaWith({ b: { c: 2, d: 1 }, z: "1" }) }) },
    },
  ],
  [
    "M2 a name and a description",
    "accepted",
    { ours: { actions: [add("a")] }, theirs: winner([metadata({}, { name: "n", description: "d" })]) },
  ],
  [
    "M2 an identity column's high-water mark",
    "accepted",
    {
      ours: { actions: [add("a")] },
      theirs: winner([
        metadata(
          {},
          { schemaString: schemaWith({ "delta.identity.start": 1, "delta.identity.highWaterMark": 9 }) },
        ),
      ]),
      from: {
        ...state,
        metadata: metadata(
          {},
          { schemaString: schemaWith({ "delta.identity.start": 1, "delta.identity.highWaterMark": 3 }) },
        ),
      },
    },
  ],
  [
    "M2 column mapping in place",
    "accepted",
    {
      ours: { actions: [add("a")] },
      theirs: winner([
        metadata(
          { "delta.columnMapping.mode": "name", "delta.columnMapping.maxColumnId": "1" },
          {
            schemaString: schemaWith({
              "delta.columnMapping.id": 1,
              "delta.columnMapping.physicalName": "id",
            }),
          },
        ),
      ]),
    },
  ],
  [
    "M3 a column that is stored under another name from now on",
    "CONFLICT_METADATA_CHANGED",
    {
      ours: { actions: [add("a")] },
      theirs: winner([
        metadata(
          { "delta.columnMapping.mode": "name", "delta.columnMapping.maxColumnId": "1" },
          {
            schemaString: schemaWith({
              "delta.columnMapping.id": 1,
              "delta.columnMapping.physicalName": "col-1",
            }),
          },
        ),
      ]),
    },
  ],
  [
    "M3 a renamed column",
    "CONFLICT_METADATA_CHANGED",
    {
      ours: { actions: [add("a")] },
      theirs: winner([metadata({}, { schemaString: schemaString.replace('"id"', '"key"') })]),
    },
  ],
  [
    "M3 a widened column",
    "CONFLICT_METADATA_CHANGED",
    {
      ours: { actions: [add("a")] },
      theirs: winner([metadata({}, { schemaString: schemaWith({}, "double") })]),
    },
  ],
  [
    "M3 other partition columns",
    "CONFLICT_METADATA_CHANGED",
    { ours: { actions: [add("a")] }, theirs: winner([metadata({}, { partitionColumns: [] })]) },
  ],
  [
    "M3 a table replaced",
    "CONFLICT_METADATA_CHANGED",
    { ours: { actions: [add("a")] }, theirs: winner([metadata({}, { id: "another" })]) },
  ],
  [
    "D1 the same domain",
    "CONFLICT_DOMAIN_METADATA",
    { ours: { actions: [domain("app.x")] }, theirs: winner([domain("app.x")]) },
  ],
  [
    "D2 another domain",
    "accepted",
    { ours: { actions: [domain("app.y")] }, theirs: winner([domain("app.x")]) },
  ],
  [
    "D2 row ids are rebased",
    "accepted",
    { ours: { actions: [rowIdMarkAction(4n)] }, theirs: winner([rowIdMarkAction(3n)]) },
  ],
  [
    "T1 the same application, read",
    "CONFLICT_CONCURRENT_TRANSACTION",
    { ours: { reads: { appIds: ["x"] } }, theirs: winner([{ kind: "txn", appId: "x", version: 1n }]) },
  ],
  [
    "T1 the same application, written",
    "CONFLICT_CONCURRENT_TRANSACTION",
    {
      ours: { txn: { appId: "x", version: 2n } },
      theirs: winner([{ kind: "txn", appId: "x", version: 1n }]),
    },
  ],
  [
    "T2 another application",
    "accepted",
    {
      ours: { txn: { appId: "y", version: 2n } },
      theirs: winner([{ kind: "txn", appId: "x", version: 1n }]),
    },
  ],
  [
    "A1 rows added that we may have read",
    "CONFLICT_CONCURRENT_APPEND",
    { ours: { reads: { predicates: [partIs("a")] } }, theirs: winner([add("n")]) },
  ],
  [
    "A1 rows added, the whole table read",
    "CONFLICT_CONCURRENT_APPEND",
    { ours: { reads: { wholeTable: true } }, theirs: winner([add("n")]) },
  ],
  [
    "A1 absent isBlindAppend counts as false",
    "CONFLICT_CONCURRENT_APPEND",
    { ours: { reads: { wholeTable: true } }, theirs: { version: 5, actions: [add("n")] } },
  ],
  [
    "A2 blind append under Serializable",
    "CONFLICT_CONCURRENT_APPEND",
    { level: "Serializable", ours: { reads: { wholeTable: true } }, theirs: winner([add("n")], blind) },
  ],
  [
    "A2 blind append while we change metadata",
    "CONFLICT_CONCURRENT_APPEND",
    { ours: { actions: [metadata()], reads: { wholeTable: true } }, theirs: winner([add("n")], blind) },
  ],
  [
    "A3 blind append under WriteSerializable",
    "accepted",
    {
      ours: { actions: [remove("f")], reads: { wholeTable: true, files: ["f"] } },
      theirs: winner([add("n")], blind),
    },
  ],
  [
    "A4 files without data change",
    "accepted",
    {
      level: "Serializable",
      ours: { reads: { wholeTable: true } },
      theirs: winner([add("n", { dataChange: false })]),
    },
  ],
  [
    "A5 another partition",
    "accepted",
    { ours: { reads: { predicates: [partIs("b")] } }, theirs: winner([add("n")]) },
  ],
  [
    "A5 statistics exclude it",
    "accepted",
    { ours: { reads: { predicates: [idIs(77)] } }, theirs: winner([add("n")]) },
  ],
  [
    "A5 one of several conditions may match it",
    "CONFLICT_CONCURRENT_APPEND",
    { ours: { reads: { predicates: [partIs("b"), idIs(77), partIs("a")] } }, theirs: winner([add("n")]) },
  ],
  [
    "A5 the last of several files may match",
    "CONFLICT_CONCURRENT_APPEND",
    {
      ours: { reads: { predicates: [partIs("b")] } },
      theirs: winner([add("m"), add("n", { partitionValues: { part: "b" } })]),
    },
  ],
  [
    "A5 statistics cannot exclude it",
    "CONFLICT_CONCURRENT_APPEND",
    { ours: { reads: { predicates: [idIs(7)] } }, theirs: winner([add("n")]) },
  ],
  [
    "A5 no statistics",
    "CONFLICT_CONCURRENT_APPEND",
    { ours: { reads: { predicates: [idIs(77)] } }, theirs: winner([{ ...add("n"), stats: "{}" }]) },
  ],
  [
    "A6 a transaction that rearranges files",
    "accepted",
    {
      ours: {
        actions: [add("g", { dataChange: false }), remove("f", { dataChange: false })],
        reads: { files: ["f"], predicates: [partIs("a")] },
      },
      theirs: winner([add("n")]),
    },
  ],
  [
    "A7 the same file recommitted by both",
    "CONFLICT_CONCURRENT_DELETE_DELETE",
    {
      ours: { actions: [add("f", { dataChange: false })] },
      theirs: winner([add("f", { dataChange: false })]),
    },
  ],
  [
    "A8 a file that we remove was given row ids",
    "CONFLICT_CONCURRENT_DELETE_DELETE",
    { ours: { actions: [remove("f")] }, theirs: winner([add("f", { dataChange: false, baseRowId: 7n })]) },
  ],
  [
    "A8 a file that we remove was recommitted under the row ids that we know",
    "accepted",
    {
      ours: { actions: [remove("g", { baseRowId: 1n }), remove("f", { baseRowId: 7n })] },
      theirs: winner([add("f", { dataChange: false, baseRowId: 7n })]),
    },
  ],
  [
    "R1 a file that we read was removed",
    "CONFLICT_CONCURRENT_DELETE_READ",
    { ours: { reads: { files: ["f"] } }, theirs: winner([remove("f")]) },
  ],
  [
    "R1 another file was removed",
    "accepted",
    { ours: { reads: { files: ["g"] } }, theirs: winner([remove("f")]) },
  ],
  [
    "R2 a file that we read was only rearranged",
    "accepted",
    {
      level: "Serializable",
      ours: { reads: { files: ["f"] } },
      theirs: winner([remove("f", { dataChange: false }), add("g", { dataChange: false })]),
    },
  ],
  [
    "R6 the file of a row that we read was removed",
    "CONFLICT_CONCURRENT_DELETE_READ",
    {
      ours: { reads: { rows: [{ path: "f", rows: new Uint8Array([128]) }] } },
      theirs: winner([remove("f")]),
    },
  ],
  [
    "R6 that file was only rearranged",
    "accepted",
    {
      ours: { reads: { rows: [{ path: "f", rows: new Uint8Array([128]) }] } },
      theirs: winner([remove("f", { dataChange: false }), add("g", { dataChange: false })]),
    },
  ],
  [
    "R6 another file was removed",
    "accepted",
    {
      ours: { reads: { rows: [{ path: "g", rows: new Uint8Array([128]) }] } },
      theirs: winner([remove("f")]),
    },
  ],
  [
    "R3 rows removed, the whole table read",
    "CONFLICT_CONCURRENT_DELETE_READ",
    { ours: { reads: { wholeTable: true } }, theirs: winner([remove("f")]) },
  ],
  [
    "R4 both remove one file",
    "CONFLICT_CONCURRENT_DELETE_DELETE",
    { ours: { actions: [remove("f")] }, theirs: winner([remove("f")]) },
  ],
  [
    "R4 both rewrite one file, ours without data change",
    "CONFLICT_CONCURRENT_DELETE_DELETE",
    {
      ours: { actions: [remove("f", { dataChange: false }), add("g", { dataChange: false })] },
      theirs: winner([remove("f", { dataChange: false })]),
    },
  ],
  [
    "R5 a file that we recommit was removed",
    "CONFLICT_CONCURRENT_DELETE_READ",
    { ours: { actions: [add("f", { dataChange: false })] }, theirs: winner([remove("f")]) },
  ],
  [
    "W a blind append meets anything but metadata",
    "accepted",
    { level: "Serializable", ours: { actions: [add("a")] }, theirs: winner([add("n"), remove("f")]) },
  ],
];

describe("conflict matrix", () => {
  it.each(matrix.map(([rule, expected, given]) => ({ rule, expected, given })))(
    "$rule: $expected",
    ({ expected, given }) => {
      expect(outcome(given)).toBe(expected);
    },
  );

  it.each([
    "checkConstraints",
    "invariants",
    "generatedColumns",
    "allowColumnDefaults",
    "identityColumns",
    "clustering",
  ])("P4 %s, added meanwhile, binds writers at work", (name) => {
    expect(outcome({ ours: { actions: [add("a")] }, theirs: features(name, "domainMetadata") })).toBe(
      "CONFLICT_PROTOCOL_CHANGED",
    );
  });

  it.each([
    "deletionVectors",
    "rowTracking",
    "changeDataFeed",
    "columnMapping",
    "domainMetadata",
    "timestampNtz",
    "typeWidening",
    "typeWidening-preview",
    "inCommitTimestamp",
    "v2Checkpoint",
    "vacuumProtocolCheck",
    "checkpointProtection",
  ])("P5 %s, added meanwhile, leaves writers at work right", (name) => {
    const theirs = features(...new Set([name, "domainMetadata"]));
    expect(outcome({ ours: { actions: [add("a")] }, theirs })).toBe("accepted");
    expect(check({ ours: { actions: [add("a")] }, theirs }).protocol.writerFeatures).toContain(name);
  });

  it("P1 a winner that made the table unwritable for varve stops the transaction by the feature's name", () => {
    expect(() => check({ ours: { actions: [add("a")] }, theirs: features("neverHeardOf") })).toThrowError(
      expect.objectContaining({ code: "UNSUPPORTED_FEATURE", data: { features: ["neverHeardOf"] } }),
    );
  });

  it("folds each accepted winner into the state that the next is checked against", () => {
    const next = check({
      ours: { actions: [add("a")] },
      theirs: winner(
        [
          protocol(["appendOnly", "rowTracking", "domainMetadata"]),
          metadata({ "delta.checkpointInterval": "5" }),
          rowIdMarkAction(41n),
        ],
        { inCommitTimestamp: 7_777 },
      ),
    });
    expect(next).toMatchObject({ version: 5, timestamp: 7_777, rowIdHighWaterMark: 41n });
    expect(next.metadata.configuration).toEqual({ "delta.checkpointInterval": "5" });
    expect(next.protocol.writerFeatures).toContain("rowTracking");
  });

  it("keeps the row-id mark where a winner removes its domain, and raises it where it does not", () => {
    const from: CommitState = {
      ...state,
      protocol: protocol(["appendOnly", "rowTracking", "domainMetadata"]),
      rowIdHighWaterMark: 9n,
    };
    const marked = (removed: boolean): Action => ({
      kind: "domainMetadata",
      domain: "delta.rowTracking",
      configuration: '{"rowIdHighWaterMark":41}',
      removed,
    });
    expect(check({ ours: {}, theirs: winner([marked(true)]), from }).rowIdHighWaterMark).toBe(9n);
    expect(check({ ours: {}, theirs: winner([marked(false)]), from }).rowIdHighWaterMark).toBe(41n);
  });

  it("says which version won, what it did, what of ours it met and what to do", () => {
    const run = () =>
      check({
        ours: { reads: { files: ["f"] } },
        theirs: winner([remove("f", { partitionValues: { part: "a" } })], { operation: "DELETE" }),
      });
    expect(run).toThrowError(
      "Conflict with version 5 (DELETE), which another writer committed first: it removed the file f (partition part=a), and this transaction read that file. " +
        "Nothing of this transaction was committed. Retry on the new version.",
    );
  });

  it.each([
    ["the table's metadata", config({ "delta.checkpointInterval": "5" })],
    ["a metadata domain", winner([domain("app.x")])],
  ])("says what a winner changed that a dropped feature may be used by: %s", (what, theirs) => {
    expect(() => check({ ours: { actions: [protocol([])] }, theirs })).toThrowError(`it changed ${what}, `);
  });
});

describe("effectiveIsolation", () => {
  const rearranging: CommitRequest = {
    actions: [add("g", { dataChange: false }), remove("f", { dataChange: false })],
    operation: "OPTIMIZE",
  };

  it("lowers a transaction that rearranges files, by its own actions, never on a Serializable table", () => {
    expect(effectiveIsolation(rearranging, "WriteSerializable")).toBe("SnapshotIsolation");
    expect(effectiveIsolation(rearranging, "Serializable")).toBe("Serializable");
    expect(effectiveIsolation({ ...rearranging, isolation: "Serializable" }, "WriteSerializable")).toBe(
      "Serializable",
    );
  });

  it("keeps the level of anything that changes rows, metadata or progress", () => {
    for (const more of [add("h"), metadata(), protocol(["appendOnly"])]) {
      expect(
        effectiveIsolation({ ...rearranging, actions: [...rearranging.actions, more] }, "WriteSerializable"),
      ).toBe("WriteSerializable");
    }
    expect(
      effectiveIsolation({ ...rearranging, txn: { appId: "x", version: 1n } }, "WriteSerializable"),
    ).toBe("WriteSerializable");
    expect(effectiveIsolation({ actions: [], operation: "NOTHING" }, "WriteSerializable")).toBe(
      "WriteSerializable",
    );
  });
});
