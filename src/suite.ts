export { profile, suggest } from "./api/profile.ts";
export type {
  BatchOptions,
  FingerprintOptions,
  MlflowOptions,
  ProfileOptions,
  ProfileSourceOptions,
  SelectOptions,
  SuggestOptions,
  SuggestSourceOptions,
} from "./api/shared/options.ts";
export { runSuite } from "./api/shared/run-suite.ts";
export type { Snapshot, TableDescription, VerifyOptions } from "./api/shared/snapshot.ts";
export type {
  CsvSource,
  OpenedTable,
  RunSuiteOptions,
  Source,
  SourceFile,
  SqlSource,
} from "./api/shared/table-options.ts";
export type { CsvOptions, EngineColumn, EngineRow, EngineValue, SourceRow } from "./engine/core/contract.ts";
export { type ErrorCode, type ErrorData, isVarveError, VarveError } from "./errors.ts";
export type { ContentFingerprint } from "./fingerprint/content-fingerprint.ts";
export type { DifferingRows } from "./fingerprint/differing-rows.ts";
export type { MlflowDataset } from "./fingerprint/mlflow-dataset.ts";
export type { FileFault, Verification } from "./fingerprint/verify.ts";
export type { CheckResult, GreatExpectationsResult, SampleRow } from "./quality/gate/verdict.ts";
export type { AnomalyRule } from "./quality/measures/anomaly.ts";
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
export type { PatternOptions } from "./quality/suite/builder.ts";
export { check, suite } from "./quality/suite/builder.ts";
export type { Bounds, BuiltCheck, CheckOptions, Scalar } from "./quality/suite/built-check.ts";
export { defineSuite, parseSuite } from "./quality/suite/define.ts";
export type {
  CheckBaseline,
  CheckedModel,
  DriftCheckOptions,
  DriftShareOptions,
  MetricDropOptions,
  ModelCheckOptions,
} from "./quality/suite/model-builders.ts";
export type { FileFormat, QueryResult } from "./query/query-result.ts";
export type { CheckReport, MetricPoint, MetricSeries, VersionTests } from "./report/check-report.ts";
export { reportJson } from "./report/check-report.ts";
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
export type { RetryOptions, S3Credentials, S3Options } from "./storage/s3/s3-options.ts";
export type { ScanReport } from "./table/scan/scan.ts";
export type { JsonObject, JsonValue } from "./util/json.ts";
export type { WriteProgress } from "./write/plan/write-options.ts";
