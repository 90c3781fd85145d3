/** Random orders as numpy's legacy generator gives them, so that peers' permutation tests come out the same. */
export interface LegacyGenerator {
  /** The next 32 random bits. */
  readonly next: () => number;
  /** A whole number from 0 to `count` − 1. */
  readonly below: (count: number) => number;
  /** The numbers from 0 to `count` − 1 in random order. */
  readonly permutation: (count: number) => number[];
}

const length = 624;

/** Matsumoto and Nishimura's MT19937, seeded by Knuth's recurrence, with Fisher and Yates' shuffle. */
export function legacyGenerator(seed: number): LegacyGenerator {
  return generatorFrom(stateOf(seed));
}

/** The same generator as Python's `random.Random(seed)` seeds it: by the key of one word. */
export function keyedGenerator(seed: number): LegacyGenerator {
  const state = stateOf(19650218);
  let index = 1;
  const mix = (factor: number, added: (at: number) => number) => {
    const previous = state[index - 1] ?? 0;
    const mixed = Math.imul(previous ^ (previous >>> 30), factor);
    state[index] = ((state[index] ?? 0) ^ mixed) + added(index);
    index++;
    if (index < length) return;
    state[0] = state[length - 1] ?? 0;
    index = 1;
  };
  for (let round = 0; round < length; round++) mix(1664525, () => seed);
  for (let round = 1; round < length; round++) mix(1566083941, (at) => -at);
  state[0] = 0x80000000;
  return generatorFrom(state);
}

function stateOf(seed: number): Uint32Array {
  const state = new Uint32Array(length);
  state[0] = seed;
  for (let i = 1; i < length; i++) {
    const previous = state[i - 1] ?? 0;
    state[i] = Math.imul(1812433253, previous ^ (previous >>> 30)) + i;
  }
  return state;
}

function generatorFrom(state: Uint32Array): LegacyGenerator {
  let position = length;
  const next = () => {
    if (position === length) {
      regenerate(state);
      position = 0;
    }
    let bits = state[position++] ?? 0;
    bits ^= bits >>> 11;
    bits ^= (bits << 7) & 0x9d2c5680;
    bits ^= (bits << 15) & 0xefc60000;
    return (bits ^ (bits >>> 18)) >>> 0;
  };
  return {
    next,
    below: (count) => atMost(count - 1, next),
    permutation: (count) => permutation(count, next),
  };
}

function regenerate(state: Uint32Array): void {
  for (let i = 0; i < length; i++) {
    const mixed = ((state[i] ?? 0) & 0x80000000) | ((state[(i + 1) % length] ?? 0) & 0x7fffffff);
    state[i] = (state[(i + 397) % length] ?? 0) ^ (mixed >>> 1) ^ (mixed & 1 ? 0x9908b0df : 0);
  }
}

function permutation(count: number, next: () => number): number[] {
  const order = Array.from({ length: count }, (_, index) => index);
  for (let index = count - 1; index > 0; index--) {
    const other = atMost(index, next);
    [order[index], order[other]] = [order[other] ?? 0, order[index] ?? 0];
  }
  return order;
}

/** A whole number from 0 to `most`: bits are drawn anew until they are not above. */
function atMost(most: number, next: () => number): number {
  const mask = 2 ** (32 - Math.clz32(most)) - 1;
  let value = (next() & mask) >>> 0;
  while (value > most) value = (next() & mask) >>> 0;
  return value;
}
