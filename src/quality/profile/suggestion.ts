import type { CheckJson } from "../model/suite.ts";
import type { ColumnProfile } from "./profile.ts";

/** A check that the data suggests, and why. */
export interface Suggestion {
  readonly check: CheckJson;
  readonly reason: string;
}

/** What one rule suggests for a column, given the number of rows. */
export type SuggestionRule = (column: ColumnProfile, rows: number) => Suggestion | undefined;
