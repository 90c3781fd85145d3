import { describe, expect, it } from "vitest";
import { check, createTable, schema, suite, type Table, VarveError } from "../../src/index.ts";
import { memoryStore, type ObjectStore } from "../../src/store.ts";

let tables = 0;

/** A store in memory that refuses listings as soon as a commit has landed while it is armed. */
function refusingStore() {
  const memory = memoryStore(`landed-unread-${tables++}`);
  const state: { armed: boolean; refuses: boolean; refusesFrom: string | undefined } = {
    armed: false,
    refuses: false,
    refusesFrom: undefined,
  };
  const store: ObjectStore = {
    ...memory,
    async *list(...parameters) {
      if (state.refuses) throw new VarveError("STORE_UNAVAILABLE", "The store is away.", {});
      yield* memory.list(...parameters);
    },
    async putIfAbsent(...parameters) {
      if (state.refusesFrom === parameters[0]) throw new VarveError("STORE_REFUSED", "Read-only.", {});
      const answer = await memory.putIfAbsent(...parameters);
      if (state.armed && /^_delta_log\/\d+\.json$/.test(parameters[0])) state.refuses = true;
      return answer;
    },
  };
  return { store, state };
}

/** A table in such a store. */
async function unreadableTable() {
  const { store, state } = refusingStore();
  const table = await createTable("ram://orders", { openStore: () => store, source: [{ id: 1n }] });
  return { table, state };
}

describe("a commit that landed, and could not be read back", () => {
  const verbs: Record<string, (table: Table) => Promise<{ version: number }>> = {
    append: (table) => table.append([{ id: 2n }]),
    overwrite: (table) => table.overwrite([{ id: 2n }, { id: 3n }]),
    alter: (table) => table.alter({ description: "orders" }),
    publish: async (table) => (await table.staging.stage([{ id: 2n }])).publish(),
    "publish by id": async (table) => {
      const { id } = await table.staging.stage([{ id: 2n }]);
      return table.staging.publish(id);
    },
    "a suite": (table) => table.suite.set(suite("ids", [check.notNull("id")])),
  };

  it.each(Object.entries(verbs))("is told as committed, with a warning: %s", async (_, verb) => {
    const { table, state } = await unreadableTable();
    await using open = table;
    state.armed = true;
    expect(await verb(open)).toMatchObject({ version: 1 });
    state.refuses = state.armed = false;
    expect((await open.settled()).flatMap(({ warnings }) => warnings)).toContainEqual({
      step: "refresh",
      code: "STORE_UNAVAILABLE",
      message: expect.stringMatching(/^Version 1 is committed, but could not be read back \(/),
    });
    expect(open.snapshot().version).toBe(0);
    expect(await open.append([{ id: 9n }])).toMatchObject({ version: 2 });
    expect(open.snapshot().version).toBe(2);
  });

  it("is told as committed where the quarantine cannot be searched for an earlier try: a publication", async () => {
    const { table, state } = await unreadableTable();
    await using open = table;
    await open.staging.stage([{ id: 2n }], { id: "next" });
    state.armed = true;
    expect(await open.staging.publish("next")).toMatchObject({ outcome: "committed", version: 1 });
    state.refuses = state.armed = false;
    expect((await open.settled()).flatMap(({ warnings }) => warnings)).toContainEqual({
      step: "quarantine",
      code: "STORE_UNAVAILABLE",
      message: expect.stringMatching(
        /^Version 1 is committed, but rows that an earlier try of varve\.staged\.next/,
      ),
    });
  });

  it("is told as committed where the quarantine cannot be searched for an earlier try: a repeated batch", async () => {
    const { table, state } = await unreadableTable();
    await using open = table;
    await open.append([{ id: 2n }], { batchId: "b" });
    state.refuses = true;
    expect(await open.append([{ id: 2n }], { batchId: "b" })).toMatchObject({ outcome: "alreadyApplied" });
    state.refuses = false;
    expect((await open.settled()).flatMap(({ warnings }) => warnings)).toContainEqual(
      expect.objectContaining({ step: "quarantine", code: "STORE_UNAVAILABLE" }),
    );
  });

  it("is told as landed where the quarantine cannot be told of it: a resubmission", async () => {
    const { table, state } = await unreadableTable();
    await using open = table;
    const positive = suite("ids", [check.positive("id", { onFail: "quarantine" })]);
    await open.append([{ id: -1n }], { gate: positive, batchId: "b" });
    state.refusesFrom = "_quarantine/_delta_log/00000000000000000003.json";
    expect(await open.quarantine.resubmit({ all: true, untested: true })).toMatchObject({
      landed: 1,
      stillBad: 0,
      version: 2,
    });
    state.refusesFrom = undefined;
    expect((await open.settled()).flatMap(({ warnings }) => warnings)).toContainEqual({
      step: "quarantine",
      code: "STORE_REFUSED",
      message: expect.stringMatching(/^Version 2 is committed, but its rows stay claimed/),
    });
    expect(await open.quarantine.resubmit({ all: true, untested: true })).toMatchObject({
      landed: 1,
      stillBad: 0,
      version: 2,
    });
    expect(await open.quarantine.read({ status: "resubmitted" })).toHaveLength(1);
    expect(await open.count()).toBe(2);
  });
});

it("maintenance that fails after a table was created is a warning of the table", async () => {
  const memory = memoryStore(`landed-unread-${tables++}`);
  const store: ObjectStore = {
    ...memory,
    async putIfAbsent(...parameters) {
      if (parameters[0].endsWith(".crc")) throw new VarveError("STORE_REFUSED", "No checksums here.", {});
      return memory.putIfAbsent(...parameters);
    },
    async put(...parameters) {
      if (parameters[0].endsWith(".crc")) throw new VarveError("STORE_REFUSED", "No checksums here.", {});
      return memory.put(...parameters);
    },
  };
  await using table = await createTable("ram://orders", { openStore: () => store, source: [{ id: 1n }] });
  expect((await table.settled()).flatMap(({ warnings }) => warnings)).toMatchObject([
    { step: "checksum", code: "STORE_REFUSED" },
  ]);
});

describe("a creation that landed, and could not be read back", () => {
  const source = [{ id: 1n, name: "a" }];
  const columns = schema().long("id").string("name");

  it.each([
    ["from a source", { source }],
    ["of a schema", { schema: columns }],
    ["where the table may exist", { source, ifNotExists: true }],
  ])("is told as created, with a warning: %s", async (_, options) => {
    const { store, state } = refusingStore();
    state.armed = true;
    await using table = await createTable("ram://created", { openStore: () => store, ...options });
    state.refuses = state.armed = false;
    expect(table.snapshot().version).toBe(0);
    expect(table.snapshot().schema.fields.map(({ name }) => name)).toEqual(["id", "name"]);
    expect((await table.settled()).flatMap(({ warnings }) => warnings)).toContainEqual({
      step: "refresh",
      code: "STORE_UNAVAILABLE",
      message: expect.stringMatching(/^Version 0 is committed, but could not be read back \(/),
    });
    expect(await table.append([{ id: 2n }])).toMatchObject({ version: 1 });
    expect(await table.count()).toBe("source" in options ? 2 : 1);
  });

  it("is told as created by the error, where its first commit is too large to be kept", async () => {
    const { store, state } = refusingStore();
    state.armed = true;
    const userMetadata = "x".repeat(300_000);
    await expect(
      createTable("ram://created", { openStore: () => store, schema: columns, userMetadata }),
    ).rejects.toMatchObject({
      code: "STORE_UNAVAILABLE",
      message: expect.stringMatching(
        / was created \(version 0\), but could not be opened: The store is away\. Open it/,
      ),
      data: { version: 0 },
    });
  });
});
