import type { Profile } from "../quality/profile/profile.ts";
import type { SuggestedSuite } from "../quality/profile/suggest.ts";
import { knownOptions } from "./shared/known-options.ts";
import { profileSourceKeys, suggestSourceKeys } from "./shared/option-keys.ts";
import type { ProfileSourceOptions, SuggestSourceOptions } from "./shared/options.ts";
import { toWriteSource } from "./shared/source.ts";
import type { Source } from "./shared/table-options.ts";

/**
 * Profiles the columns of any source (files, rows, Arrow, SQL, a table or one of its versions); estimates are
 * named as such.
 *
 * @throws `SOURCE_UNREADABLE`, `COLUMN_NOT_FOUND`
 *
 * @example
 * ```ts
 * import { profile } from "varve";
 *
 * const { rows, columns } = await profile([{ id: 1, amount: 12.5 }]);
 * console.log(rows, columns.map(({ name, completeness }) => `${name} ${completeness}`));
 * ```
 */
export async function profile(source: Source, options: ProfileSourceOptions = {}): Promise<Profile> {
  const { columns, s3 } = knownOptions("profile", options, profileSourceKeys);
  const [{ duckdbEngine }, { profileSource }, { sourceAccess }] = await Promise.all([
    import("../engine/session/session.ts"),
    import("../operations/profile.ts"),
    import("../table/definition/open-context.ts"),
  ]);
  return profileSource(duckdbEngine, toWriteSource(source), { columns, access: sourceAccess({ s3 }) });
}

/**
 * Suggests a suite for the rows of any source, ready to be edited, with a reason for each check. With `holdout`,
 * the suite is tested on rows that it did not see, and what fails there is loosened or dropped.
 *
 * @throws `INVALID_ARGUMENT` for a share or rows that leave nothing to test; otherwise as {@link profile}
 *
 * @example
 * ```ts
 * import { suggest } from "varve";
 *
 * const { suite, reasons } = await suggest(orders);
 * for (const { id = "", kind } of suite.checks) console.log(kind, reasons[id]);
 *
 * const many = Array.from({ length: 100 }, (_, id) => ({ id, amount: id / 2 }));
 * const { holdout } = await suggest(many, { holdout: 0.25 });
 * console.log(holdout?.checks.map(({ id, rate, outcome }) => `${id} ${rate} ${outcome}`));
 * ```
 */
export async function suggest(source: Source, options: SuggestSourceOptions = {}): Promise<SuggestedSuite> {
  const { columns, name, extended, holdout, s3 } = knownOptions("suggest", options, suggestSourceKeys);
  const [{ duckdbEngine }, { suggestSource }, { sourceAccess }] = await Promise.all([
    import("../engine/session/session.ts"),
    import("../operations/suggest.ts"),
    import("../table/definition/open-context.ts"),
  ]);
  const access = sourceAccess({ s3 });
  return suggestSource(duckdbEngine, toWriteSource(source), { columns, name, extended, holdout, access });
}

/** A suggested suite as JSON, with the reason for each check. */
export { explainedSuite } from "../quality/profile/suggest.ts";
