import { generator } from "../support/generator.ts";

/** Choices that a seed determines. */
export interface Random {
  /** A whole number below `bound`. */
  readonly below: (bound: number) => number;
  readonly of: <T>(choices: readonly T[]) => T;
}

export function seeded(seed: number): Random {
  const next = generator(seed);
  const below = (bound: number) => Math.floor(next() * bound);
  return {
    below,
    of: (choices) => {
      const choice = choices[below(choices.length)];
      if (choice === undefined) throw new Error("nothing to choose from");
      return choice;
    },
  };
}
