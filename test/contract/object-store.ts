import { afterAll, beforeAll, describe, it } from "vitest";
import { objectStoreCases, type StoreUnderTest } from "../../src/store.ts";

/** A kind of store, and what ends with its tests. */
interface ClosableStore extends StoreUnderTest {
  readonly close?: () => Promise<void>;
}

/** The contract that is shipped as `varve/store`, over one kind of store. */
export function describeObjectStore(name: string, makeStore: () => Promise<ClosableStore>): void {
  describe(`object store contract: ${name}`, () => {
    let under: ClosableStore;
    beforeAll(async () => {
      under = await makeStore();
    });
    afterAll(async () => {
      await under.close?.();
    });
    for (const { name, run } of objectStoreCases(() => under)) it(name, run);
  });
}
