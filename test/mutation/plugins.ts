import { appendFileSync } from "node:fs";
import type { Checker, CheckResult } from "@stryker-mutator/api/check";
import { CheckStatus } from "@stryker-mutator/api/check";
import type { Mutant, MutantResult } from "@stryker-mutator/api/core";
import type { Ignorer, NodePath } from "@stryker-mutator/api/ignore";
import { declareClassPlugin, declareValuePlugin, PluginKind } from "@stryker-mutator/api/plugin";
import type { MutationTestingPlanReadyEvent, Reporter } from "@stryker-mutator/api/report";
import { type NamedMutant, nameMutants, shuffleMutants } from "./mutant-id.ts";
import { type MutantEnd, type RunLine, strykerRun } from "./stryker-run.ts";

const root = process.cwd();
const ends: ReadonlySet<string> = new Set<MutantEnd>([
  "Killed",
  "Survived",
  "NoCoverage",
  "Timeout",
  "RuntimeError",
]);

/** Draws the sample: what it refuses counts nowhere, what it lets pass runs in the order drawn. */
class SampleChecker implements Checker {
  #drawn: ReadonlySet<string> = new Set();

  async init(): Promise<void> {}

  async group(mutants: Mutant[]): Promise<string[][]> {
    const drawn = drawSample(nameMutants(mutants, root)).map(({ mutant }) => mutant.id);
    this.#drawn = new Set(drawn);
    const rest = mutants.filter(({ id }) => !this.#drawn.has(id)).map(({ id }) => id);
    return [...drawn.map((id) => [id]), ...(rest.length === 0 ? [] : [rest])];
  }

  async check(mutants: Mutant[]): Promise<Record<string, CheckResult>> {
    return Object.fromEntries(
      mutants.map(({ id }): [string, CheckResult] => [
        id,
        this.#drawn.has(id)
          ? { status: CheckStatus.Passed }
          : { status: CheckStatus.CompileError, reason: "not drawn" },
      ]),
    );
  }
}

function drawSample(mutants: readonly NamedMutant[]): NamedMutant[] {
  const { only, sample, seed } = strykerRun();
  const wanted = only === undefined ? undefined : new Set(only);
  const eligible = wanted === undefined ? mutants : mutants.filter(({ id }) => wanted.has(id));
  return shuffleMutants(eligible, seed).slice(0, sample);
}

/**
 * Leaves out the words of errors: users see them, tests go by the code, and a mutant of a sentence says
 * nothing of the logic.
 */
const errorWords: Ignorer = {
  shouldIgnore(path: NodePath): string | undefined {
    const { node } = path as unknown as AstPath;
    for (
      let step: AstPath | undefined = path as unknown as AstPath;
      step !== undefined;
      step = step.parentPath
    ) {
      const { key, listKey, parent } = step;
      if (listKey === "arguments" && typeof key === "number") {
        const callee = parent?.callee?.name ?? "";
        const message =
          step.node === node &&
          ((isNewError(parent) && key === (callee === "Error" ? 0 : 1)) ||
            (callee === "assertInternal" && key > 0));
        const words =
          isSentence(node) && (isNewError(parent) || step.parentPath?.parent?.type === "ThrowStatement");
        return message || words ? "words of an error" : undefined;
      }
      if (!wordHolders.has(parent?.type ?? "")) return undefined;
    }
    return undefined;
  },
};

/** What may stand between a sentence and the call that makes an error of it. */
const wordHolders: ReadonlySet<string> = new Set([
  "ObjectProperty",
  "ObjectExpression",
  "ConditionalExpression",
  "LogicalExpression",
]);

/**
 * Leaves out what runs once, when a file is loaded: a mutant there needs all tests in a new process. Stryker
 * sees such code by itself, but not where one test loads the file again: it then asks that test alone.
 */
const loadedOnce: Ignorer = {
  shouldIgnore(path: NodePath): string | undefined {
    const { node } = path as unknown as AstPath;
    let step: AstPath | null | undefined = path as unknown as AstPath;
    for (; step !== undefined && step !== null; step = step.parentPath)
      if (runsLater(step.node)) return undefined;
    // What is ignored is so with all that is in it.
    return holdsFunction(node) ? undefined : "runs once, when the file is loaded";
  },
};

function runsLater({ type, static: isStatic }: AstNode): boolean {
  return (
    /Function|^(Object|Class(Private)?)Method$/.test(type) ||
    (/^Class(Private)?Property$/.test(type) && isStatic !== true)
  );
}

function holdsFunction(part: unknown): boolean {
  if (Array.isArray(part)) return part.some(holdsFunction);
  if (typeof part !== "object" || part === null || !("type" in part)) return false;
  return runsLater(part as AstNode) || Object.values(part).some(holdsFunction);
}

function isNewError(node: AstNode | undefined): boolean {
  return node?.type === "NewExpression" && (node.callee?.name ?? "").endsWith("Error");
}

/** Text with a space in it: no code, no name. */
function isSentence({ value, quasis = [] }: AstNode): boolean {
  return [value, ...quasis.map((part) => part.value.raw)].some(
    (text) => typeof text === "string" && text.includes(" "),
  );
}

/** The parts of Babel's syntax tree that are looked at. */
interface AstNode {
  readonly type: string;
  readonly value?: unknown;
  readonly quasis?: readonly { readonly value: { readonly raw: string } }[];
  readonly static?: boolean | undefined;
  readonly callee?: { readonly name?: string | undefined } | undefined;
}

interface AstPath {
  readonly key: string | number;
  readonly listKey?: string | undefined;
  readonly node: AstNode;
  readonly parent?: AstNode | undefined;
  readonly parentPath?: AstPath | undefined;
}

/** Writes each result down at once, so that a run which is stopped has not run in vain. */
class LineReporter implements Reporter {
  readonly #run = strykerRun();
  #names = new Map<string, NamedMutant>();
  #drawn = 0;
  #tested = 0;

  onMutationTestingPlanReady({ mutantPlans }: MutationTestingPlanReadyEvent): void {
    const runnable = mutantPlans.filter(({ plan }) => plan === "Run").map(({ mutant }) => mutant);
    const named = nameMutants(runnable, root);
    this.#names = new Map(named.map((entry) => [entry.mutant.id, entry]));
    this.#drawn = drawSample(named).length;
    this.#write({
      kind: "plan",
      mutants: runnable.length,
      drawn: this.#drawn,
      ignored: mutantPlans.length - runnable.length,
    });
    console.log(`${this.#run.group}: ${runnable.length} mutants, ${this.#drawn} drawn`);
  }

  onMutantTested(result: Readonly<MutantResult>): void {
    const named = this.#names.get(result.id);
    if (named === undefined || !ends.has(result.status)) return;
    this.#tested++;
    const { id, file, before } = named;
    const line = result.location.start.line + 1;
    const after = result.replacement ?? "";
    const status = result.status as MutantEnd;
    this.#write({ kind: "mutant", id, file, line, mutator: result.mutatorName, before, after, status });
    console.log(
      `[${this.#tested}/${this.#drawn}] ${status.padEnd(10)} ${file}:${line} ${result.mutatorName}`,
    );
  }

  #write(line: RunLine): void {
    appendFileSync(this.#run.results, `${JSON.stringify(line)}\n`);
  }
}

/** What Stryker loads from here. */
export const strykerPlugins = [
  declareClassPlugin(PluginKind.Checker, "sample", SampleChecker),
  declareValuePlugin(PluginKind.Ignore, "error-words", errorWords),
  declareValuePlugin(PluginKind.Ignore, "loaded-once", loadedOnce),
  declareClassPlugin(PluginKind.Reporter, "lines", LineReporter),
];
