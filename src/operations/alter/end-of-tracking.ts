import type { LogSnapshot } from "../../log/contract.ts";
import type { AddAction, DomainMetadataAction } from "../../protocol/actions.ts";
import { rowTrackingDomain } from "../../protocol/domains.ts";
import { propertyKey } from "../../protocol/properties.ts";
import { appendAll } from "../../util/append-all.ts";
import type { AlterOptions } from "./alter-options.ts";

/** What goes with the feature rowTracking, besides its properties. */
export interface EndOfTracking {
  /** The files that have row ids, without them. */
  readonly files: readonly AddAction[];
  /** The removed high-water mark; absent if the table has none. */
  readonly domain?: DomainMetadataAction | undefined;
}

/** Properties that dropping features turns off, unless the same change sets them. */
export function turnedOffWith({ dropFeatures = [], set = {} }: AlterOptions): string[] {
  const key = propertyKey("enableRowTracking");
  return dropFeatures.includes("rowTracking") && !Object.hasOwn(set, key) ? [key] : [];
}

/**
 * What a change takes off the table if it drops row tracking. Columns of ids in data files stay there: no schema and
 * no property names them any more.
 */
export async function endOfTracking(
  snapshot: LogSnapshot,
  { dropFeatures = [] }: AlterOptions,
): Promise<EndOfTracking | undefined> {
  if (!dropFeatures.includes("rowTracking")) return undefined;
  const files: AddAction[] = [];
  for await (const chunk of (await snapshot.files()).all()) {
    const tracked = chunk.filter(
      ({ baseRowId, defaultRowCommitVersion }) =>
        baseRowId !== undefined || defaultRowCommitVersion !== undefined,
    );
    appendAll(
      files,
      tracked.map(({ baseRowId: _, defaultRowCommitVersion: __, ...file }) => ({
        ...file,
        dataChange: false,
      })),
    );
  }
  const domain = (await snapshot.domainMetadata()).get(rowTrackingDomain);
  return { files, domain: domain && { ...domain, removed: true } };
}
