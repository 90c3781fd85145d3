import { mayMatchFile } from "../../log/pruning/pruning.ts";
import type { AddAction, MetadataAction, ProtocolAction } from "../../protocol/actions.ts";
import type { Predicate } from "../../protocol/predicate.ts";
import { parseSchema } from "../../schema/schema-json.ts";
import type { FileTest } from "./read-write-set.ts";

/**
 * Makes a {@link FileTest} on partition values and statistics, which translates each predicate once per
 * metadata.
 *
 * A predicate that cannot be translated, for example because of an unknown column, may match any file.
 */
export function conflictFileTest(): FileTest {
  const known = new WeakMap<MetadataAction, Map<Predicate, (file: AddAction) => boolean>>();
  return (predicate, file, { protocol, metadata }) => {
    const tests = known.get(metadata) ?? new Map<Predicate, (file: AddAction) => boolean>();
    known.set(metadata, tests);
    const test = tests.get(predicate) ?? translate(predicate, protocol, metadata);
    tests.set(predicate, test);
    return test(file);
  };
}

function translate(
  predicate: Predicate,
  protocol: ProtocolAction,
  metadata: MetadataAction,
): (file: AddAction) => boolean {
  return mayMatchFile(predicate, { protocol, metadata, schema: parseSchema(metadata.schemaString) });
}
