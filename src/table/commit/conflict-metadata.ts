import type { MetadataAction } from "../../protocol/actions.ts";
import { findProperty, properties } from "../../protocol/properties.ts";
import { columnMappingKeys } from "../../schema/column-mapping.ts";
import { metadataKeys } from "../../schema/column-metadata.ts";
import { untypedKey } from "../../schema/untyped-columns.ts";
import { isJsonObject, type JsonValue, parseJson } from "../../util/json.ts";
import { type CommitState, singleAction, type WinningCommit } from "./commit-request.ts";
import { ConflictError } from "./conflict-error.ts";
import type { ReadWriteSet } from "./read-write-set.ts";

/** Field metadata that affects neither what a column holds nor where it is stored. */
const harmlessFieldKeys: ReadonlySet<string> = new Set([
  metadataKeys.comment,
  metadataKeys.identityHighWaterMark,
  // The mark goes with the first text; files that leave the column out stay right.
  untypedKey,
]);

/**
 * The metadata to commit on after `winner`.
 *
 * @throws {@link ConflictError} `CONFLICT_METADATA_CHANGED` if ours cannot be reconciled with it (rules M1 to
 * M3).
 */
export function metadataConflict(
  transaction: ReadWriteSet,
  state: CommitState,
  winner: WinningCommit,
): MetadataAction {
  const theirs = singleAction(winner.actions, "metaData");
  if (theirs === undefined) return state.metadata;
  if (transaction.changesMetadata) {
    throw metadataError(winner, "changed the table's metadata", "changes the metadata too");
  }
  requireHarmless(state.metadata, winner);
  return theirs;
}

/**
 * Requires that what was prepared under some metadata is still valid after a commit.
 *
 * @throws {@link ConflictError} `CONFLICT_METADATA_CHANGED`
 */
export function requireHarmless(before: MetadataAction, winner: WinningCommit): void {
  const after = singleAction(winner.actions, "metaData");
  const harm = after === undefined ? undefined : harmfulChange(before, after);
  if (harm === undefined) return;
  throw metadataError(
    winner,
    `changed the table's metadata (${harm})`,
    "was prepared for the metadata before that",
  );
}

/**
 * What in a change of metadata could invalidate a data file prepared under `before`; `undefined` if nothing.
 */
export function harmfulChange(before: MetadataAction, after: MetadataAction): string | undefined {
  if (before.id !== after.id) return "the table was replaced by another with a new id";
  if (JSON.stringify(before.partitionColumns) !== JSON.stringify(after.partitionColumns))
    return "its partition columns";
  if (before.format.provider !== after.format.provider) return "the format of its files";
  return (
    harmfulProperty(before.configuration, after.configuration) ??
    (sameColumns(before, after) ? undefined : "its columns")
  );
}

function harmfulProperty(
  before: Readonly<Record<string, string>>,
  after: Readonly<Record<string, string>>,
): string | undefined {
  for (const key of Object.keys(before))
    if (after[key] === undefined && !isForeign(key)) return `the property ${key} was unset`;
  for (const [key, value] of Object.entries(after)) {
    if (before[key] === value || isForeign(key)) continue;
    if (!isHarmless(key, value)) return `the property ${key}`;
  }
  return undefined;
}

/** Whether a property belongs to a user or another tool: neither the format nor varve gives it a meaning. */
function isForeign(key: string): boolean {
  return !/^(?:delta|varve)\./i.test(key);
}

function isHarmless(key: string, value: string): boolean {
  const name = findProperty(key);
  const harmless = name === undefined ? undefined : properties[name].harmless;
  return harmless === true || harmless === value.toLowerCase();
}

function sameColumns(before: MetadataAction, after: MetadataAction): boolean {
  try {
    return (
      JSON.stringify(essence(parseJson(before.schemaString))) ===
      JSON.stringify(essence(parseJson(after.schemaString)))
    );
  } catch {
    return false;
  }
}

/**
 * A schema without the parts that may change harmlessly; new column mapping in place keeps each column's name
 * as its physical name.
 */
function essence(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(essence);
  if (!isJsonObject(value)) return typeof value === "bigint" ? String(value) : value;
  const name = value["name"];
  const entries = Object.entries(value).map(([key, inner]): [string, JsonValue] => [
    key,
    key === "metadata" && isJsonObject(inner) ? essentialMetadata(inner, name) : essence(inner),
  ]);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

function essentialMetadata(
  metadata: { readonly [key: string]: JsonValue },
  name: JsonValue | undefined,
): JsonValue {
  const mappedInPlace = metadata[columnMappingKeys.physicalName] === name;
  const kept = Object.entries(metadata).filter(([key]) => {
    if (harmlessFieldKeys.has(key)) return false;
    return !(mappedInPlace && (key === columnMappingKeys.physicalName || key === columnMappingKeys.id));
  });
  return Object.fromEntries(
    kept.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, inner]) => [key, essence(inner)]),
  );
}

function metadataError(winner: WinningCommit, winnerDid: string, met: string): ConflictError {
  return new ConflictError("CONFLICT_METADATA_CHANGED", winner, {
    winnerDid,
    met,
    advice: "Reload the table, check the rows against its new definition and retry.",
  });
}
