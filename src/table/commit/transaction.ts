import { VarveError } from "../../errors.ts";
import type { LogSnapshot, TableContext } from "../../log/contract.ts";
import { pathKeyer } from "../../log/segment/file-key.ts";
import { commitPath } from "../../log/segment/file-names.ts";
import { rememberCommit } from "../../log/segment/known-commits.ts";
import { serializeActions } from "../../protocol/action-json.ts";
import { backoffDelay } from "../../util/backoff.ts";
import { commitOrWithdraw } from "../data-files/publish-data-files.ts";
import { appliedBefore, appliedBy } from "./already-applied.ts";
import { type Attempt, settleAttempt } from "./commit-attempt.ts";
import { stateOf, tableIsolation } from "./commit-base.ts";
import { landedInThePast, neverKnown, retriesExhausted, tableExists } from "./commit-errors.ts";
import { CommitOutcomeUnknownError } from "./commit-outcome.ts";
import { type CommitPlace, placeOfLate } from "./commit-place.ts";
import {
  type AlreadyAppliedResult,
  type CommitRequest,
  type CommitResult,
  type CommitState,
  singleAction,
  type WinningCommit,
} from "./commit-request.ts";
import { type CommitTurn, type LandedCommit, takeTurn } from "./commit-turns.ts";
import { checkWinner } from "./conflict.ts";
import { conflictFileTest } from "./conflict-file-test.ts";
import { type CommitIdentity, checkRequest, type PreparedCommit, prepareCommit } from "./prepare-commit.ts";
import { type ReadWriteSet, readWriteSet } from "./read-write-set.ts";
import { UnitedVectors } from "./united-vectors.ts";
import { readWinners, winnerOf } from "./winning-commits.ts";
import { winningMarks } from "./winning-marks.ts";
import { checkWriterRules } from "./writer-rules.ts";

/**
 * Milliseconds after which a snapshot is not trusted to be near the log's end: cleanup may have removed the
 * version after it, and creating that version again would write into a past that nobody reads. Cleanup keeps
 * everything younger than twice this.
 */
const STALE_AFTER = 30 * 60 * 1000;

/**
 * Commits a transaction that started from `snapshot`, by the rules of `spec/conflicts.md`.
 *
 * The transaction is in the table exactly once if this returns `committed`, and not at all if this throws
 * anything except {@link CommitOutcomeUnknownError}. Maintenance of the log (checkpoint, checksum) is left to
 * the caller: `log-maintenance.ts`.
 *
 * @throws `ConflictError` (codes `CONFLICT_…`), {@link CommitOutcomeUnknownError},
 * `COMMIT_RETRIES_EXHAUSTED`, `LOG_GAP`, `INVALID_ARGUMENT`, `TABLE_APPEND_ONLY`, `UNSUPPORTED_FEATURE`,
 * `CANCELLED`
 */
export async function commitTransaction(
  snapshot: LogSnapshot,
  request: CommitRequest,
): Promise<CommitResult> {
  checkRequest(request);
  const applied = await appliedBefore(snapshot, request);
  if (applied !== undefined) return applied;
  const base = await stateOf(snapshot, request);
  return new Committer(snapshot.context, request, base).run(base);
}

/**
 * Commits version 0 of a new table; `request.actions` must hold `protocol` and `metaData`.
 *
 * @throws `TABLE_EXISTS` if there is a version 0 already, {@link CommitOutcomeUnknownError},
 * `INVALID_ARGUMENT`
 */
export async function commitNewTable(context: TableContext, request: CommitRequest): Promise<CommitResult> {
  checkRequest(request);
  const protocol = singleAction(request.actions, "protocol");
  const metadata = singleAction(request.actions, "metaData");
  if (protocol === undefined || metadata === undefined) {
    throw new VarveError(
      "INVALID_ARGUMENT",
      "The first commit of a new table must contain a protocol and a metaData action.",
    );
  }
  const base: CommitState = { version: -1, timestamp: 0, protocol, metadata };
  return new Committer(context, request, base).run(base);
}

/** The loop of one transaction: try, find out who won, check and rebase, try again. */
class Committer {
  readonly #context: TableContext;
  readonly #request: CommitRequest;
  readonly #readWriteSet: ReadWriteSet;
  readonly #vectors: UnitedVectors;
  readonly #identity: CommitIdentity;
  readonly #winners: WinningCommit[] = [];
  /** Commits of other writers that were read, for waiting transactions of this process. */
  readonly #found: LandedCommit[] = [];
  #committed: (Pick<Attempt, "version" | "bytes" | "triedAt"> & { readonly wonAt: number }) | undefined;
  #attempts = 0;
  /** When the version below the next attempt was last known to be the log's end. */
  #freshAt: number;

  constructor(context: TableContext, request: CommitRequest, base: CommitState) {
    this.#context = context;
    this.#request = request;
    this.#readWriteSet = readWriteSet(request, tableIsolation(base.metadata), {
      mayMatch: conflictFileTest(),
      pathKey: pathKeyer(context.store.uri),
    });
    this.#vectors = new UnitedVectors(context, this.#readWriteSet);
    this.#identity = {
      txnId: context.world.uuid(),
      isolation: this.#readWriteSet.isolation,
      readVersion: base.version,
    };
    this.#freshAt = base.version < 0 ? context.world.now() : base.timestamp;
  }

  async run(base: CommitState): Promise<CommitResult> {
    this.#stopIfCancelled();
    const turn = await this.#takeTurn();
    let result: CommitResult | undefined;
    try {
      result = await commitOrWithdraw(this.#context, this.#vectors, async () => {
        const caughtUp = turn === undefined ? base : await this.#foldLanded(base, turn.landed);
        return "outcome" in caughtUp ? caughtUp : this.#runFrom(caughtUp);
      });
      return result;
    } finally {
      turn?.end(turn.isAwaited ? this.#landedBy(result) : []);
    }
  }

  async #takeTurn(): Promise<CommitTurn | undefined> {
    try {
      return await takeTurn(this.#context.store, this.#context.world, this.#request.signal);
    } catch (error) {
      this.#stopIfCancelled();
      throw error;
    }
  }

  /**
   * Folds in what other transactions of this process have landed meanwhile, as far as it follows `base`
   * without a gap.
   */
  async #foldLanded(
    base: CommitState,
    landed: readonly LandedCommit[],
  ): Promise<CommitState | AlreadyAppliedResult> {
    if (base.version < 0) return base;
    let state = base;
    for (const { winner, bytes, knownAt } of landed) {
      if (winner.version !== state.version + 1) continue;
      const applied = appliedBy(winner, this.#request);
      if (applied !== undefined) return applied;
      rememberCommit(this.#context.store, commitPath(winner.version), bytes);
      state = await this.#fold(state, winner);
      // Not the present time: the transaction that reported this may have been paused since.
      this.#freshAt = knownAt;
    }
    return state;
  }

  /** What transactions that wait for a turn need not find out themselves. */
  #landedBy(result: CommitResult | undefined): LandedCommit[] {
    const own = this.#committed;
    if (result?.outcome !== "committed" || own === undefined) return this.#found;
    const { version, bytes, triedAt, wonAt } = own;
    return [...this.#found, { winner: winnerOf(version, bytes, wonAt), bytes, knownAt: triedAt }];
  }

  async #runFrom(base: CommitState): Promise<CommitResult> {
    if (this.#context.world.now() - this.#freshAt <= STALE_AFTER) return this.#tryFrom(base);
    const advanced = await this.#advance(base, undefined);
    return "outcome" in advanced ? advanced : this.#tryFrom(advanced);
  }

  async #tryFrom(base: CommitState): Promise<CommitResult> {
    const { world } = this.#context;
    const { attempts: limit = 200, longestWait = 200 } = this.#request.retry ?? {};
    let state = base;
    while (this.#attempts < limit) {
      if (this.#attempts > 1) await this.#wait(backoffDelay(world, this.#attempts - 2, 10, longestWait));
      this.#stopIfCancelled();
      const settled = await this.#attempt(state);
      if ("outcome" in settled) return settled;
      state = settled;
    }
    throw retriesExhausted(limit, state.version);
  }

  /** Tries one version: returns the result, or the state from which to try the next one. */
  async #attempt(state: CommitState): Promise<CommitResult | CommitState> {
    this.#attempts++;
    const request = await this.#vectors.request();
    checkWriterRules(request, state);
    const triedAt = this.#context.world.now();
    const prepared = prepareCommit(request, state, this.#identity, triedAt);
    const attempt: Attempt = {
      context: this.#context,
      version: prepared.version,
      bytes: serializeActions(prepared.actions),
      txnId: this.#identity.txnId,
      triedAt,
      pending: false,
      doubted: false,
    };
    return this.#settle(attempt, prepared, state);
  }

  async #settle(
    attempt: Attempt,
    prepared: PreparedCommit,
    state: CommitState,
  ): Promise<CommitResult | CommitState> {
    const outcome = await settleAttempt(attempt, this.#request.retry ?? {}, this.#request.signal);
    const recover = async (): Promise<CommitResult> => {
      const settled = await this.#settle(attempt, prepared, state);
      return "outcome" in settled ? settled : this.#tryFrom(settled);
    };
    if (outcome.kind === "won") {
      rememberCommit(this.#context.store, commitPath(attempt.version), attempt.bytes);
      this.#committed = {
        version: attempt.version,
        bytes: attempt.bytes,
        triedAt: attempt.triedAt,
        wonAt: this.#context.world.now(),
      };
      return this.#won(attempt, prepared);
    }
    if (outcome.kind === "unknown")
      throw new CommitOutcomeUnknownError(attempt.version, attempt.txnId, recover, outcome.cause);
    // Another writer's file may have replaced ours, which landed unanswered and was cleaned up.
    if (attempt.doubted && (await this.#placed(attempt, recover)) !== "in the table")
      throw neverKnown(attempt.version, attempt.txnId);
    return this.#advance(state, outcome.winner);
  }

  /** Folds every commit after `state` into it; the first of them may have been read already. */
  async #advance(
    state: CommitState,
    first: Uint8Array | undefined,
  ): Promise<CommitState | AlreadyAppliedResult> {
    if (state.version < 0) throw tableExists(this.#context);
    const { store, world } = this.#context;
    const seenAt = world.now();
    const stale = seenAt - this.#freshAt > STALE_AFTER;
    const winners = await readWinners(store, { version: state.version, first, stale });
    let folded = state;
    for (const { winner, bytes } of winners) {
      this.#found.push({ winner, bytes, knownAt: seenAt });
      const applied = appliedBy(winner, this.#request);
      if (applied !== undefined) return applied;
      folded = await this.#fold(folded, winner);
    }
    this.#freshAt = seenAt;
    return folded;
  }

  async #fold(state: CommitState, winner: WinningCommit): Promise<CommitState> {
    const marks = await winningMarks(this.#context, this.#readWriteSet, state, winner);
    const folded = checkWinner(this.#readWriteSet, state, winner, marks);
    this.#vectors.note(marks);
    this.#winners.push(winner);
    return folded;
  }

  async #won(attempt: Attempt, prepared: PreparedCommit): Promise<CommitResult> {
    const { version, txnId } = attempt;
    // Only the place is looked up again: the put is answered, and another one might create the version anew.
    const place = await this.#placed(attempt, () => this.#won(attempt, prepared));
    // If this put is in the past, an earlier unanswered put may have landed in time and been cleaned up.
    if (place === "gone" || (place === "in the past" && attempt.doubted)) throw neverKnown(version, txnId);
    if (place === "in the past") throw landedInThePast(version);
    await this.#vectors.withdrawSuperseded();
    return {
      outcome: "committed",
      version: prepared.version,
      txnId: this.#identity.txnId,
      timestamp: prepared.timestamp,
      attempts: this.#attempts,
      actions: prepared.actions,
      winners: this.#winners,
      state: prepared.state,
    };
  }

  /**
   * @throws `CommitOutcomeUnknownError` if the log cannot be read, for whatever reason: the commit has
   * landed, and its files must not be removed
   */
  async #placed(attempt: Attempt, recover: () => Promise<CommitResult>): Promise<CommitPlace> {
    try {
      return await this.#placeOf(attempt.version);
    } catch (error) {
      attempt.pending = true;
      throw new CommitOutcomeUnknownError(attempt.version, attempt.txnId, recover, error);
    }
  }

  async #placeOf(version: number): Promise<CommitPlace> {
    if (this.#context.world.now() - this.#freshAt <= STALE_AFTER) return "in the table";
    return placeOfLate(this.#context.store, version);
  }

  async #wait(milliseconds: number): Promise<void> {
    try {
      await this.#context.world.sleep(milliseconds, this.#request.signal);
    } catch (error) {
      this.#stopIfCancelled();
      throw error;
    }
  }

  #stopIfCancelled(): void {
    const { signal } = this.#request;
    if (!signal?.aborted) return;
    throw new VarveError(
      "CANCELLED",
      "The commit was cancelled between two attempts; nothing was committed.",
      {},
      signal.reason,
    );
  }
}
