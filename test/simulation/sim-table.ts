import type { Action, MetadataAction, ProtocolAction } from "../../src/log/actions.ts";
import { metadata, protocol } from "../support/commit-tools.ts";
import type { Random } from "./random.ts";

/** First actions of a table whose features and level the seed chooses; checkpoints come often, and in JSON, so that none needs the engine. */
export function newTableActions(random: Random): Action[] {
  const features = ["appendOnly", "invariants", "domainMetadata", ...["inCommitTimestamp", "rowTracking"].filter(() => random.chance(0.4))];
  const configuration = {
    "delta.checkpointPolicy": "v2",
    "delta.checkpointInterval": String(2 + random.below(5)),
    "delta.logRetentionDuration": "interval 1 hours",
    ...(random.chance(0.3) ? { "delta.isolationLevel": "Serializable" } : {}),
    ...(features.includes("inCommitTimestamp") ? { "delta.enableInCommitTimestamps": "true" } : {}),
  };
  return [tableProtocol(features), tableMetadata(configuration)];
}

function tableProtocol(features: readonly string[]): ProtocolAction {
  return protocol(features, ["v2Checkpoint"]);
}

function tableMetadata(configuration: Readonly<Record<string, string>>): MetadataAction {
  return metadata(configuration);
}

/** The protocol with one more feature; `undefined` where it is there already. */
export function addFeature(before: ProtocolAction, name: string): ProtocolAction | undefined {
  const writers = before.writerFeatures ?? [];
  if (writers.includes(name)) return undefined;
  const reader = name === "deletionVectors";
  return {
    ...before,
    writerFeatures: [...writers, name],
    ...(reader ? { readerFeatures: [...(before.readerFeatures ?? []), name] } : {}),
  };
}

/** The protocol with one feature of writers less; `undefined` where it is not there. */
export function dropFeature(before: ProtocolAction, name: string): ProtocolAction | undefined {
  if (!hasFeature(before, name)) return undefined;
  return { ...before, writerFeatures: (before.writerFeatures ?? []).filter((one) => one !== name) };
}

export function hasFeature(protocol: ProtocolAction, name: string): boolean {
  return protocol.writerFeatures?.includes(name) === true;
}
