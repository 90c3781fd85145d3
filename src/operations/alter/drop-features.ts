import { VarveError } from "../../errors.ts";
import type { DomainMetadataAction, MetadataAction, ProtocolAction } from "../../protocol/actions.ts";
import { constraintNames } from "../../protocol/constraint-names.ts";
import { clusteringColumns, clusteringDomain } from "../../protocol/domains.ts";
import {
  findFeature,
  isTurnedOn,
  supportedReaderFeatures,
  supportedWriterFeatures,
} from "../../protocol/features.ts";
import { propertyKey, propertyOf } from "../../protocol/properties.ts";
import { metadataKeys } from "../../schema/column-metadata.ts";
import { allFields } from "../../schema/fields.ts";
import { pathText } from "../../schema/type-names.ts";
import type { StructType } from "../../schema/types.ts";
import { optionText } from "../../util/option-text.ts";

/** A table as it will be after its features are dropped. */
export interface FeatureUse {
  readonly protocol: ProtocolAction;
  readonly metadata: MetadataAction;
  readonly schema: StructType;
  readonly domains: ReadonlyMap<string, DomainMetadataAction>;
}

/** The table's definition without some features. */
export interface WithoutFeatures {
  readonly protocol: ProtocolAction;
  /** Bookkeeping of the dropped features, to be removed. */
  readonly unset: readonly string[];
}

/** What still uses a feature, as the end of a sentence; `undefined` if nothing does. */
type Use = (table: FeatureUse) => string | undefined;

const columnsWith =
  (key: string): Use =>
  ({ schema }) => {
    const match = [...allFields(schema)].find(({ field }) => field.metadata[key] !== undefined);
    return match === undefined ? undefined : `column ${pathText(match.path)} has ${key}`;
  };

/** Uses that are not controlled by a property alone. */
const uses: Readonly<Record<string, Use>> = {
  invariants: (table) => {
    const required = [...allFields(table.schema)].find(({ field }) => !field.nullable);
    return required === undefined
      ? columnsWith(metadataKeys.invariants)(table)
      : `column ${pathText(required.path)} is NOT NULL`;
  },
  checkConstraints: ({ metadata }) => {
    const names = constraintNames(metadata.configuration);
    return names.length === 0 ? undefined : `the table has the constraints ${names.join(", ")}`;
  },
  generatedColumns: columnsWith(metadataKeys.generation),
  allowColumnDefaults: columnsWith(metadataKeys.default),
  identityColumns: columnsWith(metadataKeys.identityStart),
  domainMetadata: ({ domains }) => {
    const live = [...domains.values()].filter(({ removed }) => !removed).map(({ domain }) => domain);
    return live.length === 0 ? undefined : `the table has the metadata domain ${live.join(", ")}`;
  },
  clustering: ({ domains }) => {
    const columns = clusteringColumns(domains.get(clusteringDomain));
    return columns.length === 0 ? undefined : `the table is clustered by ${columns.map(pathText).join(", ")}`;
  },
  checkpointProtection: ({ metadata }) => {
    const before = propertyOf(metadata.configuration, "requireCheckpointProtectionBeforeVersion");
    return before > 0
      ? `it protects the log before version ${before}; pass ${optionText("truncateHistory")} to remove that too`
      : undefined;
  },
};

/**
 * The protocol without some features, which nothing may use: earlier versions stay readable by the rules of their
 * own protocol. For features that require something of readers, the caller takes care of the versions that need them.
 *
 * A protocol of an old version becomes the list of all features that it implied; the caller makes sure that
 * this is allowed.
 *
 * @throws `INVALID_ARGUMENT` for a feature that the table does not list or still uses; `UNSUPPORTED_FEATURE`
 * for one that cannot be dropped without truncating history or rewriting files
 */
export function withoutFeatures(table: FeatureUse, names: readonly string[]): WithoutFeatures {
  const { protocol } = table;
  const [readers, writers] = [supportedReaderFeatures(protocol), supportedWriterFeatures(protocol)];
  requireListed(protocol, names);
  const dropped = new Set(names);
  for (const name of dropped) requireDroppable(name, table, dropped);
  const kept = (listed: ReadonlySet<string>): string[] =>
    [...listed].filter((name) => !dropped.has(name)).sort();
  const readerFeatures = kept(readers);
  const keepsReader = readerFeatures.length > 0;
  return {
    protocol: {
      kind: "protocol",
      minReaderVersion: keepsReader ? protocol.minReaderVersion : 1,
      minWriterVersion: 7,
      readerFeatures: keepsReader && protocol.minReaderVersion >= 3 ? readerFeatures : undefined,
      writerFeatures: kept(writers),
    },
    unset: names.flatMap((name) => (findFeature(name)?.bookkeeping ?? []).map(propertyKey)),
  };
}

/**
 * @throws `INVALID_ARGUMENT` for a feature that the table does not list; `UNSUPPORTED_FEATURE` for one that varve never
 * drops
 */
export function requireListed(protocol: ProtocolAction, names: readonly string[]): void {
  const [readers, writers] = [supportedReaderFeatures(protocol), supportedWriterFeatures(protocol)];
  for (const name of names) {
    if (!writers.has(name) && !readers.has(name))
      throw invalid(name, `The table does not list the feature ${name}, so it cannot be dropped.`);
    const feature = findFeature(name);
    const reason = feature === undefined ? "this version of varve does not know it" : feature.undroppable;
    if (reason !== undefined) throw stays(name, reason);
  }
}

function requireDroppable(name: string, table: FeatureUse, dropped: ReadonlySet<string>): void {
  const needing = [...supportedWriterFeatures(table.protocol)].find(
    (other) => !dropped.has(other) && findFeature(other)?.requires?.includes(name),
  );
  if (needing !== undefined)
    throw invalid(name, `The feature ${name} cannot be dropped: ${needing} needs it.`);
  const use =
    isTurnedOn(name, table.metadata.configuration) === true
      ? "its table property is on; set it to false in the same change"
      : uses[name]?.(table);
  if (use !== undefined)
    throw invalid(name, `The feature ${name} cannot be dropped while it is in use: ${use}.`);
}

function stays(name: string, why: string): VarveError {
  return new VarveError(
    "UNSUPPORTED_FEATURE",
    `varve cannot drop the feature ${name}: ${why}. Drop it with Spark (ALTER TABLE … DROP FEATURE ${name}).`,
    { features: [name] },
  );
}

function invalid(name: string, message: string): VarveError {
  return new VarveError("INVALID_ARGUMENT", message, { features: [name] });
}
