import { creatingCases } from "./creating-cases.ts";
import { listingCases } from "./listing-cases.ts";
import { readingCases } from "./reading-cases.ts";
import { refusingCases } from "./refusing-cases.ts";
import { oneStore, type StoreUnderTest } from "./store-under-test.ts";

/** One test of the contract, for any test runner. */
export interface ContractCase {
  /** What the store must do. */
  readonly name: string;
  /** Resolves if the store does it. @throws `AssertionError` if it does not */
  readonly run: () => Promise<void>;
}

/**
 * The contract of {@link ObjectStore} as tests that every store must pass. varve's own stores pass the same
 * tests.
 *
 * @param under called once per case; what it opens must be a fresh, empty root each time
 * @example
 * ```ts
 * import { test } from "node:test";
 * import { memoryStore, objectStoreCases } from "varve/store";
 *
 * let roots = 0;
 * const open = async (clients: number) => {
 *   const name = `root-${++roots}`;
 *   return Array.from({ length: clients }, () => memoryStore(name));
 * };
 * const under = () => ({ open, manyObjects: 100, raceRounds: 2 });
 * for (const { name, run } of objectStoreCases(under)) test(name, run);
 * ```
 */
export function objectStoreCases(
  under: () => StoreUnderTest | Promise<StoreUnderTest>,
): readonly ContractCase[] {
  return [...readingCases, ...listingCases, ...creatingCases, ...refusingCases].map(({ name, check }) => ({
    name,
    run: async () => {
      const store = await under();
      await check(await oneStore(store), store);
    },
  }));
}
