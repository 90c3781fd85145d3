import type { DriftReport } from "../drift/comparison/drift-record.ts";
import type { LogSnapshot } from "../log/contract.ts";
import type { UpkeepFailure } from "../sidetables/side-table.ts";
import { carriedMonitors } from "./definition/carried-monitors.ts";
import { runAndSettle } from "./settled-run.ts";

/** What a monitor said of a version that was just committed. */
export interface MonitorVerdict {
  readonly monitor: string;
  readonly verdict: DriftReport["verdict"];
  readonly text: string;
}

/** What the monitors of a table said of a commit, and why others could not. */
export interface CommitVerdicts {
  readonly verdicts: readonly MonitorVerdict[];
  /** Without a monitor where their definitions cannot be read. */
  readonly failures: readonly { readonly monitor: string | null; readonly cause: unknown }[];
  /** Whose tables could not be compacted. */
  readonly upkeep: readonly { readonly monitor: string; readonly failure: UpkeepFailure }[];
}

/**
 * Runs the monitors of a table that look at each commit. Never rejects, because the commit has landed.
 *
 * @param commit the version, and whether this process has just committed it
 */
export async function watchCommit(
  snapshot: LogSnapshot,
  commit: { readonly version: number; readonly isNew: boolean },
): Promise<CommitVerdicts> {
  const verdicts: MonitorVerdict[] = [];
  const failures: { readonly monitor: string | null; readonly cause: unknown }[] = [];
  const upkeep: { readonly monitor: string; readonly failure: UpkeepFailure }[] = [];
  try {
    for (const { definition } of carriedMonitors(snapshot.metadata.configuration)) {
      if (definition.on !== "commit") continue;
      const { name } = definition;
      try {
        const found = await runAndSettle(snapshot, definition, {
          ...commit,
          onUpkeepFailed: (failure) => upkeep.push({ monitor: name, failure }),
        });
        if ("report" in found && found.report.state === "evaluated")
          verdicts.push({ monitor: name, verdict: found.report.verdict, text: found.report.text });
      } catch (cause) {
        failures.push({ monitor: name, cause });
      }
    }
  } catch (cause) {
    failures.push({ monitor: null, cause });
  }
  return { verdicts, failures, upkeep };
}
