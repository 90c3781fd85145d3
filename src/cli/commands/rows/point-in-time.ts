import { type Command, InvalidArgumentError } from "commander";
import type { FeatureTable, JoinedFeature } from "../../../index.ts";
import { visible } from "../../../report/visible-text.ts";
import { openOptions } from "../../shared/open-options.ts";
import { openSource } from "../../shared/open-source.ts";
import { type RowOutputFlags, type StoreFlags, withRowOutput, withStoreFlags } from "../../shared/options.ts";
import { printError } from "../../shared/print.ts";
import { runAndPrint } from "../../shared/query-output.ts";
import { type SourceFlags, sourceHelp, withSourceFlags } from "../../shared/source-files.ts";
import { inputFiles } from "../../shared/standard-input.ts";

interface PointInTimeFlags extends StoreFlags, SourceFlags, RowOutputFlags {
  readonly time: string;
  readonly feature: readonly FeatureTable[];
  readonly knownAt?: string | undefined;
  readonly sql?: string | undefined;
}

/** `varve point-in-time ENTITIES --time COLUMN --feature TABLE,key=…,time=…`: the latest features that were known. */
export function addPointInTime(program: Command): void {
  const command = program
    .command("point-in-time")
    .summary("join rows with the latest features that were known")
    .description(
      "Join each row of files or a table with the latest row of each feature table whose event time is at or before the row's time. Each feature table is read at one version, so later backfills do not change the answer at that version; the versions are printed to standard error.",
    )
    .argument("<entities...>", sourceHelp)
    .requiredOption("--time <column>", "column of the entities with the time at which they ask")
    .requiredOption(
      "--feature <table,key=...>",
      "feature table and how to join it; repeat for more (see below)",
      featureTable,
    )
    .option(
      "--known-at <time>",
      "read feature tables without a version as they were at this time, e.g. 2024-06-01T00:00:00Z",
    )
    .option("--sql <query>", "a SELECT over the joined rows, which it calls t")
    .addHelpText("after", help);
  withStoreFlags(withSourceFlags(withRowOutput(command))).action(pointInTime);
}

const help = `
A feature is the folder or URI of a table, with or without @v12, and then, separated by commas:
  time=COLUMN       column with the time from which on a row is true (required)
  key=COLUMN        column that is equal in entity and feature, or ENTITY:FEATURE; repeat for more (required)
  ttl=7d            use a row for this long after its time, to the end inclusive
  column=COLUMN     column to join; repeat for more; default: all but keys and time
  prefix=TEXT       put before the names of the columns
  tie-break=COLUMN  among rows of one key and time, the largest value wins; repeat for more
Names with commas or colons are given as JSON: {"table":"./t","eventTime":"a,b","keys":{"id":"c:d"}}

Examples:
  $ varve point-in-time labels.csv --time at --feature ./scores@v0,time=seen,key=id,ttl=7d --output training.parquet
  $ varve point-in-time labels.csv --time at --feature ./scores,time=seen,key=id,prefix=was_ --sql "SELECT avg(was_score) FROM t"
  $ varve point-in-time s3://lake/labels --time at --feature s3://lake/scores,time=seen,key=customer:id --known-at 2024-06-01
`;

/** Parses `./scores@v3,time=seen,key=id,ttl=7d`, or JSON. */
export function featureTable(text: string, before: readonly FeatureTable[] = []): readonly FeatureTable[] {
  if (text.startsWith("{")) return [...before, jsonFeature(text)];
  const [table = "", ...settings] = text.split(",");
  const values = new Map<string, string[]>();
  for (const setting of settings) {
    const index = setting.indexOf("=");
    const name = setting.slice(0, Math.max(index, 0));
    if (!settingNames.has(name))
      throw new InvalidArgumentError(
        `Each setting must have the form name=value, with one of ${[...settingNames].join(", ")}, not ${visible(setting)}.`,
      );
    values.set(name, [...(values.get(name) ?? []), setting.slice(index + 1)]);
  }
  for (const name of ["time", "ttl", "prefix"])
    if ((values.get(name)?.length ?? 0) > 1) throw new InvalidArgumentError(`It has ${name}= twice.`);
  const [eventTime] = values.get("time") ?? [];
  const keys = values.get("key");
  if (table === "" || eventTime === undefined || keys === undefined)
    throw new InvalidArgumentError("It must have a table, time=COLUMN and key=COLUMN.");
  const pairs = keys.map((key): readonly [string, string] => {
    const [entity = "", feature = entity, ...more] = key.split(":");
    if (more.length > 0)
      throw new InvalidArgumentError(
        `A key must be COLUMN or ENTITY:FEATURE, not ${visible(key)}. Names with colons are given as JSON.`,
      );
    return [entity, feature];
  });
  const twice = pairs.find(([entity], index) => pairs.findIndex(([other]) => other === entity) !== index);
  if (twice !== undefined)
    throw new InvalidArgumentError(`It has the key ${visible(twice[0])} of the entities twice.`);
  return [
    ...before,
    {
      table,
      eventTime,
      keys: Object.fromEntries(pairs),
      ttl: values.get("ttl")?.[0],
      columns: values.get("column"),
      prefix: values.get("prefix")?.[0],
      tieBreak: values.get("tie-break"),
    },
  ];
}

const settingNames: ReadonlySet<string> = new Set(["time", "key", "ttl", "column", "prefix", "tie-break"]);

function jsonFeature(text: string): FeatureTable {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new InvalidArgumentError("It begins with { but is not JSON.");
  }
  if (typeof value !== "object" || value === null || !("table" in value) || typeof value.table !== "string")
    throw new InvalidArgumentError("As JSON, it must be an object with a table.");
  // pointInTime() checks each option.
  return value as FeatureTable;
}

async function pointInTime(entities: readonly string[], flags: PointInTimeFlags): Promise<void> {
  const { pointInTime: join } = await import("../../../api/point-in-time.ts");
  await using input = await inputFiles(entities, flags);
  const source = await openSource(input.files, flags);
  const { time, feature: features, knownAt, sql } = flags;
  await runAndPrint(flags, async (exportFolder) => {
    const options = { ...openOptions(flags), entities: source, time, features, knownAt, sql, exportFolder };
    const joined = await join(options);
    if (flags.quiet !== true) for (const feature of joined.features) printError(`${shownFeature(feature)}\n`);
    return joined.result;
  });
}

function shownFeature({ uri, version, timestamp }: JoinedFeature): string {
  return visible(`joined ${uri}@v${version}, committed ${timestamp.toISOString()}`);
}
