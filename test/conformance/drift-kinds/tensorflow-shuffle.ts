import { keyedGenerator } from "../../../src/statistics/mersenne-twister.ts";

const word = 0xffffffffn;

/**
 * Random orders as TensorFlow's eager `shuffle` gives them after `set_seed(seed)`: each operation has a seed of its
 * own, from Python's generator, and draws from Philox 4×32 (Salmon et al. 2011). `skip` leaves out an operation.
 */
export function tensorflowShuffles(seed: number): {
  readonly shuffle: (count: number) => number[];
  readonly skip: () => void;
} {
  const { next } = keyedGenerator(seed);
  const operationSeed = () => {
    let value = next();
    while (value >= 2 ** 31) value = next();
    return value;
  };
  return {
    skip: () => void operationSeed(),
    shuffle: (count) => {
      const draw = philox(BigInt(seed), BigInt(operationSeed()));
      const order = Array.from({ length: count }, (_, index) => index);
      for (let index = 0; index < count - 1; index++) {
        const other = index + (draw() % (count - index));
        [order[index], order[other]] = [order[other] ?? 0, order[index] ?? 0];
      }
      return order;
    },
  };
}

/** The next 32 random bits of a counter-based generator. */
function philox(seed: bigint, operation: bigint): () => number {
  let [block, at] = [0n, 4];
  let bits: readonly bigint[] = [];
  return () => {
    if (at === 4) {
      bits = rounds(
        [block & word, block >> 32n, operation & word, operation >> 32n],
        [seed & word, seed >> 32n],
      );
      [block, at] = [block + 1n, 0];
    }
    return Number(bits[at++] ?? 0n);
  };
}

type Four = readonly [bigint, bigint, bigint, bigint];

function rounds(counter: Four, key: readonly [bigint, bigint]): Four {
  let [[a, b, c, d], [first, second]] = [counter, key];
  for (let round = 0; round < 10; round++) {
    const [left, right] = [0xd2511f53n * a, 0xcd9e8d57n * c];
    [a, b, c, d] = [(right >> 32n) ^ b ^ first, right & word, (left >> 32n) ^ d ^ second, left & word];
    [first, second] = [(first + 0x9e3779b9n) & word, (second + 0xbb67ae85n) & word];
  }
  return [a, b, c, d];
}
