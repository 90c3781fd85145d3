import { isVarveError, VarveError } from "../errors.ts";
import { parseSchema } from "../schema/schema-json.ts";
import type { StructType } from "../schema/types.ts";
import type { ReadOptions } from "../storage/object-store.ts";
import type { DomainMetadataAction, MetadataAction, ProtocolAction, TxnAction } from "./actions.ts";
import { type CheckpointHead, readCheckpointHead } from "./checkpoint-read.ts";
import { isHead } from "./commit-lines.ts";
import { inCommitTimestamp, inCommitTimestamps } from "./commit-timestamp.ts";
import type { LiveFiles, LogSnapshot, TableContext } from "./contract.ts";
import { readObstacle, refuseCatalogManaged, validateProtocol } from "./features.ts";
import { advanceFiles, loadFiles } from "./files-load.ts";
import { type LogListing, listLog } from "./listing.ts";
import { emptyHead, type HeadState, liveDomains, replayHead } from "./log-state.ts";
import { chooseSegment, type LogSegment, type TailFile } from "./segment.ts";
import { readCommit, readTail, type TailPart } from "./tail-read.ts";
import { unusablePath } from "./unusable.ts";

/** {@link LogSnapshot} with what refreshing it and inspecting its log takes. */
export interface TableSnapshot extends LogSnapshot {
  /** The files that the version is read from. */
  readonly segment: LogSegment;
  /** The snapshot of the listing's latest version; every commit after this one must be in the listing. */
  advance(listing: LogListing, options: ReadOptions): Promise<TableSnapshot>;
}

/** Where a snapshot comes from: the files of its log that were read already. */
interface Origin {
  readonly segment: LogSegment;
  readonly tail: readonly TailPart[];
  /** Non-file actions of the checkpoint; read when first needed. */
  readonly checkpoint: () => Promise<CheckpointHead | undefined>;
  /** Files known to be unreadable. */
  readonly unusable: ReadonlySet<string>;
}

/**
 * Opens the version of a segment.
 *
 * @throws `CHECKPOINT_CORRUPT` with `path`, `LOG_CORRUPT` (with `compaction` where doing without that file may help), `CATALOG_MANAGED`
 */
export async function openSnapshot(
  context: TableContext,
  _listing: LogListing,
  segment: LogSegment,
  unusable: ReadonlySet<string>,
  options: ReadOptions,
): Promise<TableSnapshot> {
  const tail = await readTail(context.store, segment.tail, options);
  const checkpoint = checkpointReader(context, segment);
  let head = replayHead(
    emptyHead,
    tail.flatMap((part) => part.head),
  );
  if (head.protocol === undefined || head.metadata === undefined) {
    const below = await checkpoint();
    head = replayHead(
      replayHead(emptyHead, below?.actions ?? []),
      tail.flatMap((part) => part.head),
    );
  }
  return finishSnapshot(context, { segment, tail, checkpoint, unusable }, head, options);
}

async function finishSnapshot(
  context: TableContext,
  origin: Origin,
  head: HeadState,
  options: ReadOptions,
  files?: LiveFiles,
): Promise<TableSnapshot> {
  const { version } = origin.segment;
  const { protocol, metadata } = head;
  if (protocol === undefined) throw missingState("protocol", version);
  if (metadata === undefined) throw missingState("metaData", version);
  validateProtocol(protocol);
  refuseCatalogManaged(protocol);
  const schema = schemaOf(protocol, metadata);
  const timestamp = await commitTime(context, origin, protocol, metadata, options);
  return new Snapshot(context, origin, { protocol, metadata, schema, timestamp }, files);
}

interface Opened {
  readonly protocol: ProtocolAction;
  readonly metadata: MetadataAction;
  /** Or why it cannot be read. */
  readonly schema: StructType | VarveError;
  readonly timestamp: number;
}

class Snapshot implements TableSnapshot {
  readonly context: TableContext;
  readonly version: number;
  readonly timestamp: number;
  readonly protocol: ProtocolAction;
  readonly metadata: MetadataAction;
  readonly segment: LogSegment;
  readonly #schema: StructType | VarveError;
  readonly #origin: Origin;
  #files: Promise<LiveFiles> | undefined;

  constructor(context: TableContext, origin: Origin, opened: Opened, files: LiveFiles | undefined) {
    this.context = context;
    this.version = origin.segment.version;
    this.timestamp = opened.timestamp;
    this.protocol = opened.protocol;
    this.metadata = opened.metadata;
    this.#schema = opened.schema;
    this.segment = origin.segment;
    this.#origin = origin;
    this.#files = files === undefined ? undefined : Promise.resolve(files);
  }

  get schema(): StructType {
    if (this.#schema instanceof VarveError) throw this.#schema;
    return this.#schema;
  }

  get readObstacle(): VarveError | undefined {
    return readObstacle(this.protocol, this.metadata);
  }

  async appTransactions(): Promise<ReadonlyMap<string, TxnAction>> {
    return (await this.#head()).transactions;
  }

  async domainMetadata(): Promise<ReadonlyMap<string, DomainMetadataAction>> {
    return liveDomains(await this.#head());
  }

  async files(options: { readonly ignoreFeatures?: boolean } = {}): Promise<LiveFiles> {
    const obstacle = this.readObstacle;
    if (obstacle !== undefined && options.ignoreFeatures !== true) throw obstacle;
    this.#files ??= this.#load().catch((error: unknown) => {
      this.#files = undefined;
      throw error;
    });
    return this.#files;
  }

  async advance(listing: LogListing, options: ReadOptions): Promise<TableSnapshot> {
    const newer: TailFile[] = [];
    for (let version = this.version + 1; version <= listing.latest; version++) {
      const file = listing.commits.get(version);
      if (file === undefined) throw new TypeError(`varve internal error: commit ${version} is not in the listing`);
      newer.push({ from: version, to: version, file });
    }
    const added = await readTail(this.context.store, newer, options);
    const commit = listing.commits.get(listing.latest);
    const checksum = listing.checksums.get(listing.latest);
    const { checksum: _old, commit: _before, ...rest } = this.segment;
    const origin: Origin = {
      ...this.#origin,
      tail: [...this.#origin.tail, ...added],
      segment: {
        ...rest,
        version: listing.latest,
        tail: [...this.segment.tail, ...newer],
        ...(commit === undefined ? {} : { commit }),
        ...(checksum === undefined ? {} : { checksum }),
      },
    };
    const before: HeadState = { ...emptyHead, protocol: this.protocol, metadata: this.metadata };
    const head = replayHead(
      before,
      added.flatMap((part) => part.head),
    );
    const files = this.#files === undefined ? undefined : await this.#advanceFiles(this.#files, added, head);
    return finishSnapshot(this.context, origin, head, options, files);
  }

  async #advanceFiles(files: Promise<LiveFiles>, added: readonly TailPart[], head: HeadState): Promise<LiveFiles | undefined> {
    const { protocol = this.protocol, metadata = this.metadata } = head;
    const schema = metadata === this.metadata ? this.schema : parseSchema(metadata.schemaString);
    return advanceFiles(this.context, await files, added, { protocol, metadata, schema });
  }

  async #head(): Promise<HeadState> {
    const below = await this.#origin.checkpoint();
    return replayHead(
      replayHead(emptyHead, below?.actions ?? []),
      this.#origin.tail.flatMap((part) => part.head),
    );
  }

  /** Loads the files, doing without checkpoints and compactions that turn out to be damaged. */
  async #load(): Promise<LiveFiles> {
    const unusable = new Set(this.#origin.unusable);
    let { segment, tail, checkpoint } = this.#origin;
    for (;;) {
      try {
        return await loadFiles(this.context, { segment, tail, head: await checkpoint(), table: this }, this.context.fileLimits);
      } catch (error) {
        const path = unusablePath(error);
        if (path === undefined || unusable.has(path)) throw error;
        unusable.add(path);
        segment = await this.#otherSegment(unusable, error);
        tail = await readTail(this.context.store, segment.tail);
        checkpoint = checkpointReader(this.context, segment);
      }
    }
  }

  async #otherSegment(unusable: ReadonlySet<string>, damage: unknown): Promise<LogSegment> {
    const listing = await listLog(this.context.store, 0, this.version);
    try {
      return chooseSegment(listing, this.version, { unusable });
    } catch (error) {
      if (isVarveError(error, "VERSION_NOT_FOUND", "LOG_GAP")) throw damage;
      throw error;
    }
  }
}

function checkpointReader(context: TableContext, segment: LogSegment): () => Promise<CheckpointHead | undefined> {
  const { checkpoint } = segment;
  return once(async () => (checkpoint === undefined ? undefined : readCheckpointHead(context, checkpoint)));
}

async function commitTime(
  context: TableContext,
  origin: Origin,
  protocol: ProtocolAction,
  metadata: MetadataAction,
  options: ReadOptions,
): Promise<number> {
  const { segment, tail } = origin;
  const stored = inCommitTimestamps(protocol, metadata);
  if (segment.commit === undefined) return Math.max(0, ...(segment.checkpoint?.files ?? []).map((file) => file.modified));
  if (stored === undefined || segment.version < stored.version) return segment.commit.modified;
  const last = tail.at(-1);
  const head = last?.file.from === segment.version ? last.head : (await readCommit(context.store, segment.version, options)).filter(isHead);
  return inCommitTimestamp(head, segment.version);
}

/** A schema that cannot be read is no surprise where the table needs unknown features: their error says more. */
function schemaOf(protocol: ProtocolAction, metadata: MetadataAction): StructType | VarveError {
  try {
    return parseSchema(metadata.schemaString);
  } catch (error) {
    const obstacle = readObstacle(protocol, metadata);
    if (obstacle === undefined || !isVarveError(error, "SCHEMA_INVALID")) throw error;
    return obstacle;
  }
}

function missingState(action: "protocol" | "metaData", version: number): VarveError {
  return new VarveError(
    "LOG_CORRUPT",
    `The log up to version ${version} has no ${action} action: no reader can know what the table is. Its first commit or its checkpoint is damaged.`,
    { version, missing: action },
  );
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}
