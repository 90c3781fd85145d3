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
  Reconstruction,
} from "./drift/comparison/multivariate-record.ts";
export { driftJunit } from "./drift/drift-junit.ts";
export { driftText } from "./drift/drift-text.ts";
export type { Bracket } from "./drift/figures/cells.ts";
export { driftHtml } from "./drift/page/drift-html.ts";
export type {
  DriftPageOptions,
  ModelFigure,
  ModelPoint,
  ModelSeries,
  PageAlert,
  PageRelease,
} from "./drift/page/page-options.ts";
export type { DriftMethod } from "./drift/peers/method-names.ts";
export type { DriftKind } from "./drift/profile/bins.ts";
export type { ComparedModel, ModelComparison } from "./performance/compare/comparison.ts";
export { comparisonJunit } from "./performance/compare/comparison-junit.ts";
export type { ComparisonVerdict, RuleResult } from "./performance/compare/gate.ts";
export type { ComparedPart, MetricComparison, PairedTest } from "./performance/compare/paired-parts.ts";
export type { ComparedProblem } from "./performance/compare/request.ts";
export type { IntervalMethod, Metric, Metrics, UndefinedReason } from "./performance/metrics/metric.ts";
export type { CheckResult, GreatExpectationsResult, SampleRow } from "./quality/gate/verdict.ts";
export type { Level } from "./quality/model/expectation.ts";
export type { OnFail, Severity } from "./quality/model/suite.ts";
export { checkHtml } from "./report/check-html.ts";
export { checkJunit } from "./report/check-junit.ts";
export type { CheckReport, MetricPoint, MetricSeries, VersionTests } from "./report/check-report.ts";
export { reportJson } from "./report/check-report.ts";
export { checkText } from "./report/check-text.ts";
export type { Correction } from "./statistics/correction.ts";
export type { JsonObject, JsonValue } from "./util/json.ts";
