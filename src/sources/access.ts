import type { ObjectStore } from "../storage/contract/object-store.ts";
import { realWorld, type World } from "../util/world.ts";

/** What source files over a network are fetched with. */
export interface SourceAccess {
  /** Opens the store of a bucket's URI, with the options of the table that the rows are for. */
  readonly openStore: (uri: string) => Promise<ObjectStore>;
  /** Folder below which the files are kept while they are read; default: the system's temporary folder. */
  readonly temporaryFolder?: string | undefined;
  readonly world: World;
}

/** Credentials and endpoint as the AWS SDK finds them, and the system's temporary folder. */
export const defaultAccess: SourceAccess = Object.freeze({
  openStore: async (uri: string) => {
    const { openStore } = await import("../storage/open-store.ts");
    return openStore(uri);
  },
  world: realWorld,
});
