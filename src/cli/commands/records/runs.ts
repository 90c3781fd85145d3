import { hostname } from "node:os";
import { type Command, Option } from "commander";
import { counted } from "../../../api/counted.ts";
import { stringifyJson, toJsonValue } from "../../../api/json.ts";
import type { RunRecord, RunSelection, Runs } from "../../../index.ts";
import { shellWord } from "../../../report/shell-word.ts";
import { visible } from "../../../report/visible-text.ts";
import { openOptions } from "../../shared/open-options.ts";
import {
  type ListOutputFlags,
  type StoreFlags,
  wholeNumber,
  withJson,
  withListOutput,
  withStoreFlags,
} from "../../shared/options.ts";
import { print } from "../../shared/print.ts";
import { printJson } from "../../shared/print-json.ts";
import { printRecords } from "../../shared/records.ts";
import { addRunHistory, addRunRegression } from "./runs-regression.ts";

interface ListFlags extends StoreFlags, ListOutputFlags, Pick<RunSelection, "status" | "name" | "limit"> {}

interface ShowFlags extends StoreFlags {
  readonly json?: boolean | undefined;
}

const runsText = "folder or URI of the runs table, or of a table with runs below it";

/** `varve runs list | show | history | regression RUNS` */
export function addRuns(program: Command): void {
  const group = program
    .command("runs")
    .summary("list and show recorded runs, and compare their metrics")
    .description(
      "Show the runs that varve run and recordRun have recorded, and compare their metrics (spec/runs.md).",
    )
    .addHelpText(
      "afterAll",
      "\nExamples:\n  $ varve runs list ./flights\n  $ varve runs list ./flights --status failed --limit 10 --format json\n  $ varve runs show ./flights nightly-7\n  $ varve runs history ./flights mae --name nightly\n  $ varve runs regression ./flights mae --max-change 2%",
    );
  const list = group
    .command("list")
    .description("list runs, newest first")
    .argument("<runs>", runsText)
    .addOption(
      new Option("--status <status>", "only runs with this status").choices([
        "started",
        "complete",
        "failed",
        "aborted",
      ]),
    )
    .option("--name <name>", "only runs of this name")
    .option("--limit <number>", "only so many, the newest", wholeNumber);
  withStoreFlags(withListOutput(list)).action(listRuns);
  const show = group
    .command("show")
    .description("show one run")
    .argument("<runs>", runsText)
    .argument("<id>", "id of the run");
  withStoreFlags(withJson(show)).action(async (uri: string, id: string, flags: ShowFlags) => {
    const run = await (await openedRuns(uri, flags)).get(id);
    if (flags.json === true) await printJson(run);
    else print(runText(run));
  });
  addRunHistory(group, runsText);
  addRunRegression(group, runsText);
}

async function openedRuns(uri: string, flags: StoreFlags): Promise<Runs> {
  const { openRuns } = await import("../../../api/records/runs.ts");
  return openRuns(uri, openOptions(flags));
}

async function listRuns(uri: string, flags: ListFlags): Promise<void> {
  const { status, name, limit } = flags;
  const runs = await (await openedRuns(uri, flags)).list({ status, name, limit });
  const isTable = flags.format === "table" || flags.format === "csv";
  await printRecords(isTable ? runs.map(rowOf) : runs.map((run) => ({ ...run })), {
    ...flags,
    fields: isTable ? heads : undefined,
    kept: ["run"],
  });
}

const heads = ["run", "status", "name", "started", "seconds", "exit", "inputs", "model", "metrics"];

function rowOf(run: RunRecord): Record<string, unknown> {
  const { runId, name, startedAt, durationMilliseconds, exitCode, signal, inputs, model, metrics } = run;
  return {
    run: runId,
    status: statusOf(run),
    name: name ?? null,
    started: startedAt.toISOString(),
    seconds: durationMilliseconds === undefined ? null : durationMilliseconds / 1000,
    exit: signal ?? exitCode ?? null,
    inputs: inputs.map((input) => `${input.name}@v${input.version}`).join(" "),
    model: modelText(model) ?? null,
    metrics: metrics === undefined ? null : stringifyJson(metrics),
  };
}

/** The status; of a run that began on this machine, also whether its process is gone. */
function statusOf({ status, environment: { host, pid } }: RunRecord): string {
  return status === "started" && host === hostname() && !isAlive(pid)
    ? "started, its process is gone"
    : status;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

function modelText(model: RunRecord["model"]): string | undefined {
  if (model === undefined) return undefined;
  const { name = model.file ?? "model", version } = model;
  return version === undefined ? name : `${name} ${version}`;
}

/** A run in one line. */
export function shortRun(run: RunRecord): string {
  const { runId, durationMilliseconds, exitCode, signal, metrics } = run;
  const end =
    signal === undefined
      ? exitCode === undefined
        ? ""
        : `, exit code ${exitCode}`
      : `, ended by ${visible(signal)}`;
  const time = durationMilliseconds === undefined ? "" : `, ${(durationMilliseconds / 1000).toFixed(1)} s`;
  const said = metrics === undefined ? "" : `, metrics ${visible(stringifyJson(metrics)).slice(0, 200)}`;
  return `run ${visible(runId)} ${statusOf(run)}${end}${time}${said}`;
}

function runText(run: RunRecord): string {
  const { environment: env, inputs, outputs, model, code, params, seed, problems } = run;
  const json = (value: unknown) => stringifyJson(toJsonValue(value));
  const { git } = env;
  const changes =
    git === null
      ? ""
      : [
          git.diffHash && "with changes",
          git.untrackedFiles > 0 && counted(git.untrackedFiles, "untracked file"),
        ]
          .filter(Boolean)
          .join(", ");
  const lines: readonly (readonly [string, string | undefined])[] = [
    ["name", run.name],
    ["started", run.startedAt.toISOString()],
    ...inputs.map(
      ({ name, table, version, pin }) =>
        ["input", `${name}: ${table}@v${version}, pinned as ${pin}`] as const,
    ),
    ["model", modelText(model) && [modelText(model), model?.hash].filter(Boolean).join(", ")],
    ["code", code && json(code)],
    [
      "git",
      git === null
        ? `none: ${env.gitReason ?? ""}`
        : [git.commit, git.branch, changes].filter(Boolean).join(", "),
    ],
    ["params", params === undefined ? undefined : json(params)],
    ["seed", seed === undefined ? undefined : json(seed)],
    ...outputs.map(
      ({ name, file, hash, table, version }) =>
        [
          "output",
          table === undefined ? `${name}: ${file}, ${hash}` : `${name}: ${table}@v${version}`,
        ] as const,
    ),
    ["metrics", run.metrics && json(run.metrics)],
    ["command", env.command.map(shellWord).join(" ")],
    ["folder", env.folder],
    ["on", `${env.host} (${env.platform}), Node ${env.node}`],
    ...problems.map((problem) => ["problem", problem] as const),
  ];
  const shown = lines.filter((line): line is [string, string] => line[1] !== undefined);
  return `${[shortRun({ ...run, metrics: undefined }), ...shown.map(([head, text]) => `  ${head.padEnd(9)}${visible(text)}`)].join("\n")}\n`;
}
