export type { CheckResult, GreatExpectationsResult, SampleRow } from "./quality/gate/verdict.ts";
export type { Level } from "./quality/model/expectation.ts";
export type { OnFail, Severity } from "./quality/model/suite.ts";
export { checkHtml } from "./report/check-html.ts";
export { checkJunit } from "./report/check-junit.ts";
export type { CheckReport, MetricPoint, MetricSeries, VersionTests } from "./report/check-report.ts";
export { reportJson } from "./report/check-report.ts";
export { checkText } from "./report/check-text.ts";
export type { JsonObject, JsonValue } from "./util/json.ts";
