import type { Command } from "commander";
import { openOptions } from "../shared/open-options.ts";
import {
  keyValue,
  type RowOutputFlags,
  type StoreFlags,
  withRowOutput,
  withStoreFlags,
} from "../shared/options.ts";
import { runAndPrint } from "../shared/query-output.ts";

/** `varve query SQL --table name=uri`: SQL over tables at versions. */
export function addQuery(program: Command): void {
  const command = program
    .command("query")
    .summary("run SQL on versions of tables")
    .description(
      "Run one SELECT on tables, each at any of its versions. It can read these tables only: no files, no network, no settings.\nSelect a version in the query with VERSION AS OF 3, TIMESTAMP AS OF '2024-06-01' or AT (VERSION => 3), or in the table's URI.",
    )
    .argument("<sql>", "the query")
    .option("-t, --table <name=uri>", "bind a name in the query to a table; repeat for more", keyValue)
    .addHelpText(
      "after",
      '\nExamples:\n  $ varve query "SELECT origin, avg(delay) FROM flights VERSION AS OF 2 GROUP BY 1" -t flights=./flights\n  $ varve query "SELECT (SELECT count(*) FROM a) - (SELECT count(*) FROM b)" -t a=./flights@v5 -t b=./flights@v2\n\nEvery type is printed exactly in every format, or refused by name: spec/formats.md lists what each becomes.\nIn parquet and arrow, sums of integers are decimal(38,0), and times, intervals and UUIDs text; in CSV, binary is base64.',
    );
  withStoreFlags(withRowOutput(command)).action(query);
}

interface QueryFlags extends StoreFlags, RowOutputFlags {
  readonly table?: Readonly<Record<string, string>> | undefined;
}

async function query(sql: string, flags: QueryFlags): Promise<void> {
  const { query: runQuery } = await import("../../api/query.ts");
  const options = { ...openOptions(flags), tables: flags.table ?? {} };
  await runAndPrint(flags, (exportFolder) =>
    runQuery(sql, exportFolder === undefined ? options : { ...options, exportFolder }),
  );
}
