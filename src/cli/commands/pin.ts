import { type Command, Option } from "commander";
import { counted } from "../../api/counted.ts";
import type { Pin, PinCheck, PinCost, PinKeep, PinResult, RemovedPin } from "../../index.ts";
import { visible } from "../../report/visible-text.ts";
import { exitCodes } from "../shared/exit.ts";
import { stoppedBySignals } from "../shared/interruption.ts";
import { openedTable } from "../shared/opened-table.ts";
import {
  type ListOutputFlags,
  type StoreFlags,
  wholeNumber,
  withJson,
  withListOutput,
  withStoreFlags,
} from "../shared/options.ts";
import { print } from "../shared/print.ts";
import { printJson } from "../shared/print-json.ts";
import { sizeText, withProgressLine } from "../shared/progress.ts";
import { printRecords } from "../shared/records.ts";

interface AddFlags extends StoreFlags {
  readonly version?: number | undefined;
  readonly timestamp?: string | undefined;
  readonly keep?: PinKeep | undefined;
  readonly reason?: string | undefined;
  readonly owner?: string | undefined;
  readonly expires?: string | undefined;
  readonly dryRun?: boolean | undefined;
  readonly json?: boolean | undefined;
}

interface RemoveFlags extends StoreFlags {
  readonly expired?: boolean | undefined;
  readonly dryRun?: boolean | undefined;
  readonly json?: boolean | undefined;
}

interface CheckFlags extends StoreFlags {
  readonly repair?: boolean | undefined;
  readonly deep?: boolean | undefined;
  readonly json?: boolean | undefined;
}

const tableText = "folder or URI of the table";

/** `varve pin add | list | remove | check TABLE`. */
export function addPin(program: Command): void {
  const group = program
    .command("pin")
    .summary("keep versions under names, whatever a vacuum deletes")
    .description(
      "Keep versions of a table under names. A pin outlives every vacuum and log cleanup, by any program; TABLE@NAME reads it wherever a version can be read.",
    )
    .addHelpText(
      "afterAll",
      '\nExamples:\n  $ varve pin add ./flights model-7 --version 0 --reason "trained on it" --expires 2035-01-01\n  $ varve pin list ./flights\n  $ varve show ./flights@model-7 --limit 3\n  $ varve pin check ./flights --repair\n  $ varve pin remove ./flights model-7',
    );
  addAdd(group);
  withStoreFlags(
    withListOutput(
      group.command("list").description("list pins, oldest first").argument("<table>", tableText),
    ),
  ).action(list);
  withStoreFlags(
    withJson(
      group
        .command("remove")
        .description(
          "remove a pin, what an interrupted attempt to add one left, or all pins that have expired",
        )
        .argument("<table>", tableText)
        .argument("[name]", "the pin")
        .option("--expired", "remove the pins whose --expires has passed")
        .option("--dry-run", "only say what would be removed"),
    ),
  ).action(remove);
  withStoreFlags(
    withJson(
      group
        .command("check")
        .description(
          "look whether the files of pins are there with the right sizes. Exit code 1 if a pin is not sound",
        )
        .argument("<table>", tableText)
        .argument("[name]", "check only this pin")
        .option(
          "--deep",
          "read the rows, and compare them with recorded fingerprints (varve fingerprint --record)",
        )
        .option("--repair", "take files from the table where it still has them"),
    ),
  ).action(check);
}

function addAdd(group: Command): void {
  withStoreFlags(
    withJson(
      group
        .command("add")
        .description(
          "keep a version under a name: by hard links on a local disk, which take no space until the table deletes its files, else by copies; or by reference, which only varve's own vacuums respect (--dry-run says what each costs)",
        )
        .argument("<table>", `${tableText}, with a version such as @v12 if not the newest`)
        .argument("<name>", "1 to 128 of the characters A-Z a-z 0-9 . _ -; not like a version or a time")
        .addOption(
          new Option("--version <number>", "the version to pin; default: the newest")
            .argParser(wholeNumber)
            .conflicts("timestamp"),
        )
        .option("--timestamp <time>", "pin the newest version that was committed by then")
        .addOption(
          new Option(
            "--keep <how>",
            "files: links or copies of its own. reference: no copies; varve's vacuums spare the table's files, those of other programs do not",
          )
            .choices(["files", "reference"])
            .default("files"),
        )
        .option("--reason <text>", "why it is kept")
        .option("--owner <text>", "who keeps it")
        .option("--expires <time>", "when it may go; it stays until pin remove --expired")
        .option("--dry-run", "only say what it would cost, for both ways to keep files"),
    ),
  ).action(add);
}

async function add(uri: string, name: string, flags: AddFlags, command: Command): Promise<void> {
  const { version, timestamp, keep, reason, owner, expires, dryRun } = flags;
  const { splitTableUri } = await import("../../api/shared/table-uri.ts");
  if (splitTableUri(uri).point !== undefined && (version !== undefined || timestamp !== undefined))
    command.error(
      `error: ${visible(uri)} names a version, and so does --${version === undefined ? "timestamp" : "version"}. Leave one out.`,
    );
  await using table = await openedTable(uri, flags);
  const result = await withProgressLine({ stage: "pinning" }, flags.quiet === true, (update) =>
    stoppedBySignals((signal) =>
      table.pins.add(name, {
        version,
        timestamp,
        keep,
        reason,
        owner,
        expires,
        dryRun,
        onProgress: ({ files, totalFiles, bytes, totalBytes }) =>
          update({
            stage: "pinning",
            share: totalBytes === 0 ? 1 : bytes / totalBytes,
            detail: `${files} of ${counted(totalFiles, "file")}`,
          }),
        signal,
      }),
    ),
  );
  if (flags.json === true) return await printJson(result);
  print(`${addedText(result, uri)}\n`);
}

function addedText(result: PinResult, uri: string): string {
  const { outcome, name, version, timestamp, files, bytes, keep, costs } = result;
  const what = `version ${version} (${timestamp.toISOString()})`;
  if (outcome === "alreadyPinned") return `nothing changed: ${name} keeps ${what} already`;
  const kept = `${what} of ${counted(files, "data file")} (${sizeText(bytes)})`;
  if (costs !== undefined)
    return [
      `${name} would keep ${kept}. Nothing was pinned.`,
      `  --keep files: ${costText(costs.files, "would be ")}; no vacuum of any program takes them`,
      `  --keep reference: ${costText(costs.reference, "would be ")}; only varve's own vacuums spare the table's files`,
    ].join("\n");
  const cost =
    keep === "reference" ? "by reference, which only varve's own vacuums respect" : costText(result, "");
  return `${name} keeps ${kept}: ${cost}; read it as ${visible(uri.replace(/@v\d+$/, ""))}@${name}`;
}

function costText(
  cost: Omit<PinCost, "requests" | "bytesLinked"> & { readonly requests?: number | undefined },
  would: string,
): string {
  const { filesLinked, filesCopied, bytesCopied, requests = 0 } = cost;
  const texts = [
    filesLinked === 0 ? "" : `${counted(filesLinked, "file")} ${would}linked, which takes no space`,
    filesCopied === 0 ? "" : `${counted(filesCopied, "file")} (${sizeText(bytesCopied)}) ${would}copied`,
  ].filter((text) => text !== "");
  if (texts.length === 0) texts.push("nothing to copy");
  return [...texts, ...(requests === 0 ? [] : [counted(requests, "request")])].join(", ");
}

async function list(uri: string, flags: StoreFlags & ListOutputFlags): Promise<void> {
  await using table = await openedTable(uri, flags);
  const records = (await table.pins.list()).map(pinRecord);
  if (flags.format !== "table")
    return await printRecords(records, { ...flags, fields: Object.keys(pinFields) });
  const heads = tableHeads.filter(
    (head) => !rareHeads.includes(head) || records.some((record) => record[head] !== null),
  );
  await printRecords(
    records.map((record) => Object.fromEntries(heads.map((head) => [head, record[head]]))),
    { ...flags, kept: ["name", "version"] },
  );
}

/** What a table shows of a pin, some of it only if a pin has it. */
const tableHeads = [
  "name",
  "version",
  "timestamp",
  "created",
  "expires",
  "keep",
  "owner",
  "reason",
  "files",
  "bytes",
];
const rareHeads = ["expires", "owner", "reason"];

/** The fields of a pin in a list, in this order. */
const pinFields: Readonly<Record<keyof Pin, null>> = {
  name: null,
  version: null,
  timestamp: null,
  created: null,
  keep: null,
  expires: null,
  owner: null,
  reason: null,
  files: null,
  bytes: null,
  uri: null,
  run: null,
  tableId: null,
  fingerprint: null,
};

function pinRecord(pin: Pin): Record<string, unknown> {
  const { timestamp, created, expires, owner, reason, run } = pin;
  return {
    ...pinFields,
    ...pin,
    timestamp: timestamp.toISOString(),
    created: created.toISOString(),
    expires: expires?.toISOString() ?? null,
    owner: owner ?? null,
    reason: reason ?? null,
    run: run ?? null,
  };
}

async function remove(
  uri: string,
  name: string | undefined,
  flags: RemoveFlags,
  command: Command,
): Promise<void> {
  if ((name === undefined) !== (flags.expired === true))
    command.error("error: give the name of a pin, or --expired, not both.");
  await using table = await openedTable(uri, flags);
  const { dryRun } = flags;
  const removed = await stoppedBySignals((signal) =>
    name === undefined
      ? table.pins.removeExpired({ dryRun, signal })
      : table.pins.remove(name, { dryRun, signal }).then((one) => [one]),
  );
  if (flags.json === true) return await printJson(removed);
  if (removed.length === 0) print("nothing removed: no pin has expired\n");
  for (const one of removed) print(`${removedText(one)}\n`);
}

function removedText({ outcome, name, version, files, bytes }: RemovedPin): string {
  const what = version === undefined ? "what an attempt to add it left" : `version ${version}`;
  const verb = outcome === "dryRun" ? "would remove" : "removed";
  return `${verb} ${name}: ${what}, ${counted(files, "file")} (${sizeText(bytes)})`;
}

async function check(uri: string, name: string | undefined, flags: CheckFlags): Promise<void> {
  await using table = await openedTable(uri, flags);
  const checks = await stoppedBySignals((signal) =>
    table.pins.check({ name, repair: flags.repair, deep: flags.deep, signal }),
  );
  if (checks.some(({ state }) => state !== "sound" && state !== "repaired"))
    process.exitCode = exitCodes.failed;
  if (flags.json === true) return await printJson(checks);
  if (checks.length === 0) print("no pins\n");
  for (const one of checks) print(`${checkText(one)}\n`);
}

function checkText({ name, version, state, reason, problems, filesRecorded }: PinCheck): string {
  const advice = {
    sound: "",
    repaired: "",
    damaged: "",
    unfinished: ": an attempt to add it was interrupted; add it again, or remove it",
    unreadable: `: ${visible(reason ?? "")}`,
  }[state];
  const lines = problems.map(({ path, problem, size, expectedSize, repaired }) => {
    const what = {
      missing: "missing",
      wrongSize: `${size} bytes instead of ${expectedSize ?? "more"}`,
      unreadable: "cannot be read",
      changed: "its rows are not those that were recorded",
    }[problem];
    return `  ${visible(path)}: ${what}${repaired ? ", put back" : ""}`;
  });
  if (filesRecorded === 0) lines.push("  no fingerprint is recorded of its files; they were only read");
  return [`${name}${version === undefined ? "" : ` (version ${version})`}: ${state}${advice}`, ...lines].join(
    "\n",
  );
}
