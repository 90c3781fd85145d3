import type { ProfileOptions } from "../operations/profile.ts";
import type { Profile } from "../quality/profile/profile.ts";
import type { SuggestedSuite, SuggestOptions } from "../quality/profile/suggest.ts";
import { type Source, toWriteSource } from "./source.ts";

/**
 * What the rows of any source (files, rows, Arrow, SQL, a table or one of its versions) say of its columns; estimates are named so.
 *
 * @throws `SOURCE_UNREADABLE`, `COLUMN_NOT_FOUND`
 */
export async function profile(source: Source, options: ProfileOptions = {}): Promise<Profile> {
  const [{ duckdbEngine }, { profileSource }] = await Promise.all([
    import("../engine/session/session.ts"),
    import("../operations/profile.ts"),
  ]);
  return profileSource(duckdbEngine, toWriteSource(source), options);
}

/** A suite made from the rows of any source, each check with its reason, ready to be edited. @throws as {@link profile} */
export async function suggest(source: Source, options: ProfileOptions & SuggestOptions = {}): Promise<SuggestedSuite> {
  const { suggestSuite } = await import("../quality/profile/suggest.ts");
  return suggestSuite(await profile(source, options), options);
}
