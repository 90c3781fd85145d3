import type { Command } from "commander";
import { VarveError } from "../../api/errors.ts";
import type { AlterOptions, AlterResult, ColumnAlteration } from "../../index.ts";
import { stoppedBySignals } from "../shared/interruption.ts";
import { openedTable, printWarnings } from "../shared/opened-table.ts";
import { keyValue, nameList, type StoreFlags, withJson, withStoreFlags } from "../shared/options.ts";
import { print } from "../shared/print.ts";
import { printJson } from "../shared/print-json.ts";

type Pairs = Readonly<Record<string, string>>;

interface AlterFlags extends StoreFlags {
  readonly addColumn?: readonly string[] | undefined;
  readonly rename?: Pairs | undefined;
  readonly dropColumn?: readonly string[] | undefined;
  readonly setType?: Pairs | undefined;
  readonly setComment?: Pairs | undefined;
  readonly setDefault?: Pairs | undefined;
  readonly dropDefault?: readonly string[] | undefined;
  readonly setNotNull?: readonly string[] | undefined;
  readonly dropNotNull?: readonly string[] | undefined;
  readonly move?: Pairs | undefined;
  readonly syncIdentity?: readonly string[] | undefined;
  readonly setProperty?: Pairs | undefined;
  readonly unsetProperty?: readonly string[] | undefined;
  readonly addConstraint?: Pairs | undefined;
  readonly dropConstraint?: readonly string[] | undefined;
  readonly clusterBy?: readonly string[] | undefined;
  readonly dropClustering?: boolean | undefined;
  readonly partitionBy?: readonly string[] | undefined;
  readonly dropPartitioning?: boolean | undefined;
  readonly dropFeature?: readonly string[] | undefined;
  readonly truncateHistory?: boolean | undefined;
  readonly description?: string | undefined;
  readonly upgradeProtocol?: boolean | undefined;
  readonly message?: string | undefined;
  readonly json?: boolean | undefined;
}

/** `varve alter TABLE`: columns, properties, constraints, clustering and features. */
export function addAlter(program: Command): void {
  const command = withStoreFlags(withJson(withChanges(program.command("alter"))));
  command.addHelpText("after", help).action(async (uri: string, flags: AlterFlags) => {
    const options = optionsOf(flags);
    if (Object.values(options).every((value) => value === undefined))
      command.error("error: say what to change, such as --add-column or --set-property.");
    await using table = await openedTable(uri, flags);
    const result = await stoppedBySignals((signal) =>
      table.alter({
        ...options,
        upgradeProtocol: flags.upgradeProtocol,
        userMetadata: flags.message,
        signal,
      }),
    );
    await printAlter(result, flags);
    await printWarnings(table);
  });
}

const help = `
A field of a struct is written as struct.field, one in a list or map as list.element.field or map.value.field.
Give an option again for more columns, properties or constraints.

Examples:
  $ varve alter ./flights --add-column "carrier STRING COMMENT 'IATA code' AFTER origin"
  $ varve alter ./flights --set-property delta.columnMapping.mode=name --rename delay=minutes --upgrade-protocol
  $ varve alter ./flights --set-comment "minutes=late on arrival" --move minutes=first
  $ varve alter ./flights --add-constraint "known=origin IS NOT NULL" --upgrade-protocol`;

function withChanges(command: Command): Command {
  return command
    .summary("change columns, properties, constraints and features")
    .description(
      "Change the definition of a table: all changes are made together, in one commit. Rows stay as they are.",
    )
    .argument("<table>", "folder or URI of the table")
    .option("--add-column <definition>", 'column to add, as in SQL: "total DECIMAL(10,2) AFTER id"', another)
    .option("--rename <column=name>", "new name of a column; needs column mapping", keyValue)
    .option("--drop-column <column>", "column to drop; needs column mapping", another)
    .option("--set-type <column=type>", "wider type of a column; needs delta.enableTypeWidening", keyValue)
    .option("--set-comment <column=text>", "comment of a column", keyValue)
    .option("--set-default <column=sql>", "value for rows that do not mention the column", keyValue)
    .option("--drop-default <column>", "no default any more", another)
    .option("--set-not-null <column>", "refuse nulls; rows that are there are tested first", another)
    .option("--drop-not-null <column>", "allow nulls", another)
    .option("--move <column=place>", "place of a column: first, or after and the name of another", keyValue)
    .option("--sync-identity <column>", "number new rows from the greatest value on", another)
    .option("--set-property <name=value>", "table property such as delta.appendOnly=true", keyValue)
    .option("--unset-property <name>", "table property to remove", another)
    .option(
      "--add-constraint <name=condition>",
      "CHECK constraint; rows that are there are tested first",
      keyValue,
    )
    .option("--drop-constraint <name>", "CHECK constraint to remove", another)
    .option("--cluster-by <columns>", "columns by which files are clustered, separated by commas", nameList)
    .option("--drop-clustering", "cluster files by no column")
    .option(
      "-p, --partition-by <columns>",
      "other partition columns; every data file is written again",
      nameList,
    )
    .option("--drop-partitioning", "partition by no column; every data file is written again")
    .option("--drop-feature <name>", "feature to remove from the protocol and the newest version", another)
    .option(
      "--truncate-history",
      "drop features with the history that used them: run it again when it says so",
    )
    .option("--description <text>", "description in the table's metadata")
    .option("--upgrade-protocol", "allow features to be added; older readers or writers may lose access")
    .option("-m, --message <text>", "message for the version's history");
}

function optionsOf(flags: AlterFlags): AlterOptions {
  return {
    addColumns: flags.addColumn,
    renameColumns: flags.rename,
    dropColumns: flags.dropColumn,
    alterColumns: alterationsOf(flags),
    set: flags.setProperty,
    unset: flags.unsetProperty,
    addConstraints: flags.addConstraint,
    dropConstraints: flags.dropConstraint,
    clusterBy: flags.dropClustering === true ? [] : flags.clusterBy,
    partitionBy: flags.dropPartitioning === true ? [] : flags.partitionBy,
    dropFeatures: flags.dropFeature,
    truncateHistory: flags.truncateHistory,
    description: flags.description,
  };
}

/** The flags that each name a column, by column. */
function alterationsOf(flags: AlterFlags): Readonly<Record<string, ColumnAlteration>> | undefined {
  const changes = new Map<string, ColumnAlteration>();
  const change = (column: string, more: ColumnAlteration) =>
    changes.set(column, { ...changes.get(column), ...more });
  for (const [column, type] of Object.entries(flags.setType ?? {})) change(column, { type });
  for (const [column, comment] of Object.entries(flags.setComment ?? {})) change(column, { comment });
  for (const [column, sql] of Object.entries(flags.setDefault ?? {})) change(column, { default: sql });
  for (const column of flags.dropDefault ?? []) change(column, { default: null });
  for (const column of flags.setNotNull ?? []) change(column, { nullable: false });
  for (const column of flags.dropNotNull ?? []) change(column, { nullable: true });
  for (const column of flags.syncIdentity ?? []) change(column, { syncIdentity: true });
  for (const [column, place] of Object.entries(flags.move ?? {}))
    change(column, { position: positionOf(place) });
  return changes.size === 0 ? undefined : Object.fromEntries(changes);
}

function positionOf(place: string): "first" | { readonly after: string } {
  const after = /^after\s+(.+)$/is.exec(place.trim());
  if (after?.[1] !== undefined) return { after: after[1] };
  if (place.trim().toLowerCase() === "first") return "first";
  throw new VarveError(
    "INVALID_ARGUMENT",
    `--move cannot put a column at ${JSON.stringify(place)}: write column=first, or "column=after other".`,
    { option: "--move" },
  );
}

function another(text: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), text];
}

async function printAlter(result: AlterResult, { json }: AlterFlags): Promise<void> {
  if (json === true) {
    return printJson(result);
  }
  const { outcome, version, featuresAdded, featuresDropped } = result;
  const added = featuresAdded.length === 0 ? "" : `; added to its protocol: ${featuresAdded.join(", ")}`;
  const dropped =
    featuresDropped.length === 0 ? "" : `; dropped from its protocol: ${featuresDropped.join(", ")}`;
  if (outcome === "unchanged") print(`nothing changed: version ${version} is already as requested\n`);
  else print(`version ${version}: the table was altered${added}${dropped}\n`);
}
