export { type ErrorCode, type ErrorData, isVarveError, VarveError } from "./errors.ts";
export { type ContractCase, objectStoreCases } from "./storage/conformance/object-store-cases.ts";
export type { StoreUnderTest } from "./storage/conformance/store-under-test.ts";
export type {
  AbandonedOptions,
  ListOptions,
  ObjectInfo,
  ObjectStore,
  PutIfAbsentOutcome,
  ReadOptions,
} from "./storage/contract/object-store.ts";
export { checkPath, checkPrefix, compareUtf8, objectNotFound } from "./storage/contract/paths.ts";
export { temporaryStagingFolder } from "./storage/contract/staging.ts";
export { localDiskStore } from "./storage/local/local-disk-store.ts";
export { memoryStore } from "./storage/memory/memory-store.ts";
export { openStore, type StoreOptions } from "./storage/open-store.ts";
export type { RetryOptions, S3Credentials, S3Options } from "./storage/s3/s3-options.ts";
export { realWorld, type World } from "./util/world.ts";
