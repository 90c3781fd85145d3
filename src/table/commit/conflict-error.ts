import { type ErrorCode, VarveError } from "../../errors.ts";
import type { Action } from "../../protocol/actions.ts";
import { isJsonObject } from "../../util/json.ts";
import type { WinningCommit } from "./commit-request.ts";

/** Codes of conflicts between concurrent commits. */
export type ConflictCode = Extract<ErrorCode, `CONFLICT_${string}`>;

/**
 * Another writer's commit came first and cannot be reconciled with this one: nothing of this commit is part
 * of the table.
 *
 * `data` holds `winningVersion`, `winningOperation`, `winnerDid`, `met` (what this commit read or wrote that
 * conflicts) and `attempted` (the version that this commit tried to write).
 */
export class ConflictError extends VarveError {
  readonly winningVersion: number;

  /** @internal */
  constructor(code: ConflictCode, winner: WinningCommit, details: ConflictDetails) {
    const operation = operationOf(winner.actions);
    super(
      code,
      `Conflict with version ${winner.version} (${operation}), which another writer committed first: it ${details.winnerDid}, and this transaction ${details.met}. ` +
        `Nothing of this transaction was committed. ${details.advice}`,
      {
        winningVersion: winner.version,
        winningOperation: operation,
        winnerDid: details.winnerDid,
        met: details.met,
        ...details.data,
      },
    );
    this.name = "ConflictError";
    this.winningVersion = winner.version;
  }
}

/**
 * The parts of a conflict's message: what the winner did, which of our reads or writes conflicts with it, and
 * what to do next.
 */
export interface ConflictDetails {
  readonly winnerDid: string;
  readonly met: string;
  readonly advice: string;
  readonly data?: Readonly<Record<string, unknown>> | undefined;
}

/** The operation that a commit's `commitInfo` names, or `an unnamed operation`. */
function operationOf(actions: readonly Action[]): string {
  const operation = commitInfoOf(actions)?.["operation"];
  return typeof operation === "string" ? operation : "an unnamed operation";
}

/** The `commitInfo` of a commit, if it has one. */
export function commitInfoOf(actions: readonly Action[]) {
  for (const action of actions)
    if (action.kind === "commitInfo" && isJsonObject(action.info)) return action.info;
  return undefined;
}
