import { describe, expect, it } from "vitest";
import {
  findFeature,
  isFeatureActive,
  supportedReaderFeatures,
  supportedWriterFeatures,
  type TableFeature,
  tableFeatures,
} from "../../src/protocol/features.ts";
import { requireWritable } from "../../src/protocol/obstacles.ts";
import { metadata, protocol } from "../support/commit-tools.ts";

// PROTOCOL.md "Writer Version Requirements", "Table Features", "Supported Features" and "Active Features".

describe("supportedWriterFeatures", () => {
  it("writer version 7 supports what it lists and nothing else", () => {
    expect([...supportedWriterFeatures(protocol(["appendOnly"], ["deletionVectors"]))]).toEqual([
      "appendOnly",
      "deletionVectors",
    ]);
    expect([...supportedReaderFeatures(protocol(["appendOnly"], ["deletionVectors"]))]).toEqual([
      "deletionVectors",
    ]);
    expect([
      ...supportedReaderFeatures({ kind: "protocol", minReaderVersion: 2, minWriterVersion: 5 }),
    ]).toEqual(["columnMapping"]);
  });
});

describe("requireWritable", () => {
  it("accepts a table with every feature that varve enforces or keeps", () => {
    const written = tableFeatures.filter(({ write }) => write !== "refused");
    const namesOf = (side: TableFeature["side"]) =>
      written
        .filter((feature) => feature.side === side)
        .flatMap(({ name, preview }) => [name, ...(preview === undefined ? [] : [preview])]);
    const [readers, writers] = [
      namesOf("reader"),
      namesOf("writer").filter((name) => name !== "inCommitTimestamp-preview"),
    ];
    expect(() => requireWritable(protocol(writers, readers), metadata())).not.toThrow();
  });

  it.each(tableFeatures.map(({ name }) => name))(
    "never ignores %s: it is enforced, kept, or refused by name",
    (name) => {
      const known = findFeature(name);
      const active = {
        "delta.enableIcebergCompatV1": "true",
        "delta.enableIcebergCompatV2": "true",
        "delta.enableIcebergCompatV3": "true",
      };
      const more = {
        "delta.enableIcebergWriterCompatV1": "true",
        "delta.enableIcebergWriterCompatV3": "true",
      };
      const attempt = () =>
        requireWritable(protocol([name, ...(known?.requires ?? [])]), metadata({ ...active, ...more }));
      if (known?.write !== "refused") expect(attempt).not.toThrow();
      else expect(attempt).toThrowError(expect.objectContaining({ data: { features: [name] } }));
    },
  );

  it("names every reason at once", () => {
    expect(() => requireWritable(protocol(["one", "appendOnly", "two"]), metadata())).toThrowError(
      expect.objectContaining({
        code: "UNSUPPORTED_FEATURE",
        data: { features: ["one", "two"] },
        message: expect.stringMatching(/one \(.*\); two \(/),
      }),
    );
  });

  it("lets Iceberg compatibility be listed as long as it is not on", () => {
    expect(() => requireWritable(protocol(["icebergCompatV2"]), metadata())).not.toThrow();
    expect(() =>
      requireWritable(protocol(["icebergCompatV2"]), metadata({ "delta.enableIcebergCompatV2": "true" })),
    ).toThrowError(expect.objectContaining({ code: "UNSUPPORTED_FEATURE" }));
  });

  it("refuses tables of a catalog and protocol versions of the future", () => {
    expect(() => requireWritable(protocol(["catalogManaged"]), metadata())).toThrowError(
      expect.objectContaining({ code: "CATALOG_MANAGED" }),
    );
    expect(() =>
      requireWritable({ kind: "protocol", minReaderVersion: 3, minWriterVersion: 8 }, metadata()),
    ).toThrowError(expect.objectContaining({ code: "UNSUPPORTED_PROTOCOL" }));
  });
});

describe("isFeatureActive", () => {
  it("asks for the feature and for the property that switches it on", () => {
    const on = metadata({ "delta.appendOnly": "true" });
    expect(isFeatureActive("appendOnly", protocol(), on)).toBe(true);
    expect(isFeatureActive("appendOnly", protocol(), metadata())).toBe(false);
    expect(isFeatureActive("appendOnly", protocol(["invariants"]), on)).toBe(false);
  });
});
