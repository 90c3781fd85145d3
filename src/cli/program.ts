import { Command, Help } from "commander";
import { packageVersion } from "../api/records/package-version.ts";
import { addAlter } from "./commands/alter.ts";
import { addChanges } from "./commands/changes.ts";
import { addCheck } from "./commands/check.ts";
import { addClone } from "./commands/copies/clone.ts";
import { addConvert } from "./commands/copies/convert.ts";
import { addGenerate } from "./commands/copies/generate.ts";
import { addCreate } from "./commands/create.ts";
import { addDescribe } from "./commands/describe.ts";
import { addDiff } from "./commands/diff.ts";
import { addHistory } from "./commands/history.ts";
import { addFingerprint, addVerify } from "./commands/maintenance/fingerprint.ts";
import { addFsck } from "./commands/maintenance/fsck.ts";
import { addVacuum } from "./commands/maintenance/vacuum.ts";
import { addMetrics } from "./commands/metrics.ts";
import { addDrift } from "./commands/models/drift.ts";
import { addModel } from "./commands/models/model.ts";
import { addMonitor } from "./commands/models/monitor.ts";
import { addOptimize } from "./commands/optimize.ts";
import { addPin } from "./commands/pin.ts";
import { addProfile, addSuggest } from "./commands/profile.ts";
import { addQuarantine } from "./commands/quarantine.ts";
import { addQuery } from "./commands/query.ts";
import { addLedger, addReproduce } from "./commands/records/ledger.ts";
import { addLineage } from "./commands/records/lineage.ts";
import { addRun } from "./commands/records/run.ts";
import { addRuns } from "./commands/records/runs.ts";
import { addRejections } from "./commands/rejections.ts";
import { addRestore } from "./commands/restore.ts";
import { addDelete, addUpdate } from "./commands/rows/change-rows.ts";
import { addMerge } from "./commands/rows/merge.ts";
import { addPointInTime } from "./commands/rows/point-in-time.ts";
import { addTrainingSet } from "./commands/rows/training-set.ts";
import { addSchema } from "./commands/schema.ts";
import { addShow } from "./commands/show.ts";
import { addSql } from "./commands/sql.ts";
import { addStage, addStaged } from "./commands/staged.ts";
import { addSuite } from "./commands/suite.ts";
import { addTail } from "./commands/tail.ts";
import { addAppend, addOverwrite } from "./commands/write.ts";
import { print, printError, printFailure } from "./shared/print.ts";

/**
 * Builds the whole command line; commands load what they need when they run, so that help and history start
 * fast.
 */
export function buildProgram(): Command {
  const program = new Command("varve")
    .description("Versioned tables in the open Delta Lake format: append, test, time travel.")
    .version(packageVersion())
    // Commands have a --version of their own.
    .enablePositionalOptions()
    .showHelpAfterError("Try --help for options and examples.")
    .exitOverride()
    .configureHelp({
      optionDescription(option) {
        const text = Help.prototype.optionDescription.call(this, option);
        return option.mandatory ? `${text} (required)` : text;
      },
    })
    .configureOutput({ writeOut: print, writeErr: printError, outputError: printFailure })
    .addHelpText("after", examples);
  for (const [heading, adders] of groups) {
    program.commandsGroup(heading);
    for (const add of adders) add(program);
  }
  program.commandsGroup("Help:").helpCommand("help [command]", "display help for a command");
  return program;
}

/** The commands by what they are for, as the help lists them. */
const groups: readonly (readonly [string, readonly ((program: Command) => void)[]])[] = [
  ["Write rows:", [addCreate, addAppend, addOverwrite, addDelete, addUpdate, addMerge, addSql]],
  ["Read rows:", [addShow, addQuery, addDiff, addChanges, addTail, addPointInTime]],
  [
    "Look at a table:",
    [addHistory, addDescribe, addSchema, addLineage, addMetrics, addFingerprint, addVerify, addFsck],
  ],
  ["Look after a table:", [addAlter, addRestore, addOptimize, addVacuum, addPin]],
  ["Make tables of others:", [addClone, addConvert, addGenerate]],
  ["Watch data and models:", [addDrift, addModel, addMonitor]],
  ["Training sets, runs and predictions:", [addTrainingSet, addRun, addRuns, addLedger, addReproduce]],
  ["Test rows:", [addCheck, addSuite, addProfile, addSuggest]],
  ["Rows that are not in the table:", [addStage, addStaged, addQuarantine, addRejections]],
];

const examples = `
A table is a folder or an s3:// prefix; add @v12 or @2024-06-01T00:00:00Z to select a version,
or @NAME to select a pin.

Examples:
  $ varve create ./flights --from january.parquet
  $ varve append ./flights february.csv --suite suite.json
  $ varve query "SELECT count(*) FROM flights VERSION AS OF 0" --table flights=./flights
  $ varve history ./flights

Exit codes: 0 done, 1 failed, 2 usage, 3 batch rejected by its tests, 4 drift.`;
