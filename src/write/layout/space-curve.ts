/**
 * Curves that visit the cells of a grid of several dimensions one after the other, so that cells near each other on
 * the curve are near each other in the grid. A cell is given by its Morton code: the bits of its coordinates
 * interleaved, from the highest, the first dimension first.
 *
 * The Hilbert curve is that of C. Hamilton, "Compact Hilbert Indices" (2006), section 2, as a table: a state is the
 * entry point and the direction of the curve in a cube, and a step goes from a cube to one of its parts.
 */

/** The most dimensions that a Hilbert curve is made for: its table grows as 4 to that power. */
export const hilbertDimensions = 6;

/** The most entries of a table of steps, which is sent to the engine. */
const mostEntries = 24_576;

/** A Hilbert curve as steps from level to level of its cubes. */
export interface HilbertSteps {
  /** Bits of each coordinate. */
  readonly bits: number;
  /** Levels that one step takes at once. */
  readonly levels: number;
  /**
   * By `state << levels * dimensions | Morton code within the levels`: the next state and the index on the curve
   * within the levels, packed in the same way. The first state is 0.
   */
  readonly table: readonly number[];
}

/**
 * The steps of the Hilbert curve over coordinates of at least some bits.
 *
 * @param dimensions from 2 to {@link hilbertDimensions}
 */
export function hilbertSteps(dimensions: number, leastBits: number): HilbertSteps {
  const parts = 1 << dimensions;
  const states = dimensions * parts;
  let levels = 1;
  while (states * parts ** (levels + 1) <= mostEntries && levels < leastBits) levels++;
  const table: number[] = [];
  for (let state = 0; state < states; state++)
    for (let code = 0; code < parts ** levels; code++) {
      let [at, index] = [state, 0];
      for (let level = levels - 1; level >= 0; level--) {
        const step = hilbertStep(dimensions, at, (code >> (level * dimensions)) & (parts - 1));
        at = step.state;
        index = index * parts + step.index;
      }
      table.push(at * parts ** levels + index);
    }
  return { bits: Math.ceil(leastBits / levels) * levels, levels, table };
}

/** One level: the part of a cube at a corner, as its number on the curve, and the curve's state in it. */
function hilbertStep(
  dimensions: number,
  state: number,
  corner: number,
): { readonly state: number; readonly index: number } {
  const [entry, direction] = [Math.floor(state / dimensions), state % dimensions];
  const index = rankOfGray(rotateRight(corner ^ entry, direction + 1, dimensions));
  const nextEntry = entry ^ rotateLeft(entryOf(index), direction + 1, dimensions);
  const nextDirection = (direction + directionOf(index, dimensions) + 1) % dimensions;
  return { state: nextEntry * dimensions + nextDirection, index };
}

function entryOf(index: number): number {
  return index === 0 ? 0 : gray(2 * Math.floor((index - 1) / 2));
}

function directionOf(index: number, dimensions: number): number {
  if (index === 0) return 0;
  return trailingOnes(index % 2 === 0 ? index - 1 : index) % dimensions;
}

function trailingOnes(value: number): number {
  let count = 0;
  while ((value >> count) & 1) count++;
  return count;
}

function gray(rank: number): number {
  return rank ^ (rank >> 1);
}

function rankOfGray(code: number): number {
  let rank = code;
  for (let shift = 1; shift < 32; shift *= 2) rank ^= rank >> shift;
  return rank;
}

function rotateRight(value: number, by: number, width: number): number {
  const shift = by % width;
  return ((value >> shift) | (value << (width - shift))) & ((1 << width) - 1);
}

function rotateLeft(value: number, by: number, width: number): number {
  return rotateRight(value, width - (by % width), width);
}

/**
 * By each coordinate: its bits, set apart from each other by room for those of the other dimensions. The sum of
 * these, moved by the number of the dimension, is the Morton code.
 */
export function spreadBits(dimensions: number, bits: number): bigint[] {
  return Array.from({ length: 2 ** bits }, (_, coordinate) => {
    let spread = 0n;
    for (let bit = 0; bit < bits; bit++)
      if ((coordinate >> bit) & 1) spread |= 1n << BigInt(bit * dimensions);
    return spread;
  });
}
