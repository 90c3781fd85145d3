import type { Command } from "commander";
import { addCompare } from "./compare.ts";
import { addEstimate } from "./estimate.ts";
import { addEvaluate } from "./evaluate.ts";

/** `varve model evaluate | estimate | compare`: how well models do. */
export function addModel(program: Command): void {
  const group = program
    .command("model")
    .summary("say how well a model does")
    .description(
      "Say how well a model does, from its predictions and the outcomes (spec/model-performance.md).",
    );
  addEvaluate(group);
  addEstimate(group);
  addCompare(group);
  group.addHelpText("afterAll", examples);
}

const examples = `
Examples:
  $ varve model evaluate scored.csv --problem binary --score risk --target late --by origin
  $ varve model evaluate scored.csv --problem regression --prediction expected --target delay --format json
  $ varve model evaluate predicted.csv --problem binary --score risk --target late --outcomes arrived.csv --on id
  $ varve model estimate predicted.csv --baseline known.csv --score risk --target late
  $ varve model estimate predicted.csv --baseline known.csv --problem regression --prediction expected --target delay
  $ varve model compare known.csv --challenger rescored.csv --on id --problem binary --score risk --target late`;
