import type { JsonObject } from "../../util/json.ts";
import type { CheckJson } from "../model/suite.ts";
import type { ColumnProfile } from "./profile.ts";

/** A check that the data suggests, and why. */
export interface Suggestion {
  readonly check: CheckJson;
  readonly reason: string;
}

/** What one rule suggests for a column, given the number of rows. */
export type SuggestionRule = (column: ColumnProfile, rows: number) => Suggestion | undefined;

/** A suggestion with the check's other members. */
export function suggestion(
  id: string,
  kind: string,
  params: JsonObject,
  reason: string,
  rest: Partial<CheckJson> = {},
): Suggestion {
  return { check: { id, kind, params, ...rest }, reason };
}

/** A share as a percentage with one fraction digit. */
export function percent(share: number): string {
  return `${Math.round(share * 1000) / 10} %`;
}
