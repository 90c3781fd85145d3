import type { TableContext } from "../../src/log/contract.ts";
import { commitPath, uuidCheckpointPath } from "../../src/log/segment/file-names.ts";
import { serializeActions } from "../../src/protocol/action-json.ts";
import type { Action, MetadataAction, ProtocolAction } from "../../src/protocol/actions.ts";
import { commitNewTable } from "../../src/table/commit/transaction.ts";
import { metadata, protocol } from "../support/commit-tools.ts";
import { Model } from "./model.ts";
import { Violation } from "./model-state.ts";
import type { Random } from "./random.ts";
import type { SimTable } from "./run-seed.ts";
import { SimBucket } from "./sim-store.ts";

/**
 * First actions of a table whose features and level the seed chooses; checkpoints come often, and in JSON, so
 * that none needs the engine.
 */
function newTableActions(random: Random): Action[] {
  const features = [
    "appendOnly",
    "invariants",
    "domainMetadata",
    ...["inCommitTimestamp", "rowTracking"].filter(() => random.chance(0.4)),
  ];
  const readerFeatures = random.chance(0.7) ? ["v2Checkpoint", "deletionVectors"] : ["v2Checkpoint"];
  const configuration = {
    "delta.checkpointPolicy": "v2",
    "delta.checkpointInterval": String(1 + random.below(5)),
    "delta.logRetentionDuration": random.pick(["interval 0 hours", "interval 1 hours"]),
    ...(random.chance(0.3) ? { "delta.isolationLevel": "Serializable" } : {}),
    ...(features.includes("inCommitTimestamp") ? { "delta.enableInCommitTimestamps": "true" } : {}),
  };
  return [tableProtocol(features, readerFeatures), tableMetadata(configuration)];
}

function tableProtocol(features: readonly string[], readerFeatures: readonly string[]): ProtocolAction {
  return protocol(features, readerFeatures);
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

/**
 * Creates one of the run's tables; one whose first version is not 0 has a checkpoint in place of what came
 * before.
 */
export async function createSimTable(
  random: Random,
  { bucket, model }: SimTable,
  context: (bucket: SimBucket) => TableContext,
): Promise<void> {
  const request = {
    actions: newTableActions(random),
    operation: "CREATE TABLE",
    commitInfo: { sim: { op: "create" } },
  };
  const { first } = model;
  const draft = first === 0 ? bucket : new SimBucket(new Model("draft", 0));
  const created = await commitNewTable(context(draft), request);
  if (created.version !== 0) throw new Violation("the first version is not 0");
  if (first === 0) return;
  const commit = draft.objects.get(commitPath(0));
  if (commit === undefined) throw new Error("the first commit is not there");
  const content: Action[] = [{ kind: "checkpointMetadata", version: first }, ...request.actions];
  bucket.write(uuidCheckpointPath(first, random.uuid(), "json"), serializeActions(content), commit.modified);
  bucket.write(commitPath(first), commit.bytes, commit.modified);
}
