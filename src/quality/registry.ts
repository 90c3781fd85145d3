import type { Expectation } from "./expectation.ts";
import { aggregates } from "./families/aggregates.ts";
import { custom } from "./families/custom.ts";
import { distinct } from "./families/distinct.ts";
import { divergence } from "./families/divergence.ts";
import { history } from "./families/history.ts";
import { nullness } from "./families/nullness.ts";
import { several } from "./families/several.ts";
import { shape } from "./families/shape.ts";
import { textChecks } from "./families/text.ts";
import { uniqueness } from "./families/uniqueness.ts";
import { values } from "./families/values.ts";

/** Every kind of check that a suite may name. */
export const expectations: ReadonlyMap<string, Expectation> = new Map(
  [nullness, values, several, textChecks, uniqueness, custom, shape, aggregates, distinct, divergence, history]
    .flat()
    .map((expectation) => [expectation.kind, expectation]),
);
