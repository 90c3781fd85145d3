import { assertInternal, isVarveError, VarveError } from "../../errors.ts";
import type {
  DomainMetadataAction,
  MetadataAction,
  ProtocolAction,
  TxnAction,
} from "../../protocol/actions.ts";
import { readObstacle, refuseCatalogManaged, validateProtocol } from "../../protocol/obstacles.ts";
import { parseSchema } from "../../schema/schema-json.ts";
import type { StructType } from "../../schema/types.ts";
import type { ReadOptions } from "../../storage/contract/object-store.ts";
import { type CheckpointHead, readCheckpointHead } from "../checkpoint/checkpoint-read.ts";
import { isSameHead, proveChecksum } from "../checksum/checksum-proof.ts";
import { readChecksumBase } from "../checksum/checksum-write.ts";
import type { LiveFiles, LogSnapshot, TableContext } from "../contract.ts";
import { advanceFiles, loadFiles } from "../replay/files-load.ts";
import { emptyHead, type HeadState, liveDomains, replayHead } from "../replay/log-state.ts";
import { findCommitTimestamp, inCommitTimestamp, inCommitTimestamps } from "../segment/commit-timestamp.ts";
import { addedParts, withoutBytes } from "../segment/kept-parts.ts";
import { type LogListing, listLog } from "../segment/listing.ts";
import { chooseSegment, isLong, type LogSegment, lostCheckpoint, type TailFile } from "../segment/segment.ts";
import { headsOf, readTail, type TailPart } from "../segment/tail-read.ts";
import { unusablePath } from "../segment/unusable.ts";

/** A {@link LogSnapshot} with what is needed to refresh it and to inspect its log. */
export interface TableSnapshot extends LogSnapshot {
  /** The files that the version is read from. */
  readonly segment: LogSegment;
  /** The snapshot of the listing's newest version; every commit after this one must be in the listing. */
  advance(listing: LogListing, options: ReadOptions): Promise<TableSnapshot>;
}

/** The source of a snapshot: the files of its log, read when first needed. */
interface Origin {
  readonly segment: LogSegment;
  /** Commits and compactions after the checkpoint, at the time when the table was opened. */
  readonly tail: (options?: ReadOptions) => Promise<readonly TailPart[]>;
  /** Commits that refreshing added. */
  readonly added: readonly TailPart[];
  /** Non-file actions of the checkpoint. */
  readonly checkpoint: () => Promise<CheckpointHead | undefined>;
  /** Files known to be unreadable. */
  readonly unusable: ReadonlySet<string>;
  /**
   * The checksum file from which protocol and metadata were taken, until the log itself was read and agreed.
   */
  readonly unconfirmed: string | undefined;
}

/**
 * Opens the version of a segment: from its checksum file if that saves much reading, else from the log.
 * PROTOCOL.md "Version Checksum File" and "State Validation": the state from a checksum file.
 *
 * @throws `CHECKPOINT_CORRUPT` with `path`, `LOG_CORRUPT` (with `compaction` if reading without that file may
 * help), `CATALOG_MANAGED`
 */
export async function openSnapshot(
  context: TableContext,
  segment: LogSegment,
  unusable: ReadonlySet<string>,
  options: ReadOptions,
): Promise<TableSnapshot> {
  const tail = kept((reading) => readTail(context.store, segment.tail, reading));
  const checkpoint = checkpointReader(context, segment);
  const origin: Origin = { segment, tail, added: [], checkpoint, unusable, unconfirmed: undefined };
  const longTail = isLong(segment.tail);
  const newer = longTail ? emptyHead : replayHead(emptyHead, headsOf(await tail(options)));
  if (newer.protocol !== undefined && newer.metadata !== undefined)
    return finishSnapshot(context, origin, newer, options);
  const { checksum } = segment;
  if (
    checksum !== undefined &&
    !unusable.has(checksum.path) &&
    (longTail || segment.checkpoint !== undefined)
  ) {
    const base = await readChecksumBase(context, segment.version, options);
    const proof = base === undefined ? "wrong" : await proveChecksum(context, base, segment, newer, options);
    if (base !== undefined && proof !== "wrong") {
      const unconfirmed = proof === "right" ? undefined : checksum.path;
      return finishSnapshot(context, { ...origin, unconfirmed }, { ...newer, ...base }, options);
    }
  }
  return finishSnapshot(context, origin, await wholeHead(origin, options), options);
}

/** Protocol, metadata, transactions and domains of the whole log. */
async function wholeHead(origin: Origin, options: ReadOptions = {}): Promise<HeadState> {
  const below = replayHead(emptyHead, (await origin.checkpoint())?.actions ?? []);
  return replayHead(replayHead(below, headsOf(await origin.tail(options))), headsOf(origin.added));
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
  /** Or the reason why it cannot be read. */
  readonly schema: StructType | VarveError;
  readonly timestamp: number;
}

class Snapshot implements TableSnapshot {
  readonly context: TableContext;
  readonly version: number;
  readonly timestamp: number;
  readonly protocol: ProtocolAction;
  readonly metadata: MetadataAction;
  readonly #schema: StructType | VarveError;
  #origin: Origin;
  #files: Promise<LiveFiles> | undefined;

  constructor(context: TableContext, origin: Origin, opened: Opened, files: LiveFiles | undefined) {
    this.context = context;
    this.version = origin.segment.version;
    this.timestamp = opened.timestamp;
    this.protocol = opened.protocol;
    this.metadata = opened.metadata;
    this.#schema = opened.schema;
    this.#origin = origin;
    this.#files = files === undefined ? undefined : Promise.resolve(files);
  }

  get segment(): LogSegment {
    return this.#origin.segment;
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

  async confirm(): Promise<void> {
    if (this.#origin.unconfirmed !== undefined) await this.#head();
  }

  async files(options: { readonly ignoreFeatures?: boolean | undefined } = {}): Promise<LiveFiles> {
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
      assertInternal(file !== undefined, `commit ${version} is not in the listing`);
      newer.push({ from: version, to: version, file });
    }
    const added = await readTail(this.context.store, newer, options);
    const before: HeadState = { ...emptyHead, protocol: this.protocol, metadata: this.metadata };
    const head = replayHead(before, headsOf(added));
    const files = this.#files === undefined ? undefined : await this.#advanceFiles(this.#files, added, head);
    // Once the files are loaded, these bytes are not read again.
    const parts = files === undefined ? added : added.map(withoutBytes);
    const segment = advanceSegment(this.segment, listing, newer);
    return finishSnapshot(
      this.context,
      { ...this.#origin, added: addedParts(this.#origin.added, parts), segment },
      head,
      options,
      files,
    );
  }

  async #advanceFiles(
    files: Promise<LiveFiles>,
    added: readonly TailPart[],
    head: HeadState,
  ): Promise<LiveFiles | undefined> {
    const { protocol = this.protocol, metadata = this.metadata } = head;
    const schema = metadata === this.metadata ? this.schema : parseSchema(metadata.schemaString);
    return advanceFiles(this.context, await files, added, { protocol, metadata, schema });
  }

  /**
   * The state of the whole log. @throws `CHECKSUM_MISMATCH` if the checksum file from which the table was
   * opened differs
   */
  async #head(): Promise<HeadState> {
    const head = await this.#reading((origin) => wholeHead(origin));
    const { unconfirmed } = this.#origin;
    if (unconfirmed === undefined) return head;
    const { protocol, metadata } = head;
    const same =
      protocol !== undefined &&
      metadata !== undefined &&
      isSameHead(protocol, this.protocol) &&
      isSameHead(metadata, this.metadata);
    if (!same) throw checksumMismatch(unconfirmed);
    this.#origin = { ...this.#origin, unconfirmed: undefined };
    return head;
  }

  async #load(): Promise<LiveFiles> {
    await this.confirm();
    const files = await this.#reading(async ({ segment, tail, added, checkpoint }) => {
      const parts = [...(await tail()), ...added];
      return loadFiles(
        this.context,
        { segment, tail: parts, head: await checkpoint(), table: this },
        this.context.fileLimits,
      );
    });
    const parts = (await this.#origin.tail()).map(withoutBytes);
    this.#origin = { ...this.#origin, tail: async () => parts, added: this.#origin.added.map(withoutBytes) };
    return files;
  }

  /** Reads the log without the checkpoints and compactions that turn out to be damaged. */
  async #reading<T>(read: (origin: Origin) => Promise<T>): Promise<T> {
    for (;;) {
      const { unusable } = this.#origin;
      try {
        return await read(this.#origin);
      } catch (error) {
        const path = unusablePath(error);
        if (path === undefined || unusable.has(path)) throw error;
        const without = new Set([...unusable, path]);
        const segment = await this.#otherSegment(without, error, path);
        const tail = kept((options) => readTail(this.context.store, segment.tail, options));
        const checkpoint = checkpointReader(this.context, segment);
        this.#origin = { ...this.#origin, segment, tail, added: [], checkpoint, unusable: without };
      }
    }
  }

  async #otherSegment(unusable: ReadonlySet<string>, damage: unknown, path: string): Promise<LogSegment> {
    const listing = await listLog(this.context.store, 0, this.version);
    try {
      return chooseSegment(listing, this.version, { unusable });
    } catch (error) {
      if (isVarveError(error, "VERSION_NOT_FOUND", "LOG_GAP"))
        throw lostCheckpoint(damage, path, listing, this.version);
      throw error;
    }
  }
}

function checkpointReader(
  context: TableContext,
  segment: LogSegment,
): () => Promise<CheckpointHead | undefined> {
  const { checkpoint } = segment;
  return kept(async () => (checkpoint === undefined ? undefined : readCheckpointHead(context, checkpoint)));
}

async function commitTime(
  context: TableContext,
  origin: Origin,
  protocol: ProtocolAction,
  metadata: MetadataAction,
  options: ReadOptions,
): Promise<number> {
  const { segment } = origin;
  const stored = inCommitTimestamps(protocol, metadata);
  const isStored = stored !== undefined && segment.version >= stored.version;
  if (segment.commit === undefined) {
    // A lagging listing may show the checkpoint before the commit, whose own time the next commit must
    // exceed.
    const unlisted = isStored
      ? await findCommitTimestamp(context.store, segment.version, options)
      : undefined;
    return unlisted ?? newestTime(segment.checkpoint?.files ?? []);
  }
  if (!isStored) return segment.commit.modified;
  const last =
    origin.added.at(-1) ?? (isLong(segment.tail) ? undefined : (await origin.tail(options)).at(-1));
  if (last?.file.from === segment.version) return inCommitTimestamp(last.head, segment.version);
  const time = await findCommitTimestamp(context.store, segment.version, options);
  if (time === undefined) throw removedWhileOpened(segment.version);
  return time;
}

function removedWhileOpened(version: number): VarveError {
  const message = `Log cleanup removed the commit of version ${version} while it was being opened. Open the table again.`;
  return new VarveError("LOG_GAP", message, { version });
}

/** The segment with newer commits after it. */
function advanceSegment(before: LogSegment, listing: LogListing, newer: readonly TailFile[]): LogSegment {
  const { checkpoint, tail } = before;
  const commit = listing.commits.get(listing.latest);
  const checksum = listing.checksums.get(listing.latest);
  return {
    version: listing.latest,
    tail: [...tail, ...newer],
    checkpoint,
    commit,
    checksum,
  };
}

function checksumMismatch(path: string): VarveError {
  return new VarveError(
    "CHECKSUM_MISMATCH",
    `The checksum file ${path} disagrees with the log about the protocol or the metadata: one of the two was changed by hand. The log is authoritative: delete ${path} and open the table again.`,
    { path },
  );
}

/**
 * If the table needs unknown features, an unreadable schema is no surprise, and the error about the features
 * says more.
 */
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
    `The log up to version ${version} has no ${action} action, so the table cannot be read. Its first commit or its checkpoint is damaged; restore it.`,
    { version, missing: action },
  );
}

/**
 * Computes a value on first use and keeps it. After a failure it is computed again the next time, because the
 * store may answer then, and a later reader has another signal.
 */
function kept<T>(make: (options: ReadOptions) => Promise<T>): (options?: ReadOptions) => Promise<T> {
  let made: Promise<T> | undefined;
  return (options = {}) => {
    made ??= make(options).catch((error: unknown) => {
      made = undefined;
      throw error;
    });
    return made;
  };
}

function newestTime(files: readonly { readonly modified: number }[]): number {
  return files.reduce((newest, { modified }) => Math.max(newest, modified), 0);
}
