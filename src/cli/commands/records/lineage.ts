import type { Command } from "commander";
import { counted, shownNumber } from "../../../api/counted.ts";
import type { Lineage, LineageCommit, LineagePredictions, LineageRun, Pin } from "../../../index.ts";
import { stoppedBySignals } from "../../shared/interruption.ts";
import { openOptions } from "../../shared/open-options.ts";
import { positiveNumber, repeated, type StoreFlags, withJson, withStoreFlags } from "../../shared/options.ts";
import { print } from "../../shared/print.ts";
import { printJson } from "../../shared/print-json.ts";
import { type TreeNode, treeText } from "../../shared/tree.ts";

interface LineageFlags extends StoreFlags {
  readonly runs?: readonly string[] | undefined;
  readonly ledger?: readonly string[] | undefined;
  readonly limit?: number | undefined;
  readonly json?: boolean | undefined;
}

/** `varve lineage TABLE` */
export function addLineage(program: Command): void {
  const command = program
    .command("lineage")
    .summary("say what made a version, and what came of it")
    .description(
      "Say what made a version of a table and what came of it: commits and batches, the suites that judged them, pins, the runs that read or wrote it, and predictions. Without a version: of all versions.",
    )
    .argument("<table>", "folder or URI of the table, with @v12, a time or @PIN for one version")
    .option(
      "--runs <runs>",
      "folder or URI of a runs table, besides the one below the table; repeatable",
      repeated,
    )
    .option("--ledger <ledger>", "folder or URI of a prediction ledger; repeatable", repeated)
    .option(
      "-n, --limit <number>",
      "most commits, pins, runs and ids of predictions to list (default: 20)",
      positiveNumber,
    )
    .addHelpText(
      "after",
      "\nExamples:\n  $ varve lineage ./flights\n  $ varve lineage ./flights@v1 --ledger ./predictions\n  $ varve lineage ./flights@v1 --ledger ./predictions --limit 5 --json",
    );
  withStoreFlags(withJson(command)).action(async (uri: string, flags: LineageFlags) => {
    const { lineage } = await import("../../../api/records/lineage.ts");
    const { runs, ledger: ledgers, limit } = flags;
    const result = await stoppedBySignals((signal) =>
      lineage(uri, { ...openOptions(flags), runs, ledgers, limit, signal }),
    );
    if (flags.json !== true) return print(`${treeText(treeOf(result))}\n`);
    await printJson(result);
  });
}

function treeOf(result: Lineage): TreeNode {
  const { table, scope, suites, runs, predictions } = result;
  const at = scope === "version" ? `@v${table.version}` : `, versions 0 to ${table.version}`;
  return {
    text: `${table.uri}${at} (${timeText(table.timestamp)})`,
    children: [
      {
        text: `made by ${counted(result.commitCount, "commit")}`,
        children: result.commits.map((commit) => ({ text: commitText(commit) })),
        hidden: result.commitCount - result.commits.length,
      },
      {
        text: suites.length === 0 ? "judged by no suite" : "judged by",
        children: suites.map(({ name, fingerprint, commits, firstVersion, lastVersion, failed }) => {
          const range =
            firstVersion === lastVersion ? `v${firstVersion}` : `v${firstVersion} to v${lastVersion}`;
          const results = failed.length === 0 ? "all checks passed" : `failed: ${failed.join(", ")}`;
          return {
            text: `${name} (${fingerprint.slice(0, 12)}): ${counted(commits, "commit")}, ${range}; ${results}`,
          };
        }),
      },
      {
        text: result.pinCount === 0 ? "kept by no pin" : `kept by ${counted(result.pinCount, "pin")}`,
        children: result.pins.map((pin) => ({ text: pinText(pin, scope) })),
        hidden: result.pinCount - result.pins.length,
      },
      {
        text: runsText(result),
        children: [
          ...runs.map((run) => ({ text: runText(run, scope) })),
          ...result.otherRunsTables.map((uri) => ({ text: `pins name another runs table: --runs ${uri}` })),
        ],
      },
      {
        text: predictions.length === 0 ? "predictions: no ledger was named (--ledger)" : "predictions",
        children: predictions.map(ledgerNode),
      },
    ],
  };
}

function timeText(time: Date): string {
  return time.toISOString();
}

function commitText(commit: LineageCommit): string {
  const { version, timestamp, operation, batchId, txn, message, judgement } = commit;
  const { rowsAdded = 0, rowsDeleted = 0, rowsUpdated = 0 } = commit;
  const rows = Object.entries({ added: rowsAdded, updated: rowsUpdated, deleted: rowsDeleted })
    .filter(([, count]) => count > 0)
    .map(([what, count]) => `${shownNumber(count)} ${what}`);
  const batch = batchId ?? txn;
  const parts = [
    `v${version} ${timeText(timestamp)} ${operation ?? "unknown operation"}`,
    ...(batch === undefined ? [] : [`batch ${batch}`]),
    ...(rows.length === 0 ? [] : [rows.join(", ")]),
    ...(judgement === undefined ? [] : [judgementText(judgement)]),
    ...(message === undefined ? [] : [JSON.stringify(message)]),
  ];
  return parts.join("; ");
}

function judgementText({
  suite,
  quarantined,
  dropped,
  failed,
}: NonNullable<LineageCommit["judgement"]>): string {
  const rows = Object.entries({ quarantined, dropped })
    .filter(([, count]) => count > 0)
    .map(([what, count]) => `${shownNumber(count)} ${what}`);
  const parts = failed.length === 0 ? ["passed"] : [`failed ${failed.join(", ")}`, ...rows];
  return `suite ${suite}: ${parts.join(", ")}`;
}

function pinText({ name, version, created, owner, reason, expires }: Pin, scope: Lineage["scope"]): string {
  return [
    scope === "table" ? `${name} of v${version}` : name,
    `since ${timeText(created)}`,
    ...(expires === undefined ? [] : [`to ${timeText(expires)}`]),
    ...(owner === undefined ? [] : [`by ${owner}`]),
    ...(reason === undefined ? [] : [JSON.stringify(reason)]),
  ].join("; ");
}

function runsText({ readerCount, writerCount, runsTables }: Lineage): string {
  if (runsTables.length === 0) return "runs: no runs table was found (--runs)";
  const writers = writerCount === 0 ? "" : `, written by ${counted(writerCount, "run")}`;
  return `read by ${counted(readerCount, "run")}${writers}`;
}

function runText(run: LineageRun, scope: Lineage["scope"]): string {
  const { runId, name, status, startedAt, read, wrote, model, gitCommit } = run;
  const versions = (list: readonly number[]) => list.map((version) => `v${version}`).join(", ");
  const verbs = Object.entries({ read, wrote })
    .filter(([, list]) => list.length > 0)
    .map(([verb, list]) => (scope === "table" ? `${verb} ${versions(list)}` : verb));
  return [
    `${name === undefined ? "" : `${name} `}${runId} ${timeText(startedAt)} ${status}`,
    verbs.join(", "),
    ...(model === undefined ? [] : [`model ${modelText(model)}`]),
    ...(gitCommit === undefined ? [] : [`code ${gitCommit.slice(0, 12)}`]),
  ].join("; ");
}

function modelText({ name, version, file, hash }: NonNullable<LineageRun["model"]>): string {
  return [name ?? file ?? hash ?? "without a name", ...(version === undefined ? [] : [version])].join(" ");
}

function ledgerNode({ ledger, fromRows, fromModels, unreadable }: LineagePredictions): TreeNode {
  const groups = [
    groupNode("from its rows", fromRows),
    groupNode("by models of runs that read it", fromModels),
  ];
  const faults =
    unreadable === 0 ? [] : [{ text: `${counted(unreadable, "prediction")} with unreadable inputs` }];
  return { text: ledger, children: [...groups, ...faults] };
}

function groupNode(how: string, group: LineagePredictions["fromRows"]): TreeNode {
  const { count, first, last, ids, models } = group;
  const times = [first, last].flatMap((time) => (time === undefined ? [] : timeText(time)));
  const span = times.length === 0 ? "" : `, ${[...new Set(times)].join(" to ")}`;
  return {
    text: `${counted(count, "prediction")} ${how}${span}`,
    children: [
      ...models
        .filter(({ name, version }) => name !== null || version !== null)
        .map(({ name, version, count: of }) => ({
          text: `model ${[name, version].filter((part) => part !== null).join(" ")}: ${shownNumber(of)}`,
        })),
      ...ids.map((id) => ({ text: id })),
    ],
    hidden: count - ids.length,
  };
}
