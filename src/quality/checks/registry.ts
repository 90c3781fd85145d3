import type { Expectation } from "../model/expectation.ts";
import { aggregates } from "./aggregates.ts";
import { custom } from "./custom.ts";
import { distinct } from "./distinct.ts";
import { divergence } from "./divergence.ts";
import { drift } from "./drift.ts";
import { history } from "./history.ts";
import { modelMetrics } from "./model-metrics.ts";
import { nullness } from "./nullness.ts";
import { several } from "./several.ts";
import { shape } from "./shape.ts";
import { textChecks } from "./text.ts";
import { uniqueness } from "./uniqueness.ts";
import { values } from "./values.ts";

/** Every kind of check that a suite may name. */
export const expectations: ReadonlyMap<string, Expectation> = new Map(
  [
    nullness,
    values,
    several,
    textChecks,
    uniqueness,
    custom,
    shape,
    aggregates,
    distinct,
    divergence,
    history,
    drift,
    modelMetrics,
  ]
    .flat()
    .map((expectation) => [expectation.kind, expectation]),
);
