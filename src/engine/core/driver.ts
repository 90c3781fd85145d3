import { createRequire } from "node:module";
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
    // The driver's own decoder takes away the byte order mark that a text begins with.
    const accessors: object = createRequire(import.meta.url)("@duckdb/node-api/lib/vectors/dataAccessors.js");
    Object.assign(accessors, { textDecoder: new TextDecoder("utf-8", { ignoreBOM: true }) });
    return { api, bindings: bindings.default };
  })();
  return loading;
}
