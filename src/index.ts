export { type CreateTableOptions, createTable, type SchemaInput } from "./api/create-table.ts";
export { type FsckOptions, fsck } from "./api/fsck.ts";
export { type OpenOptions, openTable } from "./api/open-table.ts";
export { profile, suggest } from "./api/profile.ts";
export { type QueryOptions, type QueryTable, query } from "./api/query.ts";
export { type RunSuiteOptions, runSuite } from "./api/run-suite.ts";
export type { Source, SqlSource } from "./api/source.ts";
export { type AuditOptions, type PublishOptions, StagedRows } from "./api/staged-rows.ts";
export { type ChangesRequest, Table } from "./api/table.ts";
export type { VersionArgument, VersionPoint } from "./api/table-uri.ts";
export { type SelectOptions, type TableDescription, TableVersion } from "./api/table-version.ts";
export type { AppendOptions, GateOptions, OverwriteOptions } from "./api/write-options.ts";
export { type EngineLimits, setEngineLimits } from "./engine/turns.ts";
export { type ErrorCode, type ErrorData, isVarveError, VarveError } from "./errors.ts";
export type { CheckpointOptions, CheckpointSummary } from "./log/checkpoint-write.ts";
export type { CleanupReport } from "./log/cleanup.ts";
export type { AlterOptions, AlterResult } from "./operations/alter.ts";
export type { DiffOptions, VersionDiff } from "./operations/diff.ts";
export type { FsckReport } from "./operations/fsck.ts";
export type { Finding, FindingCode } from "./operations/fsck-finding.ts";
export type { HistoryEntry, HistoryOptions } from "./operations/history.ts";
export type { VersionMetrics } from "./operations/metrics-store.ts";
export type { ProfileOptions } from "./operations/profile.ts";
export type { PublishResult } from "./operations/publish-staged.ts";
export type { QuarantinedBatch, QuarantineSelection } from "./operations/quarantine-read.ts";
export type { ResubmitOptions, ResubmitResult } from "./operations/resubmit.ts";
export type { SetSuiteOptions, SetSuiteResult } from "./operations/set-suite.ts";
export type { StageOptions } from "./operations/stage.ts";
export type { WriteProgress, WriteResult } from "./operations/write-options.ts";
export { type Bounds, type BuiltCheck, type CheckOptions, check, suite } from "./quality/builder.ts";
export { type CheckReport, type MetricSeries, reportJson, type VersionTests } from "./quality/check-report.ts";
export { defineSuite, parseSuite } from "./quality/define.ts";
export type { ColumnProfile, Profile } from "./quality/profile.ts";
export type { SuggestedSuite, SuggestOptions } from "./quality/suggest.ts";
export type {
  CheckJson,
  Escalation,
  OnFail,
  OnMisfit,
  OnNull,
  Repair,
  RowPredicate,
  RowRepair,
  Severity,
  Suite,
  SuiteJson,
} from "./quality/suite.ts";
export type { CheckResult, GateVerdict } from "./quality/verdict.ts";
export { QueryResult } from "./query/query-result.ts";
export { checkHtml } from "./report/check-html.ts";
export { checkJunit } from "./report/check-junit.ts";
export { checkText } from "./report/check-text.ts";
export { arrayOf, type ColumnOptions, mapOf, SchemaBuilder, schema } from "./schema/builder.ts";
export type { ArrayType, DecimalType, DeltaType, FieldMetadata, MapType, PrimitiveName, StructField, StructType } from "./schema/types.ts";
export { CommitOutcomeUnknownError } from "./table/commit-outcome.ts";
export { ConflictError } from "./table/conflict-error.ts";
export type { TidyReport, UpkeepReport, UpkeepWarning } from "./table/upkeep.ts";
export { realWorld, type World } from "./util/world.ts";
