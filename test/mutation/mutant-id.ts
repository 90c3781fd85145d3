import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { relative } from "node:path";
import type { Location, Mutant } from "@stryker-mutator/api/core";

/** A mutant with what names it in any version of its file that has the same code there. */
export interface NamedMutant {
  readonly mutant: Mutant;
  readonly id: string;
  readonly file: string;
  readonly before: string;
}

/**
 * Names mutants by file, mutator, code and replacement, and counts equal ones: a line that moves keeps its
 * mutants' names.
 */
export function nameMutants(mutants: readonly Mutant[], root: string): NamedMutant[] {
  const texts = new Map<string, readonly string[]>();
  const seen = new Map<string, number>();
  return mutants.map((mutant) => {
    const file = relative(root, mutant.fileName);
    const lines = texts.get(file) ?? readFileSync(mutant.fileName, "utf8").split("\n");
    texts.set(file, lines);
    const before = codeAt(lines, mutant.location);
    const key = [file, mutant.mutatorName, before, mutant.replacement].join("\u0000");
    const index = seen.get(key) ?? 0;
    seen.set(key, index + 1);
    return { mutant, file, before, id: hash(`${key}\u0000${index}`) };
  });
}

/** The mutants in an order that depends on nothing but their names and the seed. */
export function shuffleMutants<M extends { readonly id: string }>(mutants: readonly M[], seed: number): M[] {
  const rank = new Map(mutants.map(({ id }) => [id, hash(`${seed}:${id}`)]));
  return [...mutants].sort((a, b) => ((rank.get(a.id) ?? "") < (rank.get(b.id) ?? "") ? -1 : 1));
}

/**
 * Of a run that was stopped, the mutants up to the last one that ran, in the order drawn. Those that no test
 * reaches are told at once, so that all results together would hold too many of them.
 */
export function reachedMutants<M extends { readonly id: string; readonly status: string }>(
  mutants: readonly M[],
  seed: number,
): M[] {
  const drawn = shuffleMutants(mutants, seed);
  return drawn.slice(0, drawn.findLastIndex(({ status }) => status !== "NoCoverage") + 1);
}

function hash(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 12);
}

function codeAt(lines: readonly string[], { start, end }: Location): string {
  if (start.line === end.line) return (lines[start.line] ?? "").slice(start.column, end.column);
  const middle = lines.slice(start.line + 1, end.line);
  return [
    (lines[start.line] ?? "").slice(start.column),
    ...middle,
    (lines[end.line] ?? "").slice(0, end.column),
  ].join("\n");
}
