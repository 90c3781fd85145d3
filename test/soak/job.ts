import { createHash } from "node:crypto";
import type { SuiteJson } from "../../src/quality/model/suite.ts";
import type { S3Options } from "../../src/storage/s3/s3-options.ts";
import { generator } from "../support/generator.ts";

/** What a process of the soak does, again and again. */
export type Role = "appender" | "overwriter" | "resubmitter" | "alterer" | "keeper" | "reader";

/** Time that runs faster for everybody, files included, so that logs expire within minutes. */
export interface FastTime {
  /** Milliseconds since 1970-01-01 UTC, real, at which both clocks agree but for `offset`. */
  readonly start: number;
  /** Milliseconds added to the real time at `start`. */
  readonly offset: number;
  readonly factor: number;
}

/** What a process is told, as its only argument in JSON. */
export interface Job {
  readonly role: Role;
  readonly name: string;
  readonly uri: string;
  readonly s3?: S3Options;
  /** Folder for copies of remote files and what is staged. */
  readonly temporary: string;
  readonly seed: number;
  readonly time: FastTime;
  /** Batches of this prefix are written, from number `next` on. */
  readonly batches: string;
  readonly next: number;
}

/** A line that a process prints. */
export type Event =
  | { readonly event: "try" | "rejected" | "given-up"; readonly batch: string }
  | { readonly event: "done"; readonly batch: string; readonly version: number; readonly repeated: boolean }
  | { readonly event: "ready" }
  | { readonly event: "read"; readonly version: number; readonly digest: string; readonly isNewest: boolean }
  | { readonly event: "worked"; readonly what: string; readonly count: number }
  | { readonly event: "error"; readonly code: string }
  | { readonly event: "fault"; readonly message: string };

/** One row as the appenders and overwriters write it. */
export interface Row {
  readonly [column: string]: string | number;
  readonly batch: string;
  readonly row: number;
  readonly part: string;
  readonly amount: number;
  readonly value: string;
}

export const millisecondsOf = ({ start, offset, factor }: FastTime, real: number): number =>
  start + offset + (real - start) * factor;

/** Rows below 0 are set aside, a row above a million rejects the batch whole. */
export const gate: SuiteJson = {
  name: "amounts",
  maxBadShare: 0.9,
  checks: [
    {
      kind: "expect_column_values_to_be_between",
      params: { column: "amount", min_value: 0 },
      onFail: "quarantine",
    },
    {
      kind: "expect_column_values_to_be_between",
      params: { column: "amount", max_value: 1_000_000 },
      onFail: "reject",
    },
  ],
};

/** What resubmitted rows have to pass: about half of those that were set aside. */
export const relaxed: SuiteJson = {
  name: "relaxed amounts",
  checks: [
    {
      kind: "expect_column_values_to_be_between",
      params: { column: "amount", min_value: lowestAmount() / 2 },
      onFail: "quarantine",
    },
  ],
};

function lowestAmount(): number {
  return -10;
}

/** The batch number `number` of a prefix; overwriters' prefixes begin with `o`. */
export const batchName = (prefix: string, number: number): string => `${prefix}-${number}`;

/** Whether the batch holds a row that rejects it whole. */
export const isRejected = (batch: string): boolean => batch.startsWith("a") && draw(batch) % 8 === 7;

/** The partitions that an overwriter's batch replaces. */
export function partsOf(batch: string): readonly string[] {
  const first = draw(batch) % 3;
  return draw(`${batch}?`) % 3 === 0 ? [`o${first}`, `o${(first + 1) % 3}`] : [`o${first}`];
}

/** The rows of a batch; any process can tell what they must be. */
export function rowsOf(batch: string): readonly Row[] {
  const random = generator(draw(batch));
  const count = 4 + Math.floor(random() * 20);
  const parts = batch.startsWith("o") ? partsOf(batch) : ["p0", "p1", "p2"];
  return Array.from({ length: count }, (_, row) => {
    const isBad = batch.startsWith("a") && random() < 0.25;
    const size = Math.floor(random() * 10);
    const amount = isRejected(batch) && row === 1 ? 5_000_000 : isBad ? lowestAmount() + size : size;
    return {
      batch,
      row,
      part: parts[row % parts.length] ?? "",
      amount,
      value: `${batch}/${row} ${"é✓".repeat(row % 5)}`,
    };
  });
}

/** A row as one text, to compare by. */
export const rowText = (row: Readonly<Record<string, unknown>>): string =>
  JSON.stringify([row["batch"], Number(row["row"]), row["part"], Number(row["amount"]), row["value"]]);

/** One text for many rows in whatever order. */
export function digestOf(rows: readonly string[]): string {
  return `${rows.length} rows ${createHash("sha256")
    .update([...rows].sort().join("\n"))
    .digest("hex")}`;
}

function draw(text: string): number {
  let hash = 2166136261;
  for (const character of text) hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 16777619) >>> 0;
  return (hash ^ (hash >>> 15)) >>> 0;
}
