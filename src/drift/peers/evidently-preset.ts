import { type EvidentlyMethod, evidentlyAnswer, evidentlyChoice } from "./evidently.ts";
import type { PeerAnswer, PeerColumn } from "./peer-column.ts";

type ByType<T> = { readonly [type in PeerColumn["type"]]?: T | undefined };

/** Choices of Evidently's preset; a column's own choice comes before its type's, and that before the general one. */
export interface PresetOptions {
  readonly method?: EvidentlyMethod | undefined;
  readonly methodByType?: ByType<EvidentlyMethod> | undefined;
  readonly methodByColumn?: Readonly<Record<string, EvidentlyMethod>> | undefined;
  readonly threshold?: number | undefined;
  readonly thresholdByType?: ByType<number> | undefined;
  readonly thresholdByColumn?: Readonly<Record<string, number>> | undefined;
  /** Share of drifted columns from which on the whole counts as drifted; 0.5 by default. */
  readonly driftShare?: number | undefined;
}

/** What Evidently's preset says of several columns. */
export interface PresetAnswer {
  readonly columns: Readonly<Record<string, PeerAnswer>>;
  readonly driftedColumns: number;
  readonly driftedShare: number;
  readonly drifted: boolean;
}

export function evidentlyPreset(
  columns: Readonly<Record<string, PeerColumn>>,
  options: PresetOptions = {},
): PresetAnswer {
  const answers = Object.entries(columns).map(([name, column]) => {
    const method =
      options.methodByColumn?.[name] ??
      options.methodByType?.[column.type] ??
      options.method ??
      evidentlyChoice(column);
    const threshold =
      options.thresholdByColumn?.[name] ?? options.thresholdByType?.[column.type] ?? options.threshold;
    return [name, evidentlyAnswer(column, method, { threshold })] as const;
  });
  const driftedColumns = answers.filter(([, { drifted }]) => drifted).length;
  const driftedShare = answers.length === 0 ? 0 : driftedColumns / answers.length;
  return {
    columns: Object.fromEntries(answers),
    driftedColumns,
    driftedShare,
    drifted: driftedShare >= (options.driftShare ?? 0.5),
  };
}
