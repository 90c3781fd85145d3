import type { EngineLimits } from "../../engine/core/turns.ts";
import type { AlterOptions } from "../../operations/alter/alter-options.ts";
import type { GenerateOptions } from "../../operations/generate.ts";
import type { OptimizeOptions } from "../../operations/optimize.ts";
import type { RestoreOptions } from "../../operations/restore.ts";
import type { S3Options } from "../../storage/s3/s3-options.ts";
import type { OptionKeys } from "./known-options.ts";
import type * as options from "./options.ts";

export const s3Keys = {
  endpoint: true,
  region: true,
  pathStyle: true,
  credentials: true,
  requesterPays: true,
  retry: { attempts: true, baseMilliseconds: true, capMilliseconds: true },
  idleTimeoutMilliseconds: true,
  partBytes: true,
  uploadConcurrency: true,
  pageSize: true,
} satisfies OptionKeys<S3Options>;

export const contextKeys = {
  s3: s3Keys,
  openStore: true,
  memoryLimit: true,
  threads: true,
  temporaryFolder: true,
  world: true,
  cache: { folder: true, maxBytes: true, graceMilliseconds: true, partBytes: true, concurrency: true },
  allowedPrefixes: true,
} satisfies OptionKeys<options.ContextOptions>;

export const openKeys = { ...contextKeys, at: true } satisfies OptionKeys<options.OpenOptions>;
export const fsckKeys = {
  ...contextKeys,
  version: true,
  data: true,
  orphans: true,
  deep: true,
  signal: true,
  onProgress: true,
} satisfies OptionKeys<options.FsckOptions>;

export const selectKeys = {
  columns: true,
  where: true,
  limit: true,
  rowTracking: true,
  exportFolder: true,
  signal: true,
} satisfies OptionKeys<options.SelectOptions>;
export const batchKeys = { ...selectKeys, batchRows: true } satisfies OptionKeys<options.BatchOptions>;
export const changesKeys = {
  from: true,
  to: true,
  exportFolder: true,
  signal: true,
} satisfies OptionKeys<options.ChangesOptions>;
export const tailKeys = {
  from: true,
  changes: true,
  follow: true,
  skipChangeCommits: true,
  ignoreDeletes: true,
  pollMilliseconds: true,
  maxFiles: true,
  signal: true,
} satisfies OptionKeys<options.TailOptions>;
export const historyKeys = {
  limit: true,
  batch: true,
  messageContains: true,
  checkFiles: true,
  signal: true,
} satisfies OptionKeys<options.HistoryOptions>;
export const rejectionsKeys = {
  limit: true,
  batch: true,
  messageContains: true,
  signal: true,
} satisfies OptionKeys<options.RejectionsOptions>;
export const diffKeys = { rows: true, key: true } satisfies OptionKeys<options.DiffOptions>;
export const diffRowsKeys = {
  key: true,
  limit: true,
  exportFolder: true,
  signal: true,
} satisfies OptionKeys<options.DiffRowsOptions>;
export const profileKeys = { columns: true } satisfies OptionKeys<options.ProfileOptions>;
export const profileSourceKeys = {
  ...profileKeys,
  s3: s3Keys,
} satisfies OptionKeys<options.ProfileSourceOptions>;
export const suggestKeys = {
  ...profileKeys,
  name: true,
  extended: true,
  holdout: true,
} satisfies OptionKeys<options.SuggestOptions>;
export const suggestSourceKeys = {
  ...suggestKeys,
  s3: s3Keys,
} satisfies OptionKeys<options.SuggestSourceOptions>;

export const batchWriteKeys = {
  gate: true,
  userMetadata: true,
  targetFileBytes: true,
  onProgress: true,
  signal: true,
} satisfies OptionKeys<options.BatchWriteOptions>;
export const schemaChangeKeys = {
  mergeSchema: true,
  upgradeProtocol: true,
} satisfies OptionKeys<options.SchemaChangeOptions>;

export const stageKeys = {
  ...batchWriteKeys,
  ...schemaChangeKeys,
  id: true,
} satisfies OptionKeys<options.StageOptions>;
export const stagedSqlKeys = { exportFolder: true } satisfies OptionKeys<options.StagedSqlOptions>;

export const alterKeys = {
  set: true,
  unset: true,
  addConstraints: true,
  dropConstraints: true,
  dropFeatures: true,
  truncateHistory: true,
  addColumns: true,
  renameColumns: true,
  dropColumns: true,
  alterColumns: true,
  clusterBy: true,
  partitionBy: true,
  description: true,
  upgradeProtocol: true,
  userMetadata: true,
  signal: true,
} satisfies OptionKeys<AlterOptions>;
export const optimizeKeys = {
  where: true,
  zorderBy: true,
  full: true,
  purge: true,
  targetFileBytes: true,
  minFileBytes: true,
  maxCommitBytes: true,
  dryRun: true,
  userMetadata: true,
  onProgress: true,
  signal: true,
} satisfies OptionKeys<OptimizeOptions>;
export const generateKeys = { signal: true } satisfies OptionKeys<GenerateOptions>;
export const restoreKeys = {
  dryRun: true,
  ignoreMissingFiles: true,
  userMetadata: true,
  signal: true,
} satisfies OptionKeys<RestoreOptions>;
export const vacuumKeys = {
  mode: true,
  retainHours: true,
  retentionCheck: true,
  forgetClones: true,
  inventory: true,
  dryRun: true,
  confirm: true,
  record: true,
  userMetadata: true,
  onProgress: true,
  signal: true,
} as const;
export const setSuiteKeys = {
  registerConstraints: true,
  upgradeProtocol: true,
  signal: true,
} satisfies OptionKeys<options.SetSuiteOptions>;
export const unsetSuiteKeys = { signal: true } satisfies OptionKeys<options.UnsetSuiteOptions>;
export const checkpointKeys = {
  kind: true,
  inlineLimit: true,
} satisfies OptionKeys<options.CheckpointOptions>;
export const cleanLogKeys = { dryRun: true } satisfies OptionKeys<options.CleanLogOptions>;
export const leftoversKeys = { before: true, dryRun: true } satisfies OptionKeys<options.LeftoversOptions>;
export const fingerprintKeys = { signal: true } satisfies OptionKeys<options.FingerprintOptions>;
export const mlflowKeys = { content: true, signal: true } satisfies OptionKeys<options.MlflowOptions>;
export const metricsKeys = { scope: true, columns: true } satisfies OptionKeys<options.MetricsOptions>;

export const selectionKeys = {
  ids: true,
  batchId: true,
  checkId: true,
  status: true,
} satisfies OptionKeys<options.QuarantineSelection>;
export const quarantineChangeKeys = {
  ...selectionKeys,
  all: true,
} satisfies OptionKeys<options.QuarantineChange>;
export const quarantineReadKeys = {
  ...selectionKeys,
  limit: true,
} satisfies OptionKeys<options.QuarantineReadOptions>;
export const purgeKeys = { before: true, dryRun: true } satisfies OptionKeys<options.PurgeOptions>;

export const engineLimitKeys = { sessions: true, memory: true } satisfies OptionKeys<EngineLimits>;
