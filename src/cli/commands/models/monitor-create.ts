import { type Command, InvalidArgumentError, Option } from "commander";
import type { MonitorJson } from "../../../index.ts";
import { visible } from "../../../report/visible-text.ts";
import { openedTable, printWarnings } from "../../shared/opened-table.ts";
import { nameList, type StoreFlags, withJson, withStoreFlags } from "../../shared/options.ts";
import { print } from "../../shared/print.ts";
import { printJson } from "../../shared/print-json.ts";
import { baselineOf, baselineText, type DefinitionFlags, readMonitor, tableText } from "./monitor-named.ts";

interface CreateFlags extends StoreFlags, DefinitionFlags {
  readonly json?: boolean | undefined;
  readonly baseline?: MonitorJson["baseline"] | undefined;
  readonly scope?: "batch" | "table" | undefined;
  readonly columns?: readonly string[] | undefined;
  readonly exclude?: readonly string[] | undefined;
  readonly by?: readonly string[] | undefined;
  readonly threshold?: number | undefined;
  readonly alert?: readonly string[] | undefined;
  readonly notifyFile?: string | undefined;
  readonly onCommit?: boolean | undefined;
  readonly replace?: boolean | undefined;
}

/** `varve monitor create TABLE`: by options, or a whole monitor as JSON. */
export function addMonitorCreate(group: Command): void {
  const command = group
    .command("create")
    .description("give a table a monitor: by options, or with --file as JSON (spec/monitors.md)")
    .argument("<table>", tableText)
    .argument("[name]", "its name; 1 to 128 of the characters A-Z a-z 0-9 . _ -")
    .option("--file <file>", "the whole monitor as JSON, instead of name and options")
    .option("--baseline <baseline>", baselineText, baselineOf)
    .addOption(
      new Option("--scope <scope>", "compare the rows that a version brought, or all its rows").choices([
        "batch",
        "table",
      ]),
    )
    .option("-c, --columns <names>", "columns, separated by commas; * stands for any text", nameList)
    .option("--exclude <names>", "columns that are not compared, separated by commas", nameList)
    .option("--by <names>", "compare the slices by these columns, too, separated by commas", nameList)
    .option("--threshold <effect>", "smallest effect that is drift (default: 0.1)", effectNumber)
    .option(
      "--alert <rules>",
      "what raises alerts, separated by commas: drift (in 2 of 3 versions), broken, trend; default: nothing",
      nameList,
    )
    .option(
      "--notify-file <file>",
      "file that alerts are sent to, as lines of JSON, in the folder _drift of the table",
    )
    .option("--on-commit", "run after each commit by varve")
    .option("--replace", "take the place of a monitor of the same name");
  withStoreFlags(withJson(command)).action(createMonitor);
}

function effectNumber(text: string): number {
  const effect = Number(text);
  if (text.trim() !== "" && effect > 0 && effect <= 1) return effect;
  throw new InvalidArgumentError("It must be a number above 0 and at most 1.");
}

async function createMonitor(
  uri: string,
  name: string | undefined,
  flags: CreateFlags,
  command: Command,
): Promise<void> {
  const definition = await createdDefinition(name, flags, command);
  await using table = await openedTable(uri, flags);
  const { version } = await table.monitors.create(definition, { replace: flags.replace });
  await printWarnings(table);
  if (flags.json === true) return await printJson({ name: definition.name, version });
  print(`${visible(definition.name)} watches ${visible(uri)} from version ${version} on\n`);
}

async function createdDefinition(
  name: string | undefined,
  flags: CreateFlags,
  command: Command,
): Promise<MonitorJson> {
  const { file, baseline, scope, columns, exclude, by, threshold, alert, notifyFile, onCommit } = flags;
  if (file !== undefined) {
    if ([name, baseline, scope, columns, exclude, by, threshold, alert, notifyFile, onCommit].some(isGiven))
      command.error("error: give --file, or a name and options such as --baseline, not both.");
    return readMonitor(file);
  }
  if (name === undefined || baseline === undefined)
    return command.error("error: give a name and --baseline, or --file.");
  return {
    name,
    baseline,
    ...(scope === undefined ? {} : { scope }),
    ...(columns === undefined && exclude === undefined
      ? {}
      : {
          columns: {
            ...(columns === undefined ? {} : { include: columns }),
            ...(exclude === undefined ? {} : { exclude }),
          },
        }),
    ...(by === undefined ? {} : { slices: [{ by }] }),
    ...(threshold === undefined ? {} : { thresholds: { effect: threshold } }),
    // A rule by another name is refused with the nearest one.
    ...(alert === undefined ? {} : { alerts: alert.map((when) => ({ when }) as AlertJson) }),
    ...(notifyFile === undefined ? {} : { notify: [{ file: notifyFile }] }),
    ...(onCommit === true ? { on: "commit" } : {}),
  };
}

type AlertJson = NonNullable<MonitorJson["alerts"]>[number];

function isGiven(value: unknown): boolean {
  return value !== undefined;
}
