import type { JsonObject } from "../util/json.ts";

/**
 * The actions of a commit, PROTOCOL.md "Actions". Sizes and times are checked to be safe integers; row ids
 * and application versions are int64 and stay `bigint`. Unknown actions are dropped when read; unknown fields
 * are not carried over.
 */
export type Action =
  | AddAction
  | RemoveAction
  | CdcAction
  | MetadataAction
  | ProtocolAction
  | TxnAction
  | DomainMetadataAction
  | CommitInfoAction
  | CheckpointMetadataAction
  | SidecarAction;

/**
 * Identity of a logical file: `path` as in the log (percent-encoded URI), and the id of its deletion vector,
 * if any.
 */
export interface AddAction {
  readonly kind: "add";
  readonly path: string;
  readonly partitionValues: Readonly<Record<string, string | null>>;
  readonly size: number;
  readonly modificationTime: number;
  readonly dataChange: boolean;
  /** JSON text as it was read; parsed only where needed. */
  readonly stats?: string | undefined;
  readonly tags?: Readonly<Record<string, string | null>> | undefined;
  readonly deletionVector?: DeletionVectorDescriptor | undefined;
  readonly baseRowId?: bigint | undefined;
  readonly defaultRowCommitVersion?: bigint | undefined;
  readonly clusteringProvider?: string | undefined;
}

export interface RemoveAction {
  readonly kind: "remove";
  readonly path: string;
  readonly deletionTimestamp?: number | undefined;
  readonly dataChange: boolean;
  readonly extendedFileMetadata?: boolean | undefined;
  readonly partitionValues?: Readonly<Record<string, string | null>> | undefined;
  readonly size?: number | undefined;
  readonly stats?: string | undefined;
  readonly tags?: Readonly<Record<string, string | null>> | undefined;
  readonly deletionVector?: DeletionVectorDescriptor | undefined;
  readonly baseRowId?: bigint | undefined;
  readonly defaultRowCommitVersion?: bigint | undefined;
}

/** PROTOCOL.md "Deletion Vector Descriptor Schema". */
export interface DeletionVectorDescriptor {
  readonly storageType: "u" | "i" | "p";
  readonly pathOrInlineDv: string;
  readonly offset?: number | undefined;
  readonly sizeInBytes: number;
  readonly cardinality: number;
}

/** PROTOCOL.md "Add CDC File". */
export interface CdcAction {
  readonly kind: "cdc";
  readonly path: string;
  readonly partitionValues: Readonly<Record<string, string | null>>;
  readonly size: number;
  readonly dataChange: boolean;
  readonly tags?: Readonly<Record<string, string | null>> | undefined;
}

/** PROTOCOL.md "Change Metadata". */
export interface MetadataAction {
  readonly kind: "metaData";
  readonly id: string;
  readonly name?: string | undefined;
  readonly description?: string | undefined;
  readonly format: { readonly provider: string; readonly options: Readonly<Record<string, string>> };
  /** JSON text exactly as it was read; parsed by the schema layer. */
  readonly schemaString: string;
  readonly partitionColumns: readonly string[];
  readonly configuration: Readonly<Record<string, string>>;
  readonly createdTime?: number | undefined;
}

/** PROTOCOL.md "Protocol Evolution". */
export interface ProtocolAction {
  readonly kind: "protocol";
  readonly minReaderVersion: number;
  readonly minWriterVersion: number;
  readonly readerFeatures?: readonly string[] | undefined;
  readonly writerFeatures?: readonly string[] | undefined;
}

/** PROTOCOL.md "Transaction Identifiers". */
export interface TxnAction {
  readonly kind: "txn";
  readonly appId: string;
  readonly version: bigint;
  readonly lastUpdated?: number | undefined;
}

/** PROTOCOL.md "Domain Metadata". */
export interface DomainMetadataAction {
  readonly kind: "domainMetadata";
  readonly domain: string;
  readonly configuration: string;
  readonly removed: boolean;
}

/**
 * Free-form; the fields that varve reads are checked where they are read. PROTOCOL.md "Commit Provenance
 * Information".
 */
export interface CommitInfoAction {
  readonly kind: "commitInfo";
  readonly info: JsonObject;
}

/** PROTOCOL.md "Checkpoint Metadata". */
export interface CheckpointMetadataAction {
  readonly kind: "checkpointMetadata";
  readonly version: number;
  readonly tags?: Readonly<Record<string, string | null>> | undefined;
}

/** PROTOCOL.md "Sidecar File Information". */
export interface SidecarAction {
  readonly kind: "sidecar";
  readonly path: string;
  readonly sizeInBytes: number;
  readonly modificationTime: number;
}
