import { describe, expect, it } from "vitest";
import { openLog } from "../../src/log/snapshot/open-log.ts";
import { findFeature, tableFeatures } from "../../src/protocol/features.ts";
import { firstActions, memoryTable } from "../support/log-tables.ts";

/** PROTOCOL.md "Valid Feature Names in Table Features". */
const ofTheSpecification = [
  "appendOnly",
  "invariants",
  "checkConstraints",
  "generatedColumns",
  "allowColumnDefaults",
  "changeDataFeed",
  "columnMapping",
  "identityColumns",
  "deletionVectors",
  "rowTracking",
  "timestampNtz",
  "domainMetadata",
  "v2Checkpoint",
  "catalogManaged",
  "icebergCompatV1",
  "icebergCompatV2",
  "clustering",
  "vacuumProtocolCheck",
  "inCommitTimestamp",
  "typeWidening",
  "variantType",
  "variantShredding",
  "checkpointProtection",
  "collations",
  "icebergCompatV3",
  "icebergWriterCompatV1",
  "materializePartitionColumns",
  "timestampNanos",
];

describe("table features", () => {
  it("of the specification and its RFCs are all known", () => {
    expect(ofTheSpecification.filter((name) => findFeature(name) === undefined)).toEqual([]);
  });

  const readers = tableFeatures
    .filter((feature) => feature.side === "reader")
    .flatMap(({ name, preview, unreadable }) =>
      [name, ...(preview === undefined ? [] : [preview])].map((spelling) => ({ spelling, unreadable })),
    );

  it.each(readers)("$spelling is read, or unreadable by its name", async ({ spelling, unreadable }) => {
    const opening = openLog(await memoryTable([firstActions({ readerFeatures: [spelling] })]));
    if (spelling.startsWith("catalog"))
      return expect(opening).rejects.toMatchObject({ code: "CATALOG_MANAGED", data: { feature: spelling } });
    const { readObstacle } = await opening;
    if (unreadable === undefined) return expect(readObstacle).toBeUndefined();
    expect(readObstacle).toMatchObject({ code: "UNSUPPORTED_FEATURE", data: { features: [spelling] } });
    expect(readObstacle?.message).toContain(unreadable);
  });

  it("that only writers need never keep a table from being read", async () => {
    const writerFeatures = [
      ...tableFeatures.filter((feature) => feature.side === "writer").map((feature) => feature.name),
      "unknownToAll",
    ];
    expect(
      (await openLog(await memoryTable([firstActions({ writerFeatures })]))).readObstacle,
    ).toBeUndefined();
  });

  it.each([
    [{ minReaderVersion: 3, minWriterVersion: 7, writerFeatures: [] }, "LOG_CORRUPT"],
    [{ minReaderVersion: 3, minWriterVersion: 7, readerFeatures: [] }, "LOG_CORRUPT"],
    [{ minReaderVersion: 3, minWriterVersion: 5, readerFeatures: [] }, "LOG_CORRUPT"],
    [{ minReaderVersion: 0, minWriterVersion: 2 }, "LOG_CORRUPT"],
  ])("in a protocol that cannot be, %j, are a damaged log", async (protocol, code) => {
    const [, metadata] = firstActions();
    const table = await memoryTable([
      [{ kind: "protocol", ...protocol }, ...(metadata === undefined ? [] : [metadata])],
    ]);
    await expect(openLog(table)).rejects.toMatchObject({ code });
  });

  it("of a reader version that is not known yet are named", async () => {
    const [, metadata] = firstActions();
    const protocol = {
      kind: "protocol",
      minReaderVersion: 5,
      minWriterVersion: 7,
      readerFeatures: ["newThing"],
      writerFeatures: ["newThing"],
    } as const;
    const snapshot = await openLog(
      await memoryTable([[protocol, ...(metadata === undefined ? [] : [metadata])]]),
    );
    await expect(snapshot.files()).rejects.toMatchObject({
      code: "UNSUPPORTED_PROTOCOL",
      data: { features: ["newThing"] },
    });
  });
});
