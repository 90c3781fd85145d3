import { createRequire } from "node:module";
import type * as NodeApi from "@duckdb/node-api";
import type { default as Bindings } from "@duckdb/node-bindings";

/** The DuckDB driver: its object API, and the C functions below it for copying whole columns. */
export interface Driver {
  readonly api: typeof NodeApi;
  readonly bindings: typeof Bindings;
}

let loading: Promise<Driver> | undefined;

/**
 * Loads the driver on first use, because commands that touch no data must start without its 70 MB. By `require`:
 * an `import` of CommonJS reads and parses all its files once more, to find the names that they export.
 */
export function loadDriver(): Promise<Driver> {
  loading ??= (async () => {
    const require = createRequire(import.meta.url);
    const api: typeof NodeApi = require("@duckdb/node-api");
    const bindings: typeof Bindings = require("@duckdb/node-bindings");
    // The driver's own decoder takes away the byte order mark that a text begins with.
    const accessors: object = require("@duckdb/node-api/lib/vectors/dataAccessors.js");
    Object.assign(accessors, { textDecoder: new TextDecoder("utf-8", { ignoreBOM: true }) });
    return { api, bindings };
  })();
  return loading;
}
