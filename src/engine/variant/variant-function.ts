import type { DuckDBConnection } from "@duckdb/node-api";
import type { Driver } from "../core/driver.ts";
import { BinaryPairs, type PairResult } from "./binary-pairs.ts";
import { canonicalJson } from "./canonical-json.ts";
import { mendedValue } from "./engine-value.ts";
import { variantFault } from "./variant-fault.ts";
import { variantJson } from "./variant-json.ts";

/**
 * Makes functions of `(metadata BLOB, value BLOB)` callable on the instance, all null where either is:
 * `varve_variant_json -> VARCHAR` decodes variants, see {@link variantJson}; `varve_variant_value -> BLOB`
 * mends the value of those that the engine encoded, see {@link mendedValue}; `varve_variant_fault -> VARCHAR`
 * says what is wrong with those of others, see {@link variantFault}. `varve_canonical_json` takes the JSON of a
 * variant as its second value, see {@link canonicalJson}.
 */
export function registerVariantFunctions(driver: Driver, connection: DuckDBConnection): void {
  register(driver, connection, { name: "varve_variant_json", result: "text", of: variantJson });
  register(driver, connection, { name: "varve_variant_fault", result: "text", of: variantFault });
  register(driver, connection, { name: "varve_variant_value", result: "bytes", of: mendedValue });
  register(driver, connection, { name: "varve_canonical_json", result: "text", of: canonicalJson });
}

interface VariantFunction {
  readonly name: string;
  readonly result: "text" | "bytes";
  readonly of: (metadata: Uint8Array, value: Uint8Array) => PairResult;
}

function register(driver: Driver, connection: DuckDBConnection, { name, result, of }: VariantFunction): void {
  const { api, bindings } = driver;
  const pairs = new BinaryPairs(driver, of);
  const made = new api.DuckDBScalarFunction();
  made.setName(name);
  made.addParameter(api.BLOB);
  made.addParameter(api.BLOB);
  made.setReturnType(result === "text" ? api.VARCHAR : api.BLOB);
  bindings.scalar_function_set_function(made.scalar_function, (info, input, output) => {
    try {
      pairs.fill(input, output);
    } catch (error) {
      bindings.scalar_function_set_error(info, error instanceof Error ? error.message : String(error));
    }
  });
  connection.registerScalarFunction(made);
}
