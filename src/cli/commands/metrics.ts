import { type Command, Option } from "commander";
import { VarveError } from "../../api/errors.ts";
import type { VersionMetrics } from "../../index.ts";
import { openedTable } from "../shared/opened-table.ts";
import {
  type ListOutputFlags,
  nameList,
  type StoreFlags,
  wholeNumber,
  withListOutput,
  withStoreFlags,
} from "../shared/options.ts";
import { printRecords } from "../shared/records.ts";

/** `varve metrics TABLE`: the recorded metrics of each version. */
export function addMetrics(program: Command): void {
  const command = program
    .command("metrics")
    .summary("list the metrics of a table's versions")
    .description(
      "List the metrics of each version: row count and, for each column, completeness, range, mean, distinct values and quantiles.\nVersions that have no metrics yet are measured first, from the rows that they added; the results are stored in _metrics below the table.",
    )
    .argument("<table>", "folder or URI of the table")
    .option("-m, --metric <names>", "only these metrics, e.g. row_count,mean(delay)", nameList)
    .addOption(
      new Option("--scope <scope>", "measure all rows of each version, or only those that it added")
        .choices(["table", "batch"])
        .default("table"),
    )
    .option("-n, --limit <versions>", "show only the newest versions", wholeNumber)
    .option("--no-record", "show stored metrics only; write nothing")
    .addHelpText(
      "after",
      "\nExamples:\n  $ varve metrics ./flights --metric 'row_count,mean(delay)'\n  $ varve metrics ./flights --scope batch --limit 10 --format csv > metrics.csv\n  $ varve metrics ./flights --no-record --format jsonl",
    );
  withStoreFlags(withListOutput(command)).action(metrics);
}

interface MetricsFlags extends StoreFlags, ListOutputFlags {
  readonly metric?: readonly string[] | undefined;
  readonly scope: VersionMetrics["scope"];
  readonly limit?: number | undefined;
  readonly record: boolean;
}

async function metrics(uri: string, flags: MetricsFlags): Promise<void> {
  const { metricParts, metricValues, shownMetrics } = await import("../../api/metric-values.ts");
  for (const metric of flags.metric ?? []) {
    const { measure, column } = metricParts(metric);
    if (column === undefined ? measure === "row_count" : shownMetrics.some((known) => known === measure))
      continue;
    throw new VarveError(
      "INVALID_ARGUMENT",
      `Unknown metric ${metric}. Use row_count or, for a column, one of ${shownMetrics.join(", ")}, e.g. mean(delay).`,
      {
        metric,
      },
    );
  }
  await using table = await openedTable(uri, flags);
  const columns = flags.metric?.flatMap((metric) => metricParts(metric).column ?? []);
  if (flags.record) await table.metrics.record();
  const entries = await table.metrics.read({ scope: flags.scope, columns });
  const known = table.snapshot().schema.fields.map(({ name }) => name);
  const measured = new Set(entries.flatMap(({ state }) => Object.keys(metricValues(state))));
  for (const metric of flags.metric ?? []) {
    const { column } = metricParts(metric);
    if (column === undefined || known.includes(column) || measured.has(metric)) continue;
    throw new VarveError(
      "COLUMN_NOT_FOUND",
      `Unknown column ${column}. The columns are: ${known.join(", ")}.`,
      { column: [column], columns: known },
    );
  }
  const records = entries
    .reverse()
    .slice(0, flags.limit)
    .flatMap(({ version, timestamp, state }) =>
      Object.entries(metricValues(state))
        .filter(([name]) => flags.metric === undefined || flags.metric.includes(name))
        .map(([metric, value]) => ({ version, timestamp: timestamp.toISOString(), metric, value })),
    );
  await printRecords(records, flags);
}
