import type { Command } from "commander";
import { visible } from "../../report/visible-text.ts";
import { openedTable, printWarnings } from "../shared/opened-table.ts";
import { type StoreFlags, withStoreFlags } from "../shared/options.ts";
import { print } from "../shared/print.ts";
import { printJson } from "../shared/print-json.ts";
import { readSuite } from "../shared/suite-file.ts";

/** `varve suite show | set | remove TABLE`: the data tests that a table carries. */
export function addSuite(program: Command): void {
  const group = program
    .command("suite")
    .summary("show or change a table's data tests")
    .description("Show, set or remove the table's own suite of data tests. varve runs it on every write.")
    .addHelpText(
      "afterAll",
      "\nExamples:\n  $ varve suite set ./flights suite.json\n  $ varve suite show ./flights > suite.json\n  $ varve suite remove ./flights",
    );
  withStoreFlags(
    group
      .command("show")
      .description("print the suite as JSON")
      .argument("<table>", "folder or URI of the table"),
  ).action(show);
  withStoreFlags(
    group
      .command("set")
      .description("store a suite in the table, in one commit")
      .argument("<table>", "folder or URI of the table")
      .argument("<suite>", "JSON file of data tests")
      .option(
        "--constraints",
        "register row checks as CHECK constraints too, so that other engines refuse bad rows (raises the table's protocol)",
      ),
  ).action(set);
  withStoreFlags(
    group
      .command("remove")
      .description("remove the suite, in one commit")
      .argument("<table>", "folder or URI of the table"),
  ).action(remove);
}

async function show(uri: string, flags: StoreFlags): Promise<void> {
  await using table = await openedTable(uri, flags);
  const { VarveError } = await import("../../api/errors.ts");
  const suite = await table.suite.get();
  if (suite === undefined)
    throw new VarveError("SUITE_INVALID", `The table ${uri} has no suite. Set one with: varve suite set.`, {
      uri,
    });
  await printJson(suite.json);
}

async function set(
  uri: string,
  file: string,
  flags: StoreFlags & { readonly constraints?: boolean | undefined },
): Promise<void> {
  await using table = await openedTable(uri, flags);
  const result = await table.suite.set(
    await readSuite(file),
    flags.constraints === true ? { registerConstraints: true, upgradeProtocol: true } : {},
  );
  print(`version ${result.version}: suite set\n`);
  await printWarnings(table);
  if (flags.constraints !== true) return;
  const registered = new Set(result.constraints.map(({ checkId }) => checkId));
  const own = ((await table.suite.get())?.checks ?? [])
    .filter(({ id }) => !registered.has(id))
    .map(({ id }) => id);
  print(
    `CHECK constraints, which other engines enforce too: ${visible([...registered].join(", ")) || "none"}\n`,
  );
  if (own.length > 0) print(`enforced by varve only: ${visible(own.join(", "))}\n`);
}

async function remove(uri: string, flags: StoreFlags): Promise<void> {
  await using table = await openedTable(uri, flags);
  const before = table.snapshot().version;
  const { version } = await table.suite.unset();
  print(
    version === before
      ? `the table has no suite to remove, and stays at version ${version}\n`
      : `version ${version}: suite removed\n`,
  );
  await printWarnings(table);
}
