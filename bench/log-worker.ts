import { logOperations, measureOperation } from "./log-measure.ts";
import type { LogTable } from "./log-tables.ts";

/** Arguments: table (JSON), operation. Prints what the operation cost as JSON. */
const [table = "", name] = process.argv.slice(2);
const operation = logOperations.find((one) => one === name);
if (operation === undefined) throw new Error(`unknown operation ${name}`);
process.stdout.write(JSON.stringify(await measureOperation(JSON.parse(table) as LogTable, operation)));
process.exit(0);
