import type { ObjectStore } from "../../src/storage/contract/object-store.ts";

/** A log as its JSON says, read without varve's own reader. */
export interface IndependentLog {
  /** Names of the commit files, in order. */
  readonly versions: readonly number[];
  readonly adds: readonly {
    readonly version: number;
    readonly path: string;
    readonly records: number | undefined;
  }[];
  readonly removes: number;
  /** Every `txn` action as `appId@version`, with the table version that holds it. */
  readonly txns: readonly { readonly version: number; readonly id: string }[];
}

/** Reads every commit of a table with nothing but `JSON.parse`. */
export async function readIndependently(store: ObjectStore): Promise<IndependentLog> {
  const versions: number[] = [];
  const adds: { version: number; path: string; records: number | undefined }[] = [];
  const txns: { version: number; id: string }[] = [];
  let removes = 0;
  for await (const { path } of store.list("_delta_log/")) {
    const match = /^_delta_log\/(\d{20})\.json$/.exec(path);
    if (match === null) continue;
    const version = Number(match[1]);
    versions.push(version);
    for (const line of Buffer.from(await store.get(path))
      .toString()
      .trimEnd()
      .split("\n")) {
      const { add, remove, txn } = JSON.parse(line);
      if (add !== undefined) {
        const records = add.stats === undefined ? undefined : JSON.parse(add.stats).numRecords;
        adds.push({ version, path: decodeURIComponent(add.path), records });
      }
      if (remove !== undefined) removes++;
      if (txn !== undefined) txns.push({ version, id: `${txn.appId}@${txn.version}` });
    }
  }
  return { versions, adds, removes, txns };
}
