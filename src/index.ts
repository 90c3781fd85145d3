export { type ConvertTableOptions, convertTable } from "./api/convert-table.ts";
export { createTable } from "./api/create-table.ts";
export { type DriftBaseline, type DriftSource, drift } from "./api/drift/drift.ts";
export type { DriftOptions, DriftSlice, DriftWindow } from "./api/drift/drift-options.ts";
export {
  type DriftBaselineOptions,
  type DriftCounts,
  type DriftCountsOptions,
  driftBaseline,
  driftCountsSql,
  driftOfCounts,
} from "./api/drift/stored-baseline.ts";
export { setEngineLimits } from "./api/engine-limits.ts";
export { fsck } from "./api/fsck.ts";
export type {
  AlertHistoryOptions,
  AlertListOptions,
  SilenceOptions,
  UnsilenceOptions,
} from "./api/groups/monitor-alerts.ts";
export { StagedRows } from "./api/groups/staged-rows.ts";
export type { TableFingerprints } from "./api/groups/table-fingerprints.ts";
export type { TableLog } from "./api/groups/table-log.ts";
export type { TableMetrics } from "./api/groups/table-metrics.ts";
export type {
  Monitor,
  MonitorBackfillOptions,
  MonitorBaselineResult,
  MonitorCreateOptions,
  MonitorOptions,
  MonitorPerformanceOptions,
  MonitorRebaselineOptions,
  MonitorResultsOptions,
  MonitorRunOptions,
  TableMonitors,
} from "./api/groups/table-monitors.ts";
export type { TablePins } from "./api/groups/table-pins.ts";
export type { TableQuarantine } from "./api/groups/table-quarantine.ts";
export type { TableRejections } from "./api/groups/table-rejections.ts";
export type { TableStaging } from "./api/groups/table-staging.ts";
export type { TableSuite } from "./api/groups/table-suite.ts";
export { parseJson, stringifyJson, toJsonValue } from "./api/json.ts";
export { createLedger, Ledger, type LedgerDiff, type LedgerDiffOptions, openLedger } from "./api/ledger.ts";
export { metricValue, metricValues } from "./api/metric-values.ts";
export {
  type ComparedModelOptions,
  type CompareModelsOptions,
  compareModels,
  type RecordedComparison,
} from "./api/models/compare.ts";
export { type EstimateOptions, estimate } from "./api/models/estimate.ts";
export { type EvaluateOptions, evaluate, type LateOutcomes } from "./api/models/evaluate.ts";
export { openTable } from "./api/open-table.ts";
export {
  type FeatureTable,
  type JoinedFeature,
  type PointInTimeJoin,
  type PointInTimeOptions,
  pointInTime,
} from "./api/point-in-time.ts";
export { profile, suggest } from "./api/profile.ts";
export { type QueryOptions, type QueryTable, query } from "./api/query.ts";
export type { RecordFromOptions, SourceInput } from "./api/records/asked-bulk.ts";
export { type LineageOptions, lineage } from "./api/records/lineage.ts";
export type {
  CommandDescription,
  MetricHistoryOptions,
  MetricRegressionOptions,
  MetricRunsOptions,
  OpenLineageOptions,
  RecordRunOptions,
  RunBasics,
  RunCommandOptions,
  RunDescription,
  RunInputOptions,
  RunOutputOptions,
} from "./api/records/run-options.ts";
export { openRuns, Runs, recordRun, runCommand } from "./api/records/runs.ts";
export { serializeSchema, typeText } from "./api/schema.ts";
export type { CloneOptions } from "./api/shared/clone-options.ts";
export type { MaintenanceReport, MaintenanceWarning } from "./api/shared/maintenance.ts";
export type {
  MergeAllColumns,
  MergeBuilder,
  MergeCondition,
  MergeInsert,
  MergeUpdate,
} from "./api/shared/merge-builder.ts";
export type { MergeOptions } from "./api/shared/merge-options.ts";
export type {
  ApplicationTransaction,
  BatchOptions,
  BatchWriteOptions,
  CacheOptions,
  ChangesOptions,
  CheckpointOptions,
  CleanLogOptions,
  ContextOptions,
  DiffOptions,
  DiffRowsOptions,
  FingerprintOptions,
  FsckOptions,
  HistoryOptions,
  LeftoversOptions,
  MetricsOptions,
  MlflowOptions,
  OpenOptions,
  ProfileOptions,
  ProfileSourceOptions,
  PurgeOptions,
  QuarantineChange,
  QuarantineReadOptions,
  QuarantineSelection,
  QuarantineStatus,
  RejectionsOptions,
  SchemaChangeOptions,
  SelectOptions,
  SetSuiteOptions,
  StagedSqlOptions,
  StageOptions,
  SuggestOptions,
  SuggestSourceOptions,
  TailOptions,
  UnsetSuiteOptions,
} from "./api/shared/options.ts";
export type { PinOptions } from "./api/shared/pin-options.ts";
export type { DeleteOptions, UpdateOptions } from "./api/shared/rewrite-options.ts";
export { runSql, type StatementOptions, type StatementTableInput } from "./api/shared/run-sql.ts";
export { runSuite } from "./api/shared/run-suite.ts";
export type { SchemaInput } from "./api/shared/schema-input.ts";
export { Snapshot, type TableDescription, type VerifyOptions } from "./api/shared/snapshot.ts";
export type {
  AppendOptions,
  AuditOptions,
  BatchCommitOptions,
  CheckTableOptions,
  CreateTableOptions,
  CsvSource,
  GateOptions,
  OpenedTable,
  OverwriteOptions,
  PublishOptions,
  ResubmitOptions,
  RunSuiteOptions,
  Source,
  SourceFile,
  SqlSource,
} from "./api/shared/table-options.ts";
export type { PinPoint, Timestamp, VersionArgument, VersionPoint } from "./api/shared/table-uri.ts";
export type { VacuumOptions } from "./api/shared/vacuum-options.ts";
export { Table } from "./api/table.ts";
export type { TableReader } from "./api/table-reader.ts";
export { type SinkCommit, type SinkOptions, TableSink } from "./api/table-sink.ts";
export type {
  CheckTrainingSetOptions,
  LeakageOptions,
  RecreateOptions,
  TrainingFeatureOptions,
  TrainingSetCheck,
  TrainingSetOptions,
  TrainingSplitOptions,
} from "./api/training/training-options.ts";
export {
  checkTrainingSet,
  readTrainingSetRecord,
  recreateTrainingSet,
  trainingSet,
} from "./api/training/training-set.ts";
export { summarizeVerdict } from "./api/verdict.ts";
export type {
  DriftBin,
  DriftDirection,
  DriftMethodAnswer,
  DriftReason,
  DriftRecord,
  DriftReport,
  DriftRole,
  DriftSide,
  DriftTest,
  DriftVerdict,
  ShareChange,
  SideSummary,
} from "./drift/comparison/drift-record.ts";
export type {
  CorrelationChange,
  Discrepancy,
  Magnitude,
  Multivariate,
  MultivariateMethod,
  Reconstruction,
} from "./drift/comparison/multivariate-record.ts";
export type {
  DriftMetric,
  DriftMetricInput,
  DriftMetricSide,
  DriftMetrics,
} from "./drift/comparison/plug-in-metrics.ts";
export type { Bracket } from "./drift/figures/cells.ts";
export type { DriftMethod } from "./drift/peers/method-names.ts";
export type { BinLabel } from "./drift/profile/binned.ts";
export type { DriftKind } from "./drift/profile/bins.ts";
export type { CsvOptions, EngineColumn, EngineRow, EngineValue, SourceRow } from "./engine/core/contract.ts";
export type { EngineLimits } from "./engine/core/turns.ts";
export { type ErrorCode, type ErrorData, isVarveError, VarveError } from "./errors.ts";
export type { ContentFingerprint } from "./fingerprint/content-fingerprint.ts";
export type { DifferingRows } from "./fingerprint/differing-rows.ts";
export type { VersionFingerprint } from "./fingerprint/fingerprint-records.ts";
export type { MlflowDataset } from "./fingerprint/mlflow-dataset.ts";
export type { FileFault, Verification } from "./fingerprint/verify.ts";
export type { FsckReport } from "./fsck/fsck.ts";
export type { Finding, FindingCode } from "./fsck/fsck-finding.ts";
export type { Lineage, LineageTable } from "./lineage/lineage.ts";
export type { Judgement, LineageCommit, LineageSuite } from "./lineage/lineage-commits.ts";
export type { LineagePredictions, PredictionGroup } from "./lineage/lineage-predictions.ts";
export type { LineageRun } from "./lineage/lineage-runs.ts";
export type { CheckpointSummary } from "./log/checkpoint/checkpoint-write.ts";
export type { CleanupReport } from "./log/maintenance/cleanup.ts";
export type { VersionMetrics } from "./metrics/metrics-store.ts";
export type { RecordedTransition } from "./monitors/alerts/alert-events.ts";
export type { AlertKey } from "./monitors/alerts/alert-key.ts";
export type { Alert } from "./monitors/alerts/alert-list.ts";
export type { AlertStatus, AlertTransition } from "./monitors/alerts/alert-states.ts";
export type { Silence, SilenceEnd } from "./monitors/alerts/silence.ts";
export type { AlertSelection } from "./monitors/alerts/silence-alerts.ts";
export type { MonitorsChange } from "./monitors/change-monitors.ts";
export type { AlertSeverity } from "./monitors/definition/definition.ts";
export type {
  HistoryThresholdJson,
  MonitorAlertJson,
  MonitorJson,
  MonitorPerformanceJson,
  MonitorThresholdsJson,
  OwnThresholdJson,
} from "./monitors/definition/monitor-json.ts";
export type { VersionOutcome } from "./monitors/evaluate-version.ts";
export type { Delivery } from "./monitors/notify/deliver-messages.ts";
export type { MonitorVerdict } from "./monitors/on-commit.ts";
export type { BackfillProgress, BackfillResult } from "./monitors/run-monitor.ts";
export type { MonitorAlerts, MonitorBackfill, MonitorRun, MonitorWarning } from "./monitors/settled-run.ts";
export type { EvaluationState, MonitorReport } from "./monitors/stores/monitor-record.ts";
export type {
  MonitoredEstimate,
  MonitoredMetric,
  PerformancePart,
  PerformanceReport,
  PerformanceState,
} from "./monitors/stores/performance-record.ts";
export type {
  AddedColumn,
  AlterOptions,
  AlterResult,
  ColumnAlteration,
} from "./operations/alter/alter-options.ts";
export type { SetSuiteResult } from "./operations/alter/set-suite.ts";
export type { CloneProgress } from "./operations/clone/deep-files.ts";
export type { CloneResult, CloneVerbOptions } from "./operations/clone.ts";
export type { ConvertOptions, ConvertResult } from "./operations/convert.ts";
export type { PropertyDifference, SchemaDifference, VersionDiff } from "./operations/diff.ts";
export type { RowDifference } from "./operations/diff-rows.ts";
export type { GenerateMode, GenerateOptions, GenerateResult } from "./operations/generate.ts";
export type { HistoryEntry } from "./operations/history.ts";
export type { OptimizeOptions, OptimizeResult } from "./operations/optimize.ts";
export type { RestoreOptions, RestoreResult } from "./operations/restore.ts";
export type { TailBatch } from "./operations/tail/tail.ts";
export type { TailPosition } from "./operations/tail/tail-position.ts";
export type { ComparedModel, ModelComparison } from "./performance/compare/comparison.ts";
export type { ComparisonVerdict, RuleResult } from "./performance/compare/gate.ts";
export type { ComparedPart, MetricComparison, PairedTest } from "./performance/compare/paired-parts.ts";
export type {
  ComparedProblem,
  ComparisonRequest,
  ComparisonRules,
  ModelColumns,
} from "./performance/compare/request.ts";
export {
  type DriftCause,
  type DriftCauseName,
  type DriftEvidence,
  driftCause,
} from "./performance/drift-cause.ts";
export type { ScoreCalibration } from "./performance/estimate-calibration.ts";
export type {
  BinaryMetric,
  ClassesMetric,
  EstimatedMetric,
  LossMetric,
} from "./performance/estimated-metrics.ts";
export type {
  Estimate,
  EstimatedValue,
  EstimatedWindow,
  EstimateMethod,
  EstimateRequest,
} from "./performance/estimation.ts";
export type { EvaluatedVersion, Evaluation } from "./performance/evaluation/evaluate.ts";
export type { Gain, PartEvaluation, ToldPart } from "./performance/evaluation/evaluation.ts";
export type { OutcomeJoin, OutcomesRequest } from "./performance/evaluation/outcomes.ts";
export type {
  EvaluationRequest,
  EvaluationWindow,
  Label,
  Problem,
} from "./performance/evaluation/request.ts";
export type { LedgerSelection } from "./performance/ledger-predictions.ts";
export type { LossModel } from "./performance/loss-models.ts";
export type { Confusion, ValueMatrix } from "./performance/metrics/confusion.ts";
export type { FairnessGap } from "./performance/metrics/fairness.ts";
export type { IsotonicStep } from "./performance/metrics/isotonic.ts";
export type { IntervalMethod, Metric, Metrics, UndefinedReason } from "./performance/metrics/metric.ts";
export type { CurvePoint, ReliabilityBin } from "./performance/metrics/score-fold.ts";
export type { Threshold } from "./performance/metrics/thresholds.ts";
export type { AddPinOptions, PinResult } from "./pins/add-pin.ts";
export type { CheckPinsOptions, PinCheck, PinProblem } from "./pins/check-pins.ts";
export type { PinCost } from "./pins/pin-cost.ts";
export type { Pin, PinKeep } from "./pins/reading/pin-record.ts";
export type { RemovedPin, RemovePinOptions } from "./pins/remove-pin.ts";
export type { CheckResult, GateVerdict, GreatExpectationsResult, SampleRow } from "./quality/gate/verdict.ts";
export type { AnomalyRule } from "./quality/measures/anomaly.ts";
export type { DistinctSketch } from "./quality/measures/distinct-sketch.ts";
export type { ColumnState, MetricState } from "./quality/measures/metric-state.ts";
export type { QuantileBucket, QuantileSketch } from "./quality/measures/quantile-sketch.ts";
export type { ValueFrequency } from "./quality/measures/value-frequencies.ts";
export type { ColumnClass } from "./quality/model/column.ts";
export type { Level } from "./quality/model/expectation.ts";
export type {
  Check,
  CheckJson,
  Escalation,
  OnFail,
  OnMisfit,
  OnNull,
  Repair,
  RowFunction,
  RowPredicate,
  RowRepair,
  Severity,
  Suite,
  SuiteJson,
} from "./quality/model/suite.ts";
export type { ValueCount } from "./quality/profile/histogram.ts";
export type { ColumnProfile, Profile, ReadableType } from "./quality/profile/profile.ts";
export type { HeldOutCheck, Holdout, SuggestedSuite } from "./quality/profile/suggest.ts";
export { check, type PatternOptions, suite } from "./quality/suite/builder.ts";
export type { Bounds, BuiltCheck, CheckOptions, Scalar } from "./quality/suite/built-check.ts";
export type { CheckConstraint } from "./quality/suite/constraints.ts";
export { defineSuite, parseSuite } from "./quality/suite/define.ts";
export type {
  CheckBaseline,
  CheckedModel,
  DriftCheckOptions,
  DriftShareOptions,
  MetricDropOptions,
  ModelCheckOptions,
} from "./quality/suite/model-builders.ts";
export type { QuarantinedBatch } from "./quarantine/quarantine-read.ts";
export type { ResubmitFailure, ResubmitResult } from "./quarantine/resubmit.ts";
export { type FileFormat, QueryResult } from "./query/query-result.ts";
export type { Rejection } from "./rejections/rejections.ts";
export type {
  CheckReport,
  MetricPoint,
  MetricSeries,
  VersionTests,
} from "./report/check-report.ts";
export type { AttributedDifference, Factor } from "./reproduce/attribute-difference.ts";
export type { RecordResult } from "./reproduce/commit-predictions.ts";
export type { OutputDifference, Tolerance } from "./reproduce/compare-outputs.ts";
export type { DiffPrograms, EvaluatedOutput, PredictionDiff } from "./reproduce/diff-predictions.ts";
export type { ModelRun } from "./reproduce/model-run.ts";
export type {
  Prediction,
  PredictionInput,
  PredictionModel,
  RecordedInput,
  RecordedPrediction,
} from "./reproduce/prediction.ts";
export type { RecordOptions } from "./reproduce/record-predictions.ts";
export type { ReproducedInput, ReproduceOptions, Reproduction } from "./reproduce/reproduce.ts";
export type { ModelCommand, ModelFunction } from "./reproduce/run-model.ts";
export type { Artifact, ArtifactState } from "./runs/artifact.ts";
export type { RegressionRule } from "./runs/metric-regression.ts";
export type { RunMetric } from "./runs/metric-series.ts";
export type { EarlierRun, MetricRegression, MetricVerdict } from "./runs/metric-verdict.ts";
export type { RunSelection } from "./runs/read-runs.ts";
export type { RecordedRun } from "./runs/record-run.ts";
export type { CommandOptions, CommandResult } from "./runs/run-command.ts";
export type { RunChange } from "./runs/run-differences.ts";
export type {
  GitState,
  RunEnvironment,
  RunInput,
  RunModel,
  RunOutput,
  RunRecord,
  RunStatus,
} from "./runs/run-record.ts";
export {
  arrayOf,
  type ColumnOptions,
  mapOf,
  SchemaBuilder,
  schema,
  type TypeInput,
} from "./schema/builder.ts";
export type { FieldPosition } from "./schema/change-fields.ts";
export type {
  ArrayType,
  DecimalType,
  DeltaType,
  FieldMetadata,
  MapType,
  PrimitiveName,
  StructField,
  StructType,
} from "./schema/types.ts";
export type { PublishResult } from "./staging/publish-staged.ts";
export type { StatementResult } from "./statements/contract.ts";
export type { Correction } from "./statistics/correction.ts";
export type {
  AbandonedOptions,
  ListOptions,
  ObjectInfo,
  ObjectStore,
  PutIfAbsentOutcome,
  ReadOptions,
} from "./storage/contract/object-store.ts";
export type { RetryOptions, S3Credentials, S3Options } from "./storage/s3/s3-options.ts";
export { CommitOutcomeUnknownError, type RecoveredCommit } from "./table/commit/commit-outcome.ts";
export { type ConflictCode, ConflictError } from "./table/commit/conflict-error.ts";
export type { TidyReport } from "./table/commit/log-maintenance.ts";
export type { ScanReport } from "./table/scan/scan.ts";
export type { Leakage, LeakageChecks } from "./training/leakage.ts";
export type {
  TrainingDefinition,
  TrainingFeature,
  TrainingInput,
  TrainingPart,
  TrainingSetRecord,
} from "./training/record.ts";
export type { TrainingSetFile } from "./training/set-files.ts";
export type { TrainingSplit } from "./training/split.ts";
export type { TrainingSet } from "./training/training-set.ts";
export type { JsonObject, JsonValue } from "./util/json.ts";
export { realWorld, type World } from "./util/world.ts";
export type {
  PinnedVersion,
  UnreachableClone,
  VacuumPlan,
  VacuumResult,
  VacuumSettings,
} from "./vacuum/contract.ts";
export type { VersionRange } from "./vacuum/file-history.ts";
export type { ColumnGain, LayoutGain } from "./write/layout/layout-gain.ts";
export type { LayoutKind } from "./write/layout/layout-plan.ts";
export type { MergeResult } from "./write/merge/merge-plan.ts";
export type {
  Compaction,
  QuarantinePlace,
  TypedColumnName,
  WriteProgress,
  WriteResult,
} from "./write/plan/write-options.ts";
export type { FileRowCount, RewriteProgress, RewriteResult } from "./write/rewrite/rewrite-plan.ts";
