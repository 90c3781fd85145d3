import { type Command, InvalidArgumentError } from "commander";
import { counted } from "../../../api/counted.ts";
import type {
  FeatureTable,
  Leakage,
  LeakageOptions,
  TrainingSet,
  TrainingSetOptions,
  TrainingSetRecord,
} from "../../../index.ts";
import { visible } from "../../../report/visible-text.ts";
import { exitCodes } from "../../shared/exit.ts";
import { stoppedBySignals } from "../../shared/interruption.ts";
import { openOptions } from "../../shared/open-options.ts";
import { keyValue, nameList, type StoreFlags, withJson, withStoreFlags } from "../../shared/options.ts";
import { print } from "../../shared/print.ts";
import { printJson } from "../../shared/print-json.ts";
import { featureTable } from "./point-in-time.ts";

interface LeakageFlags {
  readonly group?: readonly (readonly string[])[] | undefined;
  readonly duplicates?: boolean | undefined;
  readonly labelTime?: string | undefined;
  readonly eventTime?: readonly string[] | undefined;
}

interface JsonFlags extends StoreFlags {
  readonly json?: boolean | undefined;
}

interface CreateFlags extends JsonFlags, LeakageFlags {
  readonly input?: Readonly<Record<string, string>> | undefined;
  readonly time?: string | undefined;
  readonly feature?: readonly FeatureTable[] | undefined;
  readonly splitKey?: readonly string[] | undefined;
  readonly shares?: Readonly<Record<string, number>> | undefined;
  readonly seed?: string | undefined;
  readonly allowLeakage?: boolean | undefined;
  readonly folder: string;
  readonly records?: string | undefined;
}

const recordText = "folder of the set, or the file training-set.json of it";

/** `varve training-set create | show | recreate | check`. */
export function addTrainingSet(program: Command): void {
  const group = program
    .command("training-set")
    .summary("make rows to train on that can be made again")
    .description(
      "A training set is the rows of a query over pinned versions of tables, split by a hash of their key and checked for leakage. Its record is all that is needed to make it again (spec/training-sets.md).",
    )
    .addHelpText("afterAll", help);
  addCreate(group);
  withStoreFlags(
    withJson(
      group.command("show").description("print what a set is made of").argument("<record>", recordText),
    ),
  ).action(show);
  withStoreFlags(
    withJson(
      group
        .command("recreate")
        .description("make a set again from its record alone; fails if its rows are not the same")
        .argument("<record>", recordText)
        .requiredOption("--folder <folder>", "where the files go"),
    ),
  ).action(recreate);
  withStoreFlags(
    withJson(
      withLeakageFlags(
        group
          .command("check")
          .description(
            "say whether a set can be made again with the same rows, and what leaks: by the checks that were recorded, or by those below. Exit code 1 if it cannot, or something leaks",
          )
          .argument("<record>", recordText),
      ),
    ),
  ).action(check);
}

const help = `
Examples:
  $ varve training-set create late-1 "SELECT id, origin, month, delay > 5 AS late FROM f" --input f=./flights@v0 --split-key id --folder ./late-1
  $ varve training-set show ./late-1
  $ varve training-set create late-2 "SELECT * FROM l" --input l=./labels --input s=./scores --time at --feature s,time=seen,key=id --split-key id --shares train=0.5,test=0.5 --event-time at --label-time at --folder ./late-2
  $ varve training-set check ./late-1 --group id
  $ varve training-set recreate ./late-1 --folder ./late-1-again`;

function addCreate(group: Command): void {
  const command = group
    .command("create")
    .description(
      "make a set: pin its inputs, compute its rows, check them, and write a Parquet file for each part and then training-set.json, its record. The query must give the same rows each time: no random(), no now(), no LIMIT without ORDER BY",
    )
    .argument("<name>", "name of the set, which begins the names of its pins")
    .argument("<sql>", "one SELECT over the inputs")
    .option(
      "-i, --input <name=table>",
      "folder or URI of a table, with @v12 or @pin if not the newest; repeatable",
      keyValue,
    )
    .option("--time <column>", "column of the query with the time at which its rows ask for features")
    .option(
      "--feature <input,key=...>",
      "join the latest rows of an input, as varve point-in-time --feature does; repeatable",
      featureTable,
    )
    .option("--split-key <columns>", "columns, separated by commas, whose values decide the part", nameList)
    .option(
      "--shares <name=share,...>",
      "parts and their shares; default: train=0.8,validation=0.1,test=0.1",
      sharesOf,
    )
    .option("--seed <text>", "another text splits in another way")
    .requiredOption("--folder <folder>", "where the files go")
    .option(
      "--records <table>",
      "Delta table that gets the record as a row; it is created if it is not there",
    );
  withStoreFlags(
    withJson(
      withLeakageFlags(command).option("--allow-leakage", "record what leaks instead of refusing the set"),
    ),
  ).action(create);
}

function withLeakageFlags(command: Command): Command {
  return command
    .option(
      "--group <columns>",
      "columns, separated by commas, none of whose values may be in two parts, such as a customer; repeatable",
      (text: string, before: readonly (readonly string[])[] = []) => [...before, nameList(text)],
    )
    .option("--duplicates", "rows that are equal in all but the split key may not be in two parts")
    .option("--label-time <column>", "column with the time of the label")
    .option(
      "--event-time <columns>",
      "columns, separated by commas, with times that may not be after the label's",
      nameList,
    );
}

function sharesOf(text: string): Readonly<Record<string, number>> {
  const shares = text.split(",").map((item): readonly [string, number] => {
    const [, name = "", share] = /^([^=]+)=(\d*\.?\d+)$/.exec(item.trim()) ?? [];
    if (share === undefined)
      throw new InvalidArgumentError("It must be parts and shares, such as train=0.8,test=0.2.");
    return [name, Number(share)];
  });
  if (new Set(shares.map(([name]) => name)).size < shares.length)
    throw new InvalidArgumentError("It has a part twice.");
  return Object.fromEntries(shares);
}

function checksOf({ group, duplicates, labelTime, eventTime }: LeakageFlags): LeakageOptions | undefined {
  const none =
    group === undefined && duplicates !== true && labelTime === undefined && eventTime === undefined;
  if (none) return undefined;
  return {
    groups: group,
    duplicates: duplicates === true ? true : undefined,
    labelTime,
    eventTimes: eventTime,
  };
}

async function create(name: string, sql: string, flags: CreateFlags, command: Command): Promise<void> {
  const { time, feature, splitKey, shares, seed, folder, records, allowLeakage } = flags;
  if ((time === undefined) !== (feature === undefined))
    command.error("error: --time and --feature need each other.");
  if (splitKey === undefined && (shares !== undefined || seed !== undefined))
    command.error("error: --shares and --seed need --split-key.");
  const { trainingSet } = await import("../../../api/training/training-set.ts");
  const options: TrainingSetOptions = {
    ...openOptions(flags),
    name,
    sql,
    inputs: flags.input ?? {},
    join: time === undefined ? undefined : { time, features: (feature ?? []).map(featureOf) },
    split: splitKey === undefined ? undefined : { key: splitKey, shares, seed },
    checks: checksOf(flags),
    allowLeakage,
    folder,
    records,
  };
  const set = await stoppedBySignals(
    (signal) => trainingSet({ ...options, signal }),
    "before the training set was made: nothing was written.",
  );
  await printSet(set, flags, "created");
}

function featureOf({ table, version: _, ...feature }: FeatureTable) {
  return { ...feature, input: String(table) };
}

async function recreate(record: string, flags: JsonFlags & { readonly folder: string }): Promise<void> {
  const { recreateTrainingSet } = await import("../../../api/training/training-set.ts");
  const set = await stoppedBySignals(
    (signal) => recreateTrainingSet(record, { ...openOptions(flags), folder: flags.folder, signal }),
    "before the training set was made: nothing was written.",
  );
  await printSet(set, flags, "created again, with the same rows");
}

async function show(record: string, flags: JsonFlags): Promise<void> {
  const { readTrainingSetRecord } = await import("../../../api/training/training-set.ts");
  const read = await readTrainingSetRecord(record);
  if (flags.json === true) await printJson(read);
  else print(recordLines(read, `created ${read.created}`));
}

async function check(record: string, flags: JsonFlags & LeakageFlags): Promise<void> {
  const { checkTrainingSet } = await import("../../../api/training/training-set.ts");
  const result = await stoppedBySignals(
    (signal) => checkTrainingSet(record, { ...openOptions(flags), checks: checksOf(flags), signal }),
    "before the training set was checked.",
  );
  const { reproducible, problem, inputs, leakage } = result;
  if (!reproducible || leakage.some(({ count }) => count > 0)) process.exitCode = exitCodes.failed;
  if (flags.json === true) return printJson(result);
  const lines = [
    reproducible ? "can be created again with the same rows" : visible(problem ?? ""),
    ...inputs.map(({ name, from }) => `  ${visible(name)}: from ${from === "pin" ? "its pin" : "the table"}`),
    ...leakageLines(leakage),
  ];
  print(`${lines.join("\n")}\n`);
}

async function printSet(set: TrainingSet, flags: JsonFlags, what: string): Promise<void> {
  await set.close();
  if (flags.json === true) await printJson({ record: set.record, files: set.files, leakage: set.leakage });
  else
    print(
      recordLines(set.record, what) +
        set.files.map(({ file, rows }) => `${counted(rows, "row")} in ${visible(file)}\n`).join(""),
    );
}

function recordLines(record: TrainingSetRecord, what: string): string {
  const { name, inputs, rows, parts, leakage, fingerprint, sql, split } = record;
  const lines = [
    `training set ${name}: ${visible(what)}`,
    `  query: ${visible(sql)}`,
    ...inputs.map(
      ({ name: input, table, version, pin }) =>
        `  ${visible(`${input}: ${table}@v${version}, pinned as ${pin}`)}`,
    ),
    `  ${counted(rows, "row")}, ${visible(fingerprint)}`,
    ...(split === undefined ? [] : [`  split by ${split.key.map(visible).join(", ")}`]),
    ...parts.map(
      (part) => `    ${visible(part.name)}: ${counted(part.rows, "row")}, ${visible(part.fingerprint)}`,
    ),
    ...leakageLines(leakage),
  ];
  return `${lines.join("\n")}\n`;
}

function leakageLines(leakage: readonly Omit<Leakage, "examples">[]): string[] {
  return leakage.map(({ kind, columns, count }) => {
    const names = visible(columns.join(", "));
    const what = {
      group: `groups by ${names} in several parts`,
      duplicate: `different rows of ${names} in several parts`,
      future: `rows with ${columns.map((column) => visible(column)).join(" after ")}`,
    }[kind];
    return `  ${count === 0 ? "sound" : "leaks"}: ${count} ${what}`;
  });
}
