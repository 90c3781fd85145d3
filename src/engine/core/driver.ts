import type * as NodeApi from "@duckdb/node-api";
import type { default as Bindings } from "@duckdb/node-bindings";

/** The DuckDB driver: its object API, and the C functions below it for copying whole columns. */
export interface Driver {
  readonly api: typeof NodeApi;
  readonly bindings: typeof Bindings;
}

let loading: Promise<Driver> | undefined;

/** Loads the driver on first use, because commands that touch no data must start without its 70 MB. */
export function loadDriver(): Promise<Driver> {
  loading ??= (async () => {
    const [api, bindings] = await Promise.all([import("@duckdb/node-api"), import("@duckdb/node-bindings")]);
    return { api, bindings: bindings.default };
  })();
  return loading;
}
