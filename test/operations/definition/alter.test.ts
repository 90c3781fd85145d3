import { describe, expect, it } from "vitest";
import type { TableContext } from "../../../src/log/contract.ts";
import { openLog } from "../../../src/log/snapshot/open-log.ts";
import { alterTable } from "../../../src/operations/alter/alter.ts";
import type { Action } from "../../../src/protocol/actions.ts";
import { commitTransaction } from "../../../src/table/commit/transaction.ts";
import {
  add,
  contextOf,
  createTable,
  freshMemoryStore,
  metadata,
  protocol,
  replay,
} from "../../support/commit-tools.ts";

// PROTOCOL.md "Table Features for New and Existing Tables", "Writer Requirements for Column Mapping" and
// "Writer Requirements for In-Commit Timestamps".

async function table(actions: readonly Action[] = [protocol(), metadata()]): Promise<TableContext> {
  const context = contextOf(freshMemoryStore());
  await createTable(context, actions);
  return context;
}

describe("features that are dropped", () => {
  const drop = async (
    features: readonly string[],
    name: string,
    change: { properties?: Record<string, string>; schema?: string } = {},
  ) => {
    const readers = features.filter((one) => ["vacuumProtocolCheck", "variantType"].includes(one));
    const context = await table([
      protocol(
        features.filter((one) => !readers.includes(one)),
        readers,
      ),
      metadata(change.properties ?? {}, change.schema === undefined ? {} : { schemaString: change.schema }),
    ]);
    return { context, result: alterTable(await openLog(context), { dropFeatures: [name] }) };
  };
  const columnWith = (keys: Record<string, unknown>, nullable = true): string =>
    JSON.stringify({
      type: "struct",
      fields: [
        { name: "id", type: "long", nullable, metadata: keys },
        { name: "part", type: "string", nullable: true, metadata: {} },
      ],
    });

  it.each([
    "appendOnly",
    "invariants",
    "checkConstraints",
    "changeDataFeed",
    "generatedColumns",
    "allowColumnDefaults",
    "identityColumns",
    "inCommitTimestamp",
    "domainMetadata",
    "materializePartitionColumns",
    "checkpointProtection",
    "icebergCompatV2",
  ])("%s goes where nothing uses it", async (name) => {
    const { context, result } = await drop([name], name);
    expect(await result).toMatchObject({ outcome: "committed", featuresDropped: [name], featuresAdded: [] });
    expect((await openLog(context)).protocol).toEqual(protocol([]));
    expect((await replay(context)).commits[1]?.[0]).toMatchObject({ info: { operation: "DROP FEATURE" } });
  });

  it("vacuumProtocolCheck goes and takes the list of reader features with it", async () => {
    const { context, result } = await drop(["appendOnly", "vacuumProtocolCheck"], "vacuumProtocolCheck");
    await result;
    expect((await openLog(context)).protocol).toEqual(protocol(["appendOnly"]));
  });

  it.each([
    ["appendOnly", { properties: { "delta.appendOnly": "true" } }],
    ["inCommitTimestamp", { properties: { "delta.enableInCommitTimestamps": "true" } }],
    ["changeDataFeed", { properties: { "delta.enableChangeDataFeed": "true" } }],
    ["checkConstraints", { properties: { "delta.constraints.c": "id > 0" } }],
    ["checkpointProtection", { properties: { "delta.requireCheckpointProtectionBeforeVersion": "4" } }],
    ["invariants", { schema: columnWith({}, false) }],
    ["invariants", { schema: columnWith({ "delta.invariants": '{"expression":{"expression":"id > 0"}}' }) }],
    ["generatedColumns", { schema: columnWith({ "delta.generationExpression": "1" }) }],
    ["allowColumnDefaults", { schema: columnWith({ CURRENT_DEFAULT: "1" }) }],
    ["identityColumns", { schema: columnWith({ "delta.identity.start": 1, "delta.identity.step": 1 }) }],
  ])("%s stays while it is in use: %j", async (name, change) => {
    const { context, result } = await drop([name], name, change);
    await expect(result).rejects.toMatchObject({ code: "INVALID_ARGUMENT", data: { features: [name] } });
    expect((await openLog(context)).version).toBe(0);
  });

  it.each(["variantType"])(
    "%s is refused with the reason: old versions or files depend on it",
    async (name) => {
      const { result } = await drop(["domainMetadata", name], name);
      await expect(result).rejects.toMatchObject({ code: "UNSUPPORTED_FEATURE", data: { features: [name] } });
    },
  );

  it("stay where another feature needs them, or a domain is there", async () => {
    const needed = await drop(["domainMetadata", "clustering"], "domainMetadata");
    await expect(needed.result).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      message: expect.stringContaining("clustering"),
    });
    const context = await table([protocol(["domainMetadata"]), metadata()]);
    const domain: Action = { kind: "domainMetadata", domain: "app.x", configuration: "{}", removed: false };
    await commitTransaction(await openLog(context), { actions: [domain], operation: "SET" });
    const options = { dropFeatures: ["domainMetadata"] };
    await expect(alterTable(await openLog(context), options)).rejects.toMatchObject({
      message: expect.stringContaining("app.x"),
    });
    await commitTransaction(await openLog(context), {
      actions: [{ ...domain, removed: true }],
      operation: "SET",
    });
    expect(await alterTable(await openLog(context), options)).toMatchObject({
      featuresDropped: ["domainMetadata"],
    });
  });

  it("go in the commit that switches them off, with their bookkeeping", async () => {
    const context = await table([protocol(["appendOnly", "inCommitTimestamp"]), metadata()]);
    await alterTable(await openLog(context), { set: { "delta.enableInCommitTimestamps": "true" } });
    await alterTable(await openLog(context), {
      set: { "delta.enableInCommitTimestamps": "false" },
      dropFeatures: ["inCommitTimestamp"],
    });
    const after = await openLog(context);
    expect(after.protocol).toEqual(protocol(["appendOnly"]));
    expect(after.metadata.configuration).toEqual({ "delta.enableInCommitTimestamps": "false" });
  });

  it("of an old writer version turn it into a list, only when that is allowed", async () => {
    const context = await table([{ kind: "protocol", minReaderVersion: 1, minWriterVersion: 3 }, metadata()]);
    const options = { dropFeatures: ["checkConstraints"] };
    await expect(alterTable(await openLog(context), options)).rejects.toMatchObject({
      code: "UNSUPPORTED_FEATURE",
    });
    await alterTable(await openLog(context), { ...options, upgradeProtocol: true });
    expect((await openLog(context)).protocol).toEqual(protocol(["appendOnly", "invariants"]));
  });

  it("must be listed", async () => {
    const { result } = await drop(["appendOnly"], "changeDataFeed");
    await expect(result).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
  });
});

describe("alterTable", () => {
  it("sets and unsets properties in one commit that history names", async () => {
    const context = await table([protocol(), metadata({ "delta.checkpointInterval": "5", mine: "1" })]);
    const result = await alterTable(await openLog(context), {
      set: { "delta.logRetentionDuration": "interval 2 days" },
      unset: ["mine", "absent"],
      description: "new",
    });
    expect(result).toMatchObject({ outcome: "committed", version: 1, featuresAdded: [] });
    expect(await result.maintenance).toMatchObject({ warnings: [] });
    const after = await openLog(context);
    expect(after.metadata.configuration).toEqual({
      "delta.checkpointInterval": "5",
      "delta.logRetentionDuration": "interval 2 days",
    });
    expect(after.metadata.description).toBe("new");
    expect((await replay(context)).commits[1]?.[0]).toMatchObject({
      info: { operation: "SET TBLPROPERTIES" },
    });
  });

  it("keeps the description if none is given", async () => {
    const context = await table([protocol(), { ...metadata(), description: "kept" }]);
    await alterTable(await openLog(context), { set: { "my.key": "x" } });
    expect((await openLog(context)).metadata).toMatchObject({
      description: "kept",
      configuration: { "my.key": "x" },
    });
  });

  it("commits nothing when nothing changes", async () => {
    const context = await table([protocol(), metadata({ "delta.appendOnly": "false" })]);
    expect(
      await alterTable(await openLog(context), { set: { "delta.appendOnly": "false" }, unset: ["absent"] }),
    ).toEqual({
      outcome: "unchanged",
      version: 0,
      featuresAdded: [],
      featuresDropped: [],
    });
  });

  it("raises the protocol only when told to, and says which feature asks for it", async () => {
    const context = await table();
    const options = { set: { "delta.enableDeletionVectors": "true" } };
    await expect(alterTable(await openLog(context), options)).rejects.toMatchObject({
      code: "UNSUPPORTED_FEATURE",
      data: { features: ["deletionVectors"] },
    });
    const result = await alterTable(await openLog(context), { ...options, upgradeProtocol: true });
    expect(result.featuresAdded).toEqual(["deletionVectors"]);
    expect((await openLog(context)).protocol).toEqual({
      kind: "protocol",
      minReaderVersion: 3,
      minWriterVersion: 7,
      readerFeatures: ["deletionVectors"],
      writerFeatures: ["appendOnly", "deletionVectors", "invariants"],
    });
  });

  it("needs no upgrade for what the old writer version holds already", async () => {
    const context = await table([{ kind: "protocol", minReaderVersion: 1, minWriterVersion: 4 }, metadata()]);
    const result = await alterTable(await openLog(context), {
      set: { "delta.enableChangeDataFeed": "true" },
    });
    expect(result).toMatchObject({ outcome: "committed", featuresAdded: [] });
    expect((await openLog(context)).protocol).toEqual({
      kind: "protocol",
      minReaderVersion: 1,
      minWriterVersion: 4,
    });
  });

  it("turns an old writer version into the list of all that it may have used", async () => {
    const context = await table([{ kind: "protocol", minReaderVersion: 2, minWriterVersion: 5 }, metadata()]);
    await alterTable(await openLog(context), {
      set: { "delta.feature.domainMetadata": "supported" },
      upgradeProtocol: true,
    });
    expect((await openLog(context)).protocol).toEqual({
      kind: "protocol",
      minReaderVersion: 2,
      minWriterVersion: 7,
      writerFeatures: [
        "appendOnly",
        "changeDataFeed",
        "checkConstraints",
        "columnMapping",
        "domainMetadata",
        "generatedColumns",
        "invariants",
      ],
    });
  });

  it.each(["icebergCompatV2", "catalogManaged", "neverHeardOf"])(
    "refuses to list the feature %s",
    async (name) => {
      const context = await table();
      const options = { set: { [`delta.feature.${name}`]: "supported" }, upgradeProtocol: true };
      await expect(alterTable(await openLog(context), options)).rejects.toMatchObject({
        code: "UNSUPPORTED_FEATURE",
      });
    },
  );

  it("enables row tracking with row ids for every file, in one commit", async () => {
    const context = await table([protocol(["appendOnly"]), metadata(), add("a"), add("b")]);
    await alterTable(await openLog(context), {
      set: { "delta.enableRowTracking": "true" },
      upgradeProtocol: true,
    });
    const snapshot = await openLog(context);
    const ids: [string, bigint | undefined, bigint | undefined][] = [];
    for await (const chunk of (await snapshot.files()).all())
      for (const file of chunk) ids.push([file.path, file.baseRowId, file.defaultRowCommitVersion]);
    expect(ids.sort()).toEqual([
      ["a", 0n, 1n],
      ["b", 10n, 1n],
    ]);
    expect((await snapshot.domainMetadata()).get("delta.rowTracking")?.configuration).toBe(
      '{"rowIdHighWaterMark":19}',
    );
    expect(snapshot.metadata.configuration["delta.rowTracking.materializedRowIdColumnName"]).toMatch(
      /^_row-id-col-/,
    );
    expect(snapshot.protocol.writerFeatures).toEqual(["appendOnly", "domainMetadata", "rowTracking"]);
  });

  it("does not enable row tracking past a file that another writer adds meanwhile", async () => {
    const context = await table([protocol(["appendOnly"]), metadata(), add("a")]);
    const old = await openLog(context);
    await commitTransaction(old, { actions: [add("b")], operation: "WRITE" });
    await expect(
      alterTable(old, { set: { "delta.enableRowTracking": "true" }, upgradeProtocol: true }),
    ).rejects.toMatchObject({
      code: "CONFLICT_CONCURRENT_APPEND",
    });
  });

  it("maps columns in place: each keeps its name in the files", async () => {
    const context = await table();
    await alterTable(await openLog(context), {
      set: { "delta.columnMapping.mode": "name" },
      upgradeProtocol: true,
    });
    const { schema, metadata: after } = await openLog(context);
    expect(
      schema.fields.map(({ name, metadata: keys }) => [
        name,
        keys["delta.columnMapping.physicalName"],
        keys["delta.columnMapping.id"],
      ]),
    ).toEqual([
      ["id", "id", 1],
      ["part", "part", 2],
    ]);
    expect(after.configuration["delta.columnMapping.maxColumnId"]).toBe("2");
    await expect(
      alterTable(await openLog(context), { set: { "delta.columnMapping.mode": "id" } }),
    ).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
    });
  });

  it.each([
    ["a boolean", "delta.appendOnly", "yes"],
    ["an interval", "delta.logRetentionDuration", "interval 1 month"],
    ["a count", "delta.checkpointInterval", "0"],
    ["a level", "delta.isolationLevel", "SnapshotIsolation"],
    ["bookkeeping", "delta.columnMapping.maxColumnId", "7"],
    ["a constraint", "delta.constraints.c", "id > 0"],
    ["a feature switch", "delta.feature.appendOnly", "off"],
  ])("refuses a value that the property cannot have: %s", async (_, key, value) => {
    const context = await table();
    await expect(alterTable(await openLog(context), { set: { [key]: value } })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
    });
  });

  it("refuses to enable row tracking while it is suspended", async () => {
    const context = await table([
      protocol(["rowTracking", "domainMetadata"]),
      metadata({ "delta.rowTrackingSuspended": "true" }),
    ]);
    await expect(
      alterTable(await openLog(context), { set: { "delta.enableRowTracking": "true" } }),
    ).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
    });
  });
});
