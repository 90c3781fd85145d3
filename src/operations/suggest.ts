import type { Engine, Relation, Session } from "../engine/core/contract.ts";
import { VarveError } from "../errors.ts";
import type { LogSnapshot } from "../log/contract.ts";
import { profileRelation } from "../quality/profile/profile.ts";
import { type SuggestedSuite, type SuggestOptions, suggestSuite } from "../quality/profile/suggest.ts";
import type { FetchServices } from "../write/plan/fetched-source.ts";
import type { WriteSource } from "../write/plan/write-source.ts";
import { openProfiled, type ProfileOptions, withProfiledSource } from "./profile.ts";
import { suggestTested } from "./suggest-tested.ts";

export interface SuggestRowsOptions extends ProfileOptions, SuggestOptions {
  /** Share of the rows, the last ones, on which the suite is tested; `true` is a quarter. */
  readonly holdout?: boolean | number | undefined;
}

/** Suggests a suite for the rows of a version, ready to be edited, with a reason for each check. */
export async function suggest(
  snapshot: LogSnapshot,
  options: SuggestRowsOptions = {},
): Promise<SuggestedSuite> {
  const share = heldShare(options.holdout);
  await using opened = await openProfiled(snapshot, options);
  return await suggestFor(opened.session, opened.relation, share, options);
}

/**
 * Suggests a suite for the rows of any source; writes nothing.
 *
 * @throws `INVALID_ARGUMENT` for a share that leaves no rows; otherwise as `profileSource`
 */
export async function suggestSource(
  engine: Engine,
  source: WriteSource,
  options: SuggestRowsOptions & FetchServices = {},
): Promise<SuggestedSuite> {
  const share = heldShare(options.holdout);
  return withProfiledSource(engine, source, options, (session, relation) =>
    suggestFor(session, relation, share, options),
  );
}

async function suggestFor(
  session: Session,
  relation: Relation,
  share: number | undefined,
  options: SuggestOptions,
): Promise<SuggestedSuite> {
  return share === undefined
    ? suggestSuite(await profileRelation(session, relation), options)
    : suggestTested(session, relation, share, options);
}

const usualShare = 0.25;

function heldShare(holdout: boolean | number | undefined): number | undefined {
  if (holdout === undefined || holdout === false) return undefined;
  if (holdout === true) return usualShare;
  if (typeof holdout === "number" && holdout > 0 && holdout < 1) return holdout;
  throw new VarveError(
    "INVALID_ARGUMENT",
    `holdout is the share of the rows that the suite is tested on, above 0 and below 1, found ${String(holdout)}.`,
    { holdout },
  );
}
