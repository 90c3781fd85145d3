import type { Vector } from "@duckdb/node-bindings";
import type { Data } from "apache-arrow";
import type { ValueType } from "../core/value-type.ts";

/** Gathers the vectors of many chunks into one Arrow column. */
export interface ColumnCollector {
  /** Appends `count` values of a vector: the first ones, or those that `indices` names. */
  append(vector: Vector, count: number, indices?: Uint32Array): void;
  /** The Arrow column gathered so far; the collector is empty again afterwards. */
  finish(): Data;
}

/** Makes the collector of a type below a nested one. */
export type CollectorOf = (type: ValueType) => ColumnCollector;
