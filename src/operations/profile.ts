import type { LogSnapshot } from "../log/contract.ts";
import { type Profile, profileRelation } from "../quality/profile.ts";
import { type SuggestedSuite, suggestSuite } from "../quality/suggest.ts";
import { planScan } from "../table/scan.ts";

/** What the rows of a version say of its columns. */
export async function profile(snapshot: LogSnapshot, options: { readonly columns?: readonly string[] } = {}): Promise<Profile> {
  const session = await (await snapshot.context.engine()).open();
  try {
    return await profileRelation(session, await planScan(session, snapshot, options));
  } finally {
    await session.close();
  }
}

/** A suite made from the rows of a version, each check with its reason, ready to be edited. */
export async function suggest(
  snapshot: LogSnapshot,
  options: { readonly columns?: readonly string[]; readonly name?: string } = {},
): Promise<SuggestedSuite> {
  const { name, ...rest } = options;
  return suggestSuite(await profile(snapshot, rest), name);
}
