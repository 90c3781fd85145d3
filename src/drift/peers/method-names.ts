import { nearestName } from "../../util/nearest-name.ts";
import type { DriftKind } from "../profile/bins.ts";
import type { PeerType } from "./peer-column.ts";

const numbers = ["numeric"] as const;
const values = ["categorical"] as const;
const both = ["numeric", "categorical"] as const;
const texts = ["text"] as const;

/** A test or distance by rows: of varve, with scipy's definitions, or as another library computes it. */
export type DriftMethod =
  | "ks"
  | "wasserstein"
  | "energy"
  | "cramer_von_mises"
  | "anderson_darling"
  | "mann_whitney"
  | "t_welch"
  | "levene"
  | "epps_singleton"
  | "chi2"
  | "z"
  | "evidently.ks"
  | "evidently.wasserstein"
  | "evidently.jensenshannon"
  | "evidently.psi"
  | "evidently.kl_div"
  | "evidently.hellinger"
  | "evidently.ed"
  | "evidently.anderson"
  | "evidently.cramer_von_mises"
  | "evidently.mannw"
  | "evidently.t_test"
  | "evidently.es"
  | "evidently.empirical_mmd"
  | "evidently.chisquare"
  | "evidently.g_test"
  | "evidently.z"
  | "evidently.fisher_exact"
  | "evidently.TVD"
  | "evidently.perc_text_content_drift"
  | "evidently.abs_text_content_drift"
  | "nannyml.jensen_shannon"
  | "nannyml.hellinger"
  | "nannyml.kolmogorov_smirnov"
  | "nannyml.wasserstein"
  | "nannyml.chi2"
  | "nannyml.l_infinity"
  | "alibi.ks"
  | "alibi.cvm"
  | "alibi.chi2"
  | "alibi.fet"
  | "whylogs.KS"
  | "whylogs.Hellinger"
  | "whylogs.ChiSquare";

/** The types of columns that a method takes. */
const methodTypes: Readonly<Record<DriftMethod, readonly PeerType[]>> = {
  ks: numbers,
  wasserstein: numbers,
  energy: numbers,
  cramer_von_mises: numbers,
  anderson_darling: numbers,
  mann_whitney: numbers,
  t_welch: numbers,
  levene: numbers,
  epps_singleton: numbers,
  chi2: values,
  z: values,
  "evidently.ks": numbers,
  "evidently.wasserstein": numbers,
  "evidently.jensenshannon": both,
  "evidently.psi": both,
  "evidently.kl_div": both,
  "evidently.hellinger": both,
  "evidently.ed": numbers,
  "evidently.anderson": numbers,
  "evidently.cramer_von_mises": numbers,
  "evidently.mannw": numbers,
  "evidently.t_test": numbers,
  "evidently.es": numbers,
  "evidently.empirical_mmd": numbers,
  "evidently.chisquare": values,
  "evidently.g_test": values,
  "evidently.z": values,
  "evidently.fisher_exact": values,
  "evidently.TVD": values,
  "evidently.perc_text_content_drift": texts,
  "evidently.abs_text_content_drift": texts,
  "nannyml.jensen_shannon": both,
  "nannyml.hellinger": both,
  "nannyml.kolmogorov_smirnov": numbers,
  "nannyml.wasserstein": numbers,
  "nannyml.chi2": values,
  "nannyml.l_infinity": values,
  "alibi.ks": numbers,
  "alibi.cvm": numbers,
  "alibi.chi2": values,
  "alibi.fet": values,
  "whylogs.KS": numbers,
  "whylogs.Hellinger": numbers,
  "whylogs.ChiSquare": values,
};

export const driftMethods = Object.keys(methodTypes) as readonly DriftMethod[];

/** How columns of a kind may be given to a method, in order of preference. Others have none. */
const typesOfKind: Readonly<Partial<Record<DriftKind, readonly PeerType[]>>> = {
  numeric: ["numeric"],
  discrete: ["numeric", "categorical"],
  boolean: ["categorical"],
  category: ["categorical", "text"],
  text: ["text"],
};

/** As what a method takes a column of a kind; undefined if it does not. */
export function typeFor(method: DriftMethod, kind: DriftKind): PeerType | undefined {
  return typesOfKind[kind]?.find((type) => methodTypes[method].includes(type));
}

/** Kinds of columns that a method takes. */
export function kindsOf(method: DriftMethod): DriftKind[] {
  const kinds = Object.keys(typesOfKind) as DriftKind[];
  return kinds.filter((kind) => typeFor(method, kind) !== undefined);
}

/** Methods that take columns of a kind. */
export function methodsFor(kind: DriftKind): DriftMethod[] {
  return driftMethods.filter((method) => typeFor(method, kind) !== undefined);
}

export function isDriftMethod(name: unknown): name is DriftMethod {
  return typeof name === "string" && Object.hasOwn(methodTypes, name);
}

/** The method that a name was probably meant to be, whatever library it was looked for in. */
export function nearestMethods(name: string): DriftMethod[] {
  const short = (method: string) => method.slice(method.indexOf(".") + 1);
  const last = short(name).toLowerCase();
  const same = driftMethods.filter((method) => short(method).toLowerCase() === last);
  const nearest = nearestName(name, driftMethods);
  return same.length > 0 ? same : driftMethods.filter((method) => method === nearest);
}
