import type { DuckDBConnection } from "@duckdb/node-api";
import type { Driver } from "../core/driver.ts";
import { mendedValue } from "./engine-value.ts";
import { variantFault } from "./variant-fault.ts";
import { variantJson } from "./variant-json.ts";

/**
 * Makes functions of `(metadata BLOB, value BLOB)` callable on the instance, all null where either is:
 * `varve_variant_json -> VARCHAR` decodes variants, see {@link variantJson}; `varve_variant_value -> BLOB`
 * mends the value of those that the engine encoded, see {@link mendedValue}; `varve_variant_fault -> VARCHAR`
 * says what is wrong with those of others, see {@link variantFault}.
 */
export function registerVariantFunctions(driver: Driver, connection: DuckDBConnection): void {
  register(driver, connection, { name: "varve_variant_json", result: "text", of: variantJson });
  register(driver, connection, { name: "varve_variant_fault", result: "text", of: variantFault });
  register(driver, connection, { name: "varve_variant_value", result: "bytes", of: mendedValue });
}

interface VariantFunction<T extends string | Uint8Array> {
  readonly name: string;
  readonly result: T extends string ? "text" : "bytes";
  readonly of: (metadata: Uint8Array, value: Uint8Array) => T | null;
}

function register<T extends string | Uint8Array>(
  { api }: Driver,
  connection: DuckDBConnection,
  { name, result, of }: VariantFunction<T>,
): void {
  const made = api.DuckDBScalarFunction.create({
    name,
    parameterTypes: [api.BLOB, api.BLOB],
    returnType: result === "text" ? api.VARCHAR : api.BLOB,
    mainFunction: (info, input, output) => {
      try {
        const metadata = input.getColumnVector(0);
        const value = input.getColumnVector(1);
        for (let row = 0; row < input.rowCount; row++) {
          const [names, bytes] = [metadata.getItem(row), value.getItem(row)];
          const both = names instanceof api.DuckDBBlobValue && bytes instanceof api.DuckDBBlobValue;
          const item = both ? of(names.bytes, bytes.bytes) : null;
          output.setItem(row, item instanceof Uint8Array ? new api.DuckDBBlobValue(item) : item);
        }
        output.flush();
      } catch (error) {
        info.setError(error instanceof Error ? error.message : String(error));
      }
    },
  });
  connection.registerScalarFunction(made);
}
