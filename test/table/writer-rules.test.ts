import { describe, expect, it } from "vitest";
import type { ErrorCode } from "../../src/errors.ts";
import type { Action } from "../../src/protocol/actions.ts";
import type { CommitState } from "../../src/table/commit/commit-request.ts";
import { checkWriterRules } from "../../src/table/commit/writer-rules.ts";
import { add, metadata, protocol, remove } from "../support/commit-tools.ts";

// PROTOCOL.md "Append-only Tables", "Writer Requirements for Domain Metadata" and "Supported Features".

const vector = { storageType: "i", pathOrInlineDv: "x", sizeInBytes: 1, cardinality: 1 } as const;
const cdc: Action = { kind: "cdc", path: "_change_data/f", partitionValues: {}, size: 1, dataChange: false };
const domain = (name: string): Action => ({
  kind: "domainMetadata",
  domain: name,
  configuration: "",
  removed: false,
});
const state = (
  features: readonly string[] | undefined,
  configuration: Record<string, string> = {},
): CommitState => ({
  version: 0,
  timestamp: 0,
  protocol: protocol(features),
  metadata: metadata(configuration),
});
const appendOnly = { "delta.appendOnly": "true" };
const feed = { "delta.enableChangeDataFeed": "true" };

const cases: readonly (readonly [
  what: string,
  expected: ErrorCode | "allowed",
  actions: readonly Action[],
  table: CommitState,
])[] = [
  [
    "rows removed from an append-only table",
    "TABLE_APPEND_ONLY",
    [remove("f")],
    state(undefined, appendOnly),
  ],
  [
    "rows rearranged in an append-only table",
    "allowed",
    [remove("f", { dataChange: false }), add("g", { dataChange: false })],
    state(undefined, appendOnly),
  ],
  ["rows added to an append-only table", "allowed", [add("f")], state(undefined, appendOnly)],
  [
    "rows removed where the property has no feature behind it",
    "allowed",
    [remove("f")],
    state(["invariants"], appendOnly),
  ],
  [
    "rows removed in the commit that lifts the restriction",
    "allowed",
    [metadata(), remove("f")],
    state(undefined, appendOnly),
  ],
  [
    "a deletion vector without its feature",
    "UNSUPPORTED_FEATURE",
    [add("f", { deletionVector: vector })],
    state([]),
  ],
  [
    "a deletion vector with its feature",
    "allowed",
    [add("f", { deletionVector: vector })],
    state(["deletionVectors"]),
  ],
  ["row ids without their feature", "UNSUPPORTED_FEATURE", [add("f", { baseRowId: 1n })], state([])],
  ["row ids with their feature", "allowed", [add("f", { baseRowId: 1n })], state(["rowTracking"])],
  ["a change file while the feed is off", "UNSUPPORTED_FEATURE", [cdc], state(["changeDataFeed"])],
  ["a change file while the feed is on", "allowed", [cdc], state(["changeDataFeed"], feed)],
  ["a domain without the feature", "UNSUPPORTED_FEATURE", [domain("app.x")], state([])],
  ["a domain with the feature", "allowed", [domain("app.x")], state(["domainMetadata"])],
  [
    "a domain of the protocol that varve does not know",
    "INVALID_ARGUMENT",
    [domain("delta.fromTheFuture")],
    state(["domainMetadata"]),
  ],
];

describe("checkWriterRules", () => {
  it.each(cases.map(([what, expected, actions, table]) => ({ what, expected, actions, table })))(
    "$what: $expected",
    ({ expected, actions, table }) => {
      const check = () => checkWriterRules({ actions, operation: "TEST" }, table);
      if (expected === "allowed") expect(check).not.toThrow();
      else expect(check).toThrowError(expect.objectContaining({ code: expected }));
    },
  );
});
