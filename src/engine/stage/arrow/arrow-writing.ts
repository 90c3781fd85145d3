import type { Driver } from "../../core/driver.ts";

/** The engine's vectors that are written, and what may be written to them. */
export interface ArrowWriting {
  readonly driver: Driver;
  /** As many elements of lists, or bytes of texts, a vector may have. */
  readonly most: number;
  /** Bytes of texts and elements that were written. */
  bytes: number;
}

/** A chunk has more values below its rows than may be written at once. */
export class ChunkTooLarge extends Error {}
