import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { check, createTable, schema, suite } from "../../../src/index.ts";
import { freshFolder } from "../table-folder.ts";

const gate = suite("positive", [check.between("id", { min: 0 }, { onFail: "quarantine" })]);
const rows = [{ id: 1 }, { id: -1 }];
const made = () => createTable(join(freshFolder(), "t"), { schema: schema().long("id").string("s") });

describe("the name of a batch", () => {
  it.each(["a\0b", "\ud800", "\udfff:1", "varve.batch.b", "varve.staged.x:1"])(
    "%j is refused: it could not be told from another one's",
    async (name) => {
      await using table = await made();
      for (const named of [{ batchId: name }, { txn: { appId: name, version: 1 } }])
        await expect(table.append(rows, { gate, ...named })).rejects.toMatchObject({
          code: "INVALID_ARGUMENT",
        });
      expect(table.snapshot().version).toBe(0);
    },
  );

  it("is refused where the quarantine has rows of a batch that is called so in the other way", async () => {
    const ways = [{ batchId: "app:5" }, { txn: { appId: "app", version: 5 } }];
    for (const [first, second] of [ways, ways.toReversed()]) {
      await using table = await made();
      await table.append(rows, { gate, ...first });
      await expect(table.append(rows, { gate, ...second })).rejects.toMatchObject({
        code: "QUARANTINE_INVALID",
        data: { batchId: "app:5" },
      });
      await table.append(rows, { gate, batchId: "app:6" });
      await table.append(rows, { gate, txn: { appId: "app", version: 7 } });
      expect(await table.quarantine.repair({ all: true }, { id: "abs(id)" })).toBe(3);
      expect(await table.quarantine.resubmit({ all: true })).toMatchObject({ landed: 3, stillBad: 0 });
    }
  });

  it("may be as long and as odd as its caller likes else", async () => {
    await using table = await made();
    for (const batchId of ["../x", "__proto__", "a'b", "\n", "x".repeat(10_240), "é", "e\u0301", ":1"]) {
      await table.append(rows, { gate, batchId });
      expect(await table.append(rows, { gate, batchId })).toMatchObject({ outcome: "alreadyApplied" });
      expect(await table.quarantine.discard({ batchId }, batchId)).toBe(1);
    }
  });
});

it("NUL in a note, a set of values or a name of a suite is text as any other", async () => {
  await using table = await made();
  const named = { ...gate.json, name: "su\0ite" };
  await table.append(rows, { gate: named, batchId: "b" });
  const inSet = suite("set", [check.oneOf("s", ["a\0b"])]);
  expect(await table.append([{ id: 2, s: "a\0b" }], { gate: inSet })).toMatchObject({ rows: 1 });
  await expect(table.append([{ id: 2, s: "a" }], { gate: inSet })).rejects.toMatchObject({
    code: "BATCH_REJECTED",
  });
  await expect(table.quarantine.discard({ checkId: "none\0" })).rejects.toMatchObject({
    code: "QUARANTINE_INVALID",
  });
  expect(await table.quarantine.discard({ batchId: "b" }, "no\0te")).toBe(1);
  expect(await table.quarantine.read({ status: "discarded" })).toMatchObject([
    { note: "no\0te", suite: "su\0ite" },
  ]);
  expect(() => schema().long("a\0b")).toThrow(/a name with a NUL/);
});

it("a change of quarantined rows that are not open, or that no text selects, is refused", async () => {
  await using table = await made();
  await table.append(rows, { gate, batchId: "b" });
  const { quarantine } = table;
  const given = (value: unknown) => value as never;
  for (const selection of [{ status: "x" }, { ids: "b" }, { ids: [5] }, { batchId: 5 }, { checkId: null }]) {
    for (const verb of [
      () => quarantine.read(given(selection)),
      () => quarantine.lines(given(selection)).next(),
      () => quarantine.repair(given(selection), { id: "1" }),
      () => quarantine.resubmit(given(selection)),
      () => quarantine.discard(given(selection)),
    ])
      await expect(verb()).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
  }
  for (const verb of [
    () => quarantine.repair({ status: "discarded" }, { id: "1" }),
    () => quarantine.resubmit({ all: true, status: "claimed" }),
    () => quarantine.discard({ status: "resubmitted" }),
    () => quarantine.repair({ all: true }, given(null)),
    () => quarantine.repair({ all: true }, given({ id: 5 })),
    () => quarantine.discard({ all: true }, given(5)),
  ])
    await expect(verb()).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
  expect(await quarantine.read()).toHaveLength(1);
});
