import type { Action, AddAction, RemoveAction } from "../../protocol/actions.ts";
import type { MaintenanceProperties } from "../../protocol/maintenance-properties.ts";
import type { LogSnapshot } from "../contract.ts";

/**
 * Actions of a checkpoint that are not about files (PROTOCOL.md "Checkpoints"): protocol, metadata, unexpired
 * application transactions, live domains.
 */
export async function checkpointHead(
  snapshot: LogSnapshot,
  properties: MaintenanceProperties,
  now: number,
): Promise<Action[]> {
  const expired =
    properties.setTransactionRetention === undefined ? undefined : now - properties.setTransactionRetention;
  const transactions = [...(await snapshot.appTransactions()).values()].filter(
    ({ lastUpdated }) => expired === undefined || lastUpdated === undefined || lastUpdated > expired,
  );
  return [
    snapshot.protocol,
    snapshot.metadata,
    ...transactions,
    ...(await snapshot.domainMetadata()).values(),
  ];
}

/**
 * File actions of a checkpoint in chunks: all live files, and unexpired tombstones.
 *
 * They only describe the state, so none of them counts as a change of data; tombstones have neither
 * statistics nor tags.
 */
export async function* checkpointFiles(
  snapshot: LogSnapshot,
  properties: MaintenanceProperties,
  now: number,
): AsyncGenerator<readonly (AddAction | RemoveAction)[]> {
  const files = await snapshot.files();
  for await (const chunk of files.all()) yield chunk.map((file) => ({ ...file, dataChange: false }));
  for await (const chunk of files.tombstones()) {
    const kept = chunk
      .filter(({ deletionTimestamp = 0 }) => deletionTimestamp > now - properties.deletedFileRetention)
      .map(asTombstone);
    if (kept.length > 0) yield kept;
  }
}

function asTombstone(action: RemoveAction): RemoveAction {
  const { stats: _stats, tags: _tags, ...kept } = action;
  return { ...kept, dataChange: false };
}
