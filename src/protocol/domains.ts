import { VarveError } from "../errors.ts";
import { isJsonObject, type JsonValue, parseJson } from "../util/json.ts";
import type { DomainMetadataAction } from "./actions.ts";

/** The metadata domain that holds the highest row id assigned so far (PROTOCOL.md "Row IDs"). */
export const rowTrackingDomain = "delta.rowTracking";
/** The metadata domain that names the clustering columns (PROTOCOL.md "Clustered Table"). */
export const clusteringDomain = "delta.clustering";

/**
 * Domains of the protocol whose rules varve knows; it changes no other (PROTOCOL.md "Writer Requirements for
 * Domain Metadata").
 */
export const knownSystemDomains: ReadonlySet<string> = new Set([rowTrackingDomain, clusteringDomain]);

/**
 * The tag of `commitInfo` that says whether rows that the commit copies keep their ids (PROTOCOL.md "Row
 * Tracking").
 */
export const rowIdsPreservedTag = "delta.rowTracking.preserved";

/**
 * The highest row id assigned so far, as the domain `delta.rowTracking` holds it; `undefined` where there is
 * no such domain.
 *
 * @throws `LOG_CORRUPT` for a domain that does not hold it: new row ids could repeat old ones
 */
export function rowIdMark(domain: DomainMetadataAction | undefined): bigint | undefined {
  if (domain === undefined || domain.removed) return undefined;
  const mark = memberOf(domain, "rowIdHighWaterMark");
  if (typeof mark === "bigint") return mark;
  if (typeof mark === "number" && Number.isSafeInteger(mark)) return BigInt(mark);
  throw unreadable(domain, "a whole number rowIdHighWaterMark");
}

/** The action that records the highest row id assigned so far. */
export function rowIdMarkAction(mark: bigint): DomainMetadataAction {
  return {
    kind: "domainMetadata",
    domain: rowTrackingDomain,
    configuration: `{"rowIdHighWaterMark":${mark}}`,
    removed: false,
  };
}

/**
 * Paths of physical names of the columns that a table is clustered by; the domain holds each as a text or as
 * a list of name parts.
 *
 * @throws `LOG_CORRUPT` for a domain that is not JSON
 */
export function clusteringColumns(domain: DomainMetadataAction | undefined): readonly (readonly string[])[] {
  if (domain === undefined || domain.removed) return [];
  const columns = memberOf(domain, "clusteringColumns");
  if (!Array.isArray(columns)) return [];
  return columns.map((column: JsonValue) => (Array.isArray(column) ? column.map(String) : [String(column)]));
}

/** The action that records the columns that a table is clustered by, as paths of physical names. */
export function clusteringAction(columns: readonly (readonly string[])[]): DomainMetadataAction {
  const configuration = JSON.stringify({ clusteringColumns: columns, domainName: clusteringDomain });
  return { kind: "domainMetadata", domain: clusteringDomain, configuration, removed: false };
}

function memberOf(domain: DomainMetadataAction, name: string): JsonValue | undefined {
  try {
    const parsed = parseJson(domain.configuration);
    return isJsonObject(parsed) ? parsed[name] : undefined;
  } catch (cause) {
    if (cause instanceof SyntaxError) throw unreadable(domain, "JSON", cause);
    throw cause;
  }
}

function unreadable(
  { domain, configuration }: DomainMetadataAction,
  expected: string,
  cause?: unknown,
): VarveError {
  return new VarveError(
    "LOG_CORRUPT",
    `The metadata domain ${domain} must contain ${expected}, but is ${configuration}. Its last writer was faulty; rewrite the domain with the program that owns it.`,
    { domain, configuration },
    cause,
  );
}
