import type { TableContext } from "../../log/contract.ts";
import type { AddAction, DeletionVectorDescriptor } from "../../protocol/actions.ts";
import {
  type EncodedVector,
  encodeDeletionVector,
  vectorFile,
} from "../../protocol/encode-deletion-vector.ts";
import { type BitSet, union } from "../../util/bit-sets.ts";
import { isJsonObject, type JsonObject, type JsonValue, parseJson, withJsonFields } from "../../util/json.ts";
import { type PublishedFiles, withdrawData } from "./publish-data-files.ts";

/** Rows of a live file that a commit deletes. */
export interface MarkedFile {
  /** The file with the vector that it had. */
  readonly add: AddAction;
  /** The rows that the commit deletes: one bit a row, the first in the highest bit of a byte. */
  readonly rows: BitSet;
  /** Rows that were deleted before, by the vector that the file had. */
  readonly before?: BitSet | undefined;
  /** Number of its rows that were live before. */
  readonly liveRows: number;
}

/** Vectors that lie in the table's folder, and are not named by any version yet. */
export interface PublishedVectors extends PublishedFiles {
  /** The actions that add the files again with their vectors, in the order of the files. */
  readonly adds: readonly AddAction[];
}

/** Bytes of vectors that are put into one file. */
const fileBytes = 32 * 1024 * 1024;

/**
 * Writes deletion vectors to the table's folder, many to a file. After a failure, the written files are
 * removed.
 *
 * @throws `STORE_UNAVAILABLE`, `STORE_REFUSED`, `CANCELLED`
 */
export async function publishVectors(
  context: TableContext,
  marked: readonly MarkedFile[],
  signal?: AbortSignal,
): Promise<PublishedVectors> {
  const files: { readonly path: string }[] = [];
  const descriptors: DeletionVectorDescriptor[] = [];
  let pending: EncodedVector[] = [];
  let bytes = 0;
  const flush = async () => {
    if (pending.length === 0) return;
    const file = vectorFile(pending, context.world.uuid());
    files.push({ path: file.path });
    await context.store.put(file.path, file.bytes, { signal });
    for (const descriptor of file.descriptors) descriptors.push(descriptor);
    [pending, bytes] = [[], 0];
  };
  try {
    for (const { rows, before } of marked) {
      const vector = await encodeDeletionVector(union(rows, before));
      pending.push(vector);
      bytes += vector.data.length;
      if (bytes >= fileBytes) await flush();
    }
    await flush();
  } catch (error) {
    await withdrawData(context, { files });
    throw error;
  }
  return { files, adds: marked.map((file, index) => markedAdd(file, descriptors[index])) };
}

/** PROTOCOL.md "Writer Requirement for Deletion Vectors": statistics of a file with a vector. */
function markedAdd({ add, liveRows }: MarkedFile, vector: DeletionVectorDescriptor | undefined): AddAction {
  const before = add.deletionVector?.cardinality ?? 0;
  return {
    ...add,
    dataChange: true,
    stats: statisticsWithVector(add.stats, liveRows + before, liveRows),
    deletionVector: vector,
  };
}

/**
 * Statistics that hold for the rows that a vector leaves: the number of physical rows, and bounds that are
 * wide. A column that was null in every row that was left counts as null in every physical row.
 */
function statisticsWithVector(stats: string | undefined, physicalRows: number, liveRows: number): string {
  const known = parsedStatistics(stats);
  const nulls = known?.["nullCount"];
  const changed = {
    numRecords: physicalRows,
    ...(isJsonObject(nulls) && known?.["tightBounds"] !== false
      ? { nullCount: allNull(nulls, liveRows, physicalRows) }
      : {}),
    tightBounds: false,
  };
  return withJsonFields(stats === undefined || known === undefined ? "{}" : stats, changed);
}

/** `undefined` for statistics that cannot be read: the log may be anybody's. */
function parsedStatistics(stats: string | undefined): JsonObject | undefined {
  if (stats === undefined) return undefined;
  try {
    const parsed = parseJson(stats);
    return isJsonObject(parsed) ? parsed : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function allNull(counts: JsonObject, liveRows: number, physicalRows: number): JsonObject {
  const entries = Object.entries(counts).map(([name, count]): [string, JsonValue] => [
    name,
    isJsonObject(count) ? allNull(count, liveRows, physicalRows) : count === liveRows ? physicalRows : count,
  ]);
  return Object.fromEntries(entries);
}
