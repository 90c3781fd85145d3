import { logOperations, measureOperation } from "./log-measure.ts";
import type { LogTable } from "./log-tables.ts";

/**
 * Arguments: table (JSON), operation, table to read before (JSON) or null. Prints what the operation cost as
 * JSON.
 */
const [table = "", name, warmUp = "null"] = process.argv.slice(2);
const operation = logOperations.find((one) => one === name);
if (operation === undefined) throw new Error(`unknown operation ${name}`);
process.stdout.write(
  JSON.stringify(
    await measureOperation(JSON.parse(table) as LogTable, operation, JSON.parse(warmUp) as LogTable | null),
  ),
);
process.exit(0);
