import type { CompareCase } from "../drift-cases.ts";
import { compareAlibiColumns } from "./alibi.ts";
import { compareClassifier, compareDomainClassifier } from "./classifiers.ts";
import { compareLsdd } from "./lsdd.ts";
import { compareMmd } from "./mmd.ts";
import { compareReconstruction } from "./nannyml.ts";

/** Kind `drift_multivariate`: several columns at once, by method. */
export const multivariateMethods: Readonly<Record<string, CompareCase>> = {
  CVMDrift: compareAlibiColumns,
  ChiSquareDrift: compareAlibiColumns,
  ClassifierDrift: compareClassifier,
  FETDrift: compareAlibiColumns,
  LSDDDrift: compareLsdd,
  domain_classifier: compareDomainClassifier,
  KSDrift: compareAlibiColumns,
  MMDDrift: compareMmd,
  TabularDrift: compareAlibiColumns,
  reconstruction_error: compareReconstruction,
};
