/** What the process `marking-process.ts` is told, as its only argument in JSON. */
export interface MarkingJob {
  readonly uri: string;
  readonly writer: number;
  readonly writers: number;
  /** Number of rows of the table, whose column `id` counts them from 0. */
  readonly rows: number;
}

/** What a writer changed, printed when it ends. */
export interface MarkingReport {
  /** Changes that met a conflict, and were tried again. */
  readonly conflicts: number;
}

/** Whether a writer deletes a row of its share, or updates it: each does both by turns. */
export function isDeleted(id: number, writers: number): boolean {
  return Math.floor(id / writers) % 2 === 0;
}

/** Whether a writer changes a row of its share by a merge: every second of those that it deletes, and updates. */
export function isByMerge(id: number, writers: number): boolean {
  return Math.floor(id / writers) % 4 >= 2;
}
