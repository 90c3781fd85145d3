import type {
  EngineColumn,
  EngineRow,
  EngineSource,
  EngineValue,
  StageOptions,
} from "../../src/engine/core/contract.ts";
import type { Random } from "./random.ts";

/** One damaged source, as it is staged. */
export interface Trial {
  /** What was damaged, for the report. */
  readonly what: string;
  readonly bytes: Buffer;
  readonly source: EngineSource;
  readonly options?: StageOptions | undefined;
  /** @returns what varve reads differently from another reader of the same bytes; undefined for nothing */
  readonly judge: (read: RowsRead) => string | undefined | Promise<string | undefined>;
}

/** What varve reads of a source that it accepts. */
export interface RowsRead {
  readonly columns: readonly EngineColumn[];
  readonly rows: readonly EngineRow[];
  /** Cells that were set aside, for each row. */
  readonly badCells: readonly (readonly BadCellRead[])[];
}

/** A cell that was set aside, or, without a column, a line. */
export interface BadCellRead {
  readonly column: string | null;
  readonly text: string | null;
}

/** A kind of source with what is damaged and who judges. */
export interface SourceFormat {
  /** Ending of the source's file. */
  readonly ending: string;
  /** Whether each case needs a session of its own. */
  readonly isAlone?: boolean | undefined;
  /** Sources that are whole, which warm the process up: each is accepted and equal, unless it is null. */
  readonly whole: (file: string) => readonly (() => Trial)[];
  readonly trial: (file: string, random: Random) => Trial;
}

/** The engine's value as plain data, or undefined for what is no bad cell. */
export function badCellsOf(value: EngineValue | undefined): readonly BadCellRead[] {
  return Array.isArray(value) ? (value as readonly BadCellRead[]) : [];
}
