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
export { type EngineLimits, setEngineLimits } from "./engine/core/turns.ts";
export { type ErrorCode, type ErrorData, isVarveError, VarveError } from "./errors.ts";
export type { FsckReport } from "./fsck/fsck.ts";
export type { Finding, FindingCode } from "./fsck/fsck-finding.ts";
export type { CheckpointOptions, CheckpointSummary } from "./log/checkpoint/checkpoint-write.ts";
export type { CleanupReport } from "./log/maintenance/cleanup.ts";
export type { VersionMetrics } from "./metrics/metrics-store.ts";
export type { AlterOptions, AlterResult } from "./operations/alter/alter.ts";
export type { SetSuiteOptions, SetSuiteResult } from "./operations/alter/set-suite.ts";
export type { DiffOptions, VersionDiff } from "./operations/diff.ts";
export type { HistoryEntry, HistoryOptions } from "./operations/history.ts";
export type { ProfileOptions } from "./operations/profile.ts";
export { type CheckReport, type MetricSeries, reportJson, type VersionTests } from "./quality/gate/check-report.ts";
export type { CheckResult, GateVerdict } from "./quality/gate/verdict.ts";
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
} from "./quality/model/suite.ts";
export type { ColumnProfile, Profile } from "./quality/profile/profile.ts";
export type { SuggestedSuite, SuggestOptions } from "./quality/profile/suggest.ts";
export { type Bounds, type BuiltCheck, type CheckOptions, check, suite } from "./quality/suite/builder.ts";
export { defineSuite, parseSuite } from "./quality/suite/define.ts";
export type { QuarantinedBatch, QuarantineSelection } from "./quarantine/quarantine-read.ts";
export type { ResubmitOptions, ResubmitResult } from "./quarantine/resubmit.ts";
export { QueryResult } from "./query/query-result.ts";
export { checkHtml } from "./report/check-html.ts";
export { checkJunit } from "./report/check-junit.ts";
export { checkText } from "./report/check-text.ts";
export { arrayOf, type ColumnOptions, mapOf, SchemaBuilder, schema } from "./schema/builder.ts";
export type { ArrayType, DecimalType, DeltaType, FieldMetadata, MapType, PrimitiveName, StructField, StructType } from "./schema/types.ts";
export type { PublishResult } from "./staging/publish-staged.ts";
export type { StageOptions } from "./staging/stage.ts";
export { CommitOutcomeUnknownError } from "./table/commit/commit-outcome.ts";
export { ConflictError } from "./table/commit/conflict-error.ts";
export type { TidyReport, UpkeepReport, UpkeepWarning } from "./table/commit/upkeep.ts";
export { realWorld, type World } from "./util/world.ts";
export type { WriteProgress, WriteResult } from "./write/write-options.ts";
