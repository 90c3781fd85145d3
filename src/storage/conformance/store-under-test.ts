import assert from "node:assert/strict";
import { isVarveError } from "../../errors.ts";
import type { ListOptions, ObjectInfo, ObjectStore } from "../contract/object-store.ts";

/** A kind of store that the contract's cases test. */
export interface StoreUnderTest {
  /** Opens `clients` stores on the same fresh, empty root, which share nothing but what they store. */
  readonly open: (clients: number) => Promise<readonly ObjectStore[]>;
  /** Objects in the long listing; default 2500. */
  readonly manyObjects?: number | undefined;
  /** Rounds of the 50-way race; default 10. */
  readonly raceRounds?: number | undefined;
}

/** A case over one store with a fresh root. */
export interface StoreCase {
  readonly name: string;
  readonly check: (store: ObjectStore, under: StoreUnderTest) => Promise<void>;
}

/** Number of bytes of a text in UTF-8. */
export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Text of bytes in UTF-8. */
export const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

/** Names in the order in which stores list them. */
export const utf8Order = (names: readonly string[]): string[] =>
  [...names].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));

/** Asserts that a call of a store fails with a `VarveError` with this code. */
export async function refused(call: Promise<unknown>, code: string, about = code): Promise<void> {
  await assert.rejects(call, (error: unknown) => {
    assert.ok(isVarveError(error), `${about}: it must throw a VarveError, not ${String(error)}`);
    assert.equal(error.code, code, about);
    return true;
  });
}

/** Collects a listing. */
export async function listed(
  store: ObjectStore,
  prefix: string,
  options?: ListOptions,
): Promise<ObjectInfo[]> {
  const infos: ObjectInfo[] = [];
  for await (const info of store.list(prefix, options)) infos.push(info);
  return infos;
}

/** Paths of a listing. */
export async function paths(store: ObjectStore, prefix: string, options?: ListOptions): Promise<string[]> {
  return (await listed(store, prefix, options)).map((info) => info.path);
}

/** The first of the clients that a store's tests opened. */
export async function oneStore(under: StoreUnderTest): Promise<ObjectStore> {
  const [store] = await under.open(1);
  assert.ok(store !== undefined, "open(1) must give one store");
  return store;
}
