import { VarveError } from "../errors.ts";
import { nearestName } from "../util/nearest-name.ts";
import { minFilesKey, minFilesValues } from "./auto-compaction.ts";
import { constraintPrefix } from "./constraint-names.ts";
import {
  type Configuration,
  featurePrefix,
  findProperty,
  type Property,
  type PropertyName,
  properties,
  propertyFamilies,
  propertyKey,
  propertyNames,
} from "./properties.ts";

/** Properties to set, parsed. */
export interface RequestedProperties {
  /** Names of the features that `delta.feature.NAME` lists. */
  readonly features: readonly string[];
  /** The properties as they are stored: words and booleans in the spelling that every engine knows. */
  readonly properties: Readonly<Record<string, string>>;
}

/**
 * Validates properties to be set on a new or existing table against the table of properties.
 *
 * Keys that do not begin with `delta.` are the caller's own, and are not validated, except those that varve reads.
 *
 * @throws `INVALID_ARGUMENT` for a key that is unknown, naming the nearest one, or cannot be set, and for a
 * value that the property cannot have
 */
export function requestedProperties(requested: Configuration): RequestedProperties {
  const features: string[] = [];
  const stored: Record<string, string> = {};
  for (const [key, value] of Object.entries(requested)) {
    if (key.startsWith(featurePrefix)) features.push(featureName(key, value));
    else stored[key] = storedText(key, value);
  }
  return { features, properties: stored };
}

/**
 * Refuses the removal of properties that belong to the table's own bookkeeping. @throws `INVALID_ARGUMENT`
 */
export function requireRemovable(key: string): void {
  const name = findProperty(key);
  if (name !== undefined && properties[name].refused === "bookkeeping")
    throw cannotChange(key, bookkeepingReason);
}

/**
 * Refuses constraints among properties to change, because the rows of the table must be tested first. @throws
 * `INVALID_ARGUMENT`
 */
export function refuseConstraint(key: string): void {
  if (!key.startsWith(constraintPrefix)) return;
  throw invalid(
    key,
    `The property ${key} is a CHECK constraint: rows that are in the table already have to be checked before it binds. Use addConstraints or dropConstraints.`,
  );
}

const bookkeepingReason = "it belongs to the table's own bookkeeping";

function storedText(key: string, value: string): string {
  const name = findProperty(key);
  if (name !== undefined) return storedValue(name, value);
  if (key === minFilesKey && minFilesValues.parse(value) === undefined)
    throw invalid(
      key,
      `The property ${key} cannot be ${JSON.stringify(value)}: it must be ${minFilesValues.expected}.`,
    );
  const family = propertyFamilies.find((prefix) => key.startsWith(prefix) && key.length > prefix.length);
  if (family !== undefined || !key.toLowerCase().startsWith("delta.")) return value;
  const nearest = nearestName(key, propertyNames.map(propertyKey));
  throw invalid(
    key,
    `Unknown table property ${key}${nearest === undefined ? "." : `: did you mean ${nearest}?`} Keys that begin with delta. belong to the table format; choose another for your own.`,
    nearest,
  );
}

function storedValue<N extends PropertyName>(name: N, text: string): string {
  return storedBy(properties[name], propertyKey(name), text);
}

function storedBy<T>({ values, refused }: Property<T>, key: string, text: string): string {
  if (refused !== undefined)
    throw cannotChange(key, refused === "bookkeeping" ? bookkeepingReason : refused.reason);
  const value = values.parse(text);
  const stored = value === undefined ? undefined : values.store === undefined ? text : values.store(value);
  if (stored !== undefined) return stored;
  throw invalid(key, `The property ${key} cannot be ${JSON.stringify(text)}: it must be ${values.expected}.`);
}

function featureName(key: string, value: string): string {
  if (value === "supported" || value === "enabled") return key.slice(featurePrefix.length);
  throw invalid(key, `${key} can be set to "supported" only, not ${JSON.stringify(value)}.`);
}

function cannotChange(key: string, reason: string): VarveError {
  return invalid(key, `The property ${key} cannot be changed: ${reason}.`);
}

function invalid(key: string, message: string, nearest?: string): VarveError {
  return new VarveError("INVALID_ARGUMENT", message, nearest === undefined ? { key } : { key, nearest });
}
