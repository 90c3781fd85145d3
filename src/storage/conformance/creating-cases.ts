import assert from "node:assert/strict";
import type { ObjectStore } from "../contract/object-store.ts";
import { paths, type StoreCase, type StoreUnderTest, textOf, utf8 } from "./store-under-test.ts";

const commit = "_delta_log/00000000000000000000.json";

/** The commit primitive: one writer creates an object, however many race. */
export const creatingCases: readonly StoreCase[] = [
  {
    name: "creates an object once; the second attempt answers exists and changes nothing",
    check: async (store) => {
      assert.equal(await store.putIfAbsent(commit, utf8("first")), "created");
      assert.equal(await store.putIfAbsent(commit, utf8("second")), "exists");
      assert.equal(textOf(await store.get(commit)), "first");
      assert.deepEqual(await paths(store, ""), [commit], "nothing else is left");
    },
  },
  {
    name: "creates again after a delete",
    check: async (store) => {
      assert.equal(await store.putIfAbsent("object", utf8("first")), "created");
      await store.delete("object");
      assert.equal(await store.putIfAbsent("object", new Uint8Array()), "created");
      assert.equal(await store.putIfAbsent("object", utf8("x")), "exists");
    },
  },
  { name: "lets exactly one of 50 concurrent creators win, and keeps the winner's bytes", check: race },
];

async function race(_: ObjectStore, under: StoreUnderTest): Promise<void> {
  const clients = await under.open(5);
  assert.equal(clients.length, 5, "open(5) must give five stores");
  for (let round = 0; round < (under.raceRounds ?? 10); round++) {
    const path = `_delta_log/${String(round).padStart(20, "0")}.json`;
    const contenders = Array.from({ length: 10 }, () => clients).flat();
    const outcomes = await Promise.all(
      contenders.map((store, index) => settle(store, path, `writer ${index}`)),
    );
    const winners = outcomes.flatMap((outcome, index) => (outcome === "created" ? [index] : []));
    assert.equal(winners.length, 1, `round ${round}: writers ${winners.join(", ")} won`);
    assert.ok(outcomes.every((outcome) => outcome === "created" || outcome === "exists"));
    for (const store of clients) assert.equal(textOf(await store.get(path)), `writer ${winners[0]}`);
  }
}

/** Like a commit: an unknown outcome is settled by reading the object back. */
async function settle(store: ObjectStore, path: string, content: string): Promise<string> {
  for (;;) {
    const outcome = await store.putIfAbsent(path, utf8(content));
    if (outcome !== "unknown") return outcome;
    if ((await store.head(path)) === undefined) continue;
    return textOf(await store.get(path)) === content ? "created" : "exists";
  }
}
