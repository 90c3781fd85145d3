import type { MetadataAction, ProtocolAction } from "../../protocol/actions.ts";
import { supportedWriterFeatures } from "../../protocol/features.ts";
import { typeChangesKey } from "../../schema/type-widening.ts";
import { isJsonObject, type JsonValue, parseJson, stringifyJson } from "../../util/json.ts";

/**
 * The metadata with the version of each new type change (`tableVersion`), as the preview of type widening
 * requires; the final feature no longer has it. A type change is new if it names no version yet. Called again
 * for each version that is tried. PROTOCOL.md "Type Change Metadata".
 */
export function stampTypeChanges(
  metadata: MetadataAction,
  protocol: ProtocolAction,
  version: number,
): MetadataAction {
  if (
    !supportedWriterFeatures(protocol).has("typeWidening-preview") ||
    !metadata.schemaString.includes(typeChangesKey)
  )
    return metadata;
  return { ...metadata, schemaString: stringifyJson(stamped(parseJson(metadata.schemaString), version)) };
}

function stamped(value: JsonValue, version: number): JsonValue {
  if (Array.isArray(value)) return value.map((item) => stamped(item, version));
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      key === typeChangesKey && Array.isArray(inner)
        ? inner.map((change) => withVersion(change, version))
        : stamped(inner, version),
    ]),
  );
}

function withVersion(change: JsonValue, version: number): JsonValue {
  return isJsonObject(change) && change["tableVersion"] === undefined
    ? { ...change, tableVersion: version }
    : change;
}
