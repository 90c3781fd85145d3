import type { DuckDBConnection } from "@duckdb/node-api";
import type { Driver } from "../core/driver.ts";
import { variantJson } from "./variant-json.ts";

/** Name of the SQL function that decodes variants which the engine reads as two plain binary columns. */
const variantFunctionName = "varve_variant_json";

/**
 * Makes `varve_variant_json(metadata BLOB, value BLOB) -> VARCHAR` callable on the instance; null where
 * either is null.
 */
export function registerVariantFunction({ api }: Driver, connection: DuckDBConnection): void {
  const made = api.DuckDBScalarFunction.create({
    name: variantFunctionName,
    parameterTypes: [api.BLOB, api.BLOB],
    returnType: api.VARCHAR,
    mainFunction: (info, input, output) => {
      try {
        const metadata = input.getColumnVector(0);
        const value = input.getColumnVector(1);
        for (let row = 0; row < input.rowCount; row++) {
          const [names, bytes] = [metadata.getItem(row), value.getItem(row)];
          const both = names instanceof api.DuckDBBlobValue && bytes instanceof api.DuckDBBlobValue;
          output.setItem(row, both ? variantJson(names.bytes, bytes.bytes) : null);
        }
        output.flush();
      } catch (error) {
        info.setError(error instanceof Error ? error.message : String(error));
      }
    },
  });
  connection.registerScalarFunction(made);
}
