/** Rows as numbers of bins, from 0 to 63, column by column. */
export interface BinnedColumn {
  readonly codes: Uint8Array;
  /** Bins with an order are split at a bound; others into any two groups. */
  readonly isOrdered: boolean;
}

/** Most bins of a column. */
export const mostBins = 64;

/** Settings of the boosting. */
export interface BoostingOptions {
  readonly trees: number;
  readonly depth: number;
  /** Rows that a leaf holds at least. */
  readonly leafRows: number;
  /** Share of each step that is taken. */
  readonly rate: number;
  /** `squared`: targets are numbers; `logistic`: they are 0 or 1, and values are log odds. */
  readonly loss: "squared" | "logistic";
}

/** Added to the weight of each leaf, so that few rows move little. */
const damping = 1;

/** A tree as a heap: the children of node i are 2i + 1 and 2i + 2. */
interface Tree {
  /** The column that a node asks about; −1 for a leaf. */
  readonly column: Int32Array;
  /** Whether a bin goes to the first child: node × 64 + bin. */
  readonly isFirst: Uint8Array;
  readonly value: Float64Array;
}

/** Gradient-boosted regression trees (Friedman 2001) over bins. */
export class BoostedTrees {
  readonly #start: number;
  readonly #trees: readonly Tree[];

  constructor(start: number, trees: readonly Tree[]) {
    this.#start = start;
    this.#trees = trees.map(levelled);
  }

  /** Values of the first `rows` rows: means, or log odds of the logistic loss. */
  values(columns: readonly Uint8Array[], rows: number): Float64Array {
    const values = new Float64Array(rows).fill(this.#start);
    // One column after the other, so that a step from node to node is two loads.
    const codes = new Uint8Array(columns.length * rows);
    for (const [index, column] of columns.entries()) codes.set(column.subarray(0, rows), index * rows);
    for (const { column, isFirst, value } of this.#trees) {
      const offsets = column.map((own) => own * rows);
      const inner = column.length >> 1;
      for (let row = 0; row < rows; row++) {
        let node = 0;
        while (node < inner) {
          const bin = codes[(offsets[node] ?? 0) + row] ?? 0;
          node = 2 * node + 2 - (isFirst[node * mostBins + bin] ?? 0);
        }
        values[row] = (values[row] ?? 0) + (value[node] ?? 0);
      }
    }
    return values;
  }
}

/** The same tree with all leaves on its last level: as many steps for each row run faster than as few as possible. */
function levelled({ column, isFirst, value }: Tree): Tree {
  const tree = { column: column.slice(), isFirst: isFirst.slice(), value: value.slice() };
  for (let node = 0; node < column.length >> 1; node++) {
    if ((tree.column[node] ?? -1) >= 0) continue;
    tree.column[node] = 0;
    tree.isFirst.fill(1, node * mostBins, (node + 1) * mostBins);
    tree.value[2 * node + 1] = tree.value[node] ?? 0;
  }
  return tree;
}

/** Fits trees to the rows named by `members`. The order of the rows does not matter but for rounding. */
export function boostedBins(
  columns: readonly BinnedColumn[],
  target: Float64Array,
  members: Int32Array,
  options: BoostingOptions,
): BoostedTrees {
  const mean = members.reduce((sum, row) => sum + (target[row] ?? 0), 0) / Math.max(1, members.length);
  const start = options.loss === "squared" ? mean : Math.log((mean + 1e-9) / (1 - mean + 1e-9));
  const fit = new BoostingFit(columns, target, Int32Array.from(members), { ...options, start });
  return new BoostedTrees(
    start,
    Array.from({ length: options.trees }, () => fit.nextTree()),
  );
}

/** Sums of one node by column and bin: gradients, weights, rows. */
interface Histogram {
  readonly gradients: Float64Array;
  readonly weights: Float64Array;
  readonly rows: Float64Array;
}

interface Split {
  readonly column: number;
  readonly gain: number;
  readonly isFirst: Uint8Array;
}

/** A node that may be split: its rows are members `from` to `to`. */
interface Open {
  readonly node: number;
  readonly from: number;
  readonly to: number;
  readonly histogram: Histogram;
}

class BoostingFit {
  readonly #columns: readonly BinnedColumn[];
  readonly #target: Float64Array;
  /** The rows, in the order of the leaves of the last tree. */
  readonly #members: Int32Array;
  readonly #options: BoostingOptions;
  readonly #values: Float64Array;
  readonly #gradients: Float64Array;
  readonly #weights: Float64Array;
  readonly #spare: Int32Array;

  constructor(
    columns: readonly BinnedColumn[],
    target: Float64Array,
    members: Int32Array,
    options: BoostingOptions & { readonly start: number },
  ) {
    this.#columns = columns;
    this.#target = target;
    this.#members = members;
    this.#options = options;
    this.#values = new Float64Array(target.length).fill(options.start);
    this.#gradients = new Float64Array(target.length);
    this.#weights = new Float64Array(target.length).fill(1);
    this.#spare = new Int32Array(members.length);
  }

  nextTree(): Tree {
    this.#derive();
    const nodes = 2 ** (this.#options.depth + 1) - 1;
    const tree: Tree = {
      column: new Int32Array(nodes).fill(-1),
      isFirst: new Uint8Array(nodes * mostBins),
      value: new Float64Array(nodes),
    };
    const all = this.#members.length;
    const open: Open[] = [{ node: 0, from: 0, to: all, histogram: this.#histogram(0, all) }];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      const isLast = 2 * next.node + 2 >= nodes;
      const split = isLast ? undefined : this.#bestSplit(next);
      if (split === undefined) this.#closeLeaf(tree, next);
      else for (const child of this.#divide(tree, next, split)) open.push(child);
    }
    return tree;
  }

  /** Gradient and weight of each row at its present value. */
  #derive(): void {
    const [values, target, gradients, weights] = [this.#values, this.#target, this.#gradients, this.#weights];
    const isSquared = this.#options.loss === "squared";
    for (const row of this.#members) {
      const wanted = target[row] ?? 0;
      if (isSquared) gradients[row] = wanted - (values[row] ?? 0);
      else {
        const chance = 1 / (1 + Math.exp(-(values[row] ?? 0)));
        gradients[row] = wanted - chance;
        weights[row] = chance * (1 - chance);
      }
    }
  }

  #histogram(from: number, to: number): Histogram {
    const size = this.#columns.length * mostBins;
    const [gradients, rows] = [new Float64Array(size), new Float64Array(size)];
    const isSquared = this.#options.loss === "squared";
    // Each row weighs 1 where the loss is squared.
    const weights = isSquared ? rows : new Float64Array(size);
    const [members, rowGradients, rowWeights] = [this.#members, this.#gradients, this.#weights];
    for (const [column, { codes }] of this.#columns.entries()) {
      const offset = column * mostBins;
      for (let index = from; index < to; index++) {
        const row = members[index] ?? 0;
        const cell = offset + (codes[row] ?? 0);
        gradients[cell] = (gradients[cell] ?? 0) + (rowGradients[row] ?? 0);
        rows[cell] = (rows[cell] ?? 0) + 1;
        if (!isSquared) weights[cell] = (weights[cell] ?? 0) + (rowWeights[row] ?? 0);
      }
    }
    return { gradients, weights, rows };
  }

  #bestSplit({ from, to, histogram }: Open): Split | undefined {
    if (to - from < 2 * this.#options.leafRows) return undefined;
    let best: Split | undefined;
    for (const column of this.#columns.keys()) {
      const split = this.#columnSplit(column, histogram, to - from);
      if (split !== undefined && split.gain > (best?.gain ?? 1e-9)) best = split;
    }
    return best;
  }

  /** The best two groups of a column's bins. */
  #columnSplit(column: number, { gradients, weights, rows }: Histogram, count: number): Split | undefined {
    const offset = column * mostBins;
    const bins: number[] = [];
    let [gradient, weight] = [0, 0];
    for (let bin = 0; bin < mostBins; bin++) {
      if ((rows[offset + bin] ?? 0) === 0) continue;
      bins.push(bin);
      gradient += gradients[offset + bin] ?? 0;
      weight += weights[offset + bin] ?? 0;
    }
    if (this.#columns[column]?.isOrdered === false) {
      const slope = (bin: number) => (gradients[offset + bin] ?? 0) / ((weights[offset + bin] ?? 0) + 10);
      bins.sort((a, b) => slope(a) - slope(b) || a - b);
    }
    const score = (sum: number, by: number) => sum ** 2 / (by + damping);
    let [before, beforeWeight, beforeRows, gain, cut] = [0, 0, 0, 0, -1];
    for (const [index, bin] of bins.entries()) {
      before += gradients[offset + bin] ?? 0;
      beforeWeight += weights[offset + bin] ?? 0;
      beforeRows += rows[offset + bin] ?? 0;
      if (beforeRows < this.#options.leafRows) continue;
      if (count - beforeRows < this.#options.leafRows) break;
      const better = score(before, beforeWeight) + score(gradient - before, weight - beforeWeight);
      if (better > gain) [gain, cut] = [better, index];
    }
    if (cut === -1) return undefined;
    const isFirst = new Uint8Array(mostBins);
    for (const bin of bins.slice(0, cut + 1)) isFirst[bin] = 1;
    // Bins that no row has go where the nearest one before them does.
    if (this.#columns[column]?.isOrdered) isFirst.fill(1, 0, bins[cut]);
    return { column, gain: gain - score(gradient, weight), isFirst };
  }

  /** Moves the rows of the first child before those of the second. */
  #divide(tree: Tree, { node, from, to, histogram }: Open, { column, isFirst }: Split): Open[] {
    tree.column[node] = column;
    tree.isFirst.set(isFirst, node * mostBins);
    const codes = this.#columns[column]?.codes;
    const [members, spare] = [this.#members, this.#spare];
    let [first, second] = [from, 0];
    for (let index = from; index < to; index++) {
      const row = members[index] ?? 0;
      if (isFirst[codes?.[row] ?? 0] === 1) members[first++] = row;
      else spare[second++] = row;
    }
    members.set(spare.subarray(0, second), first);
    const isSmaller = first - from <= second;
    const counted = isSmaller ? this.#histogram(from, first) : this.#histogram(first, to);
    const rest = less(histogram, counted);
    return [
      { node: 2 * node + 1, from, to: first, histogram: isSmaller ? counted : rest },
      { node: 2 * node + 2, from: first, to, histogram: isSmaller ? rest : counted },
    ];
  }

  #closeLeaf(tree: Tree, { node, from, to }: Open): void {
    const [members, gradients, weights, values] = [
      this.#members,
      this.#gradients,
      this.#weights,
      this.#values,
    ];
    let [gradient, weight] = [0, damping];
    for (let index = from; index < to; index++) {
      gradient += gradients[members[index] ?? 0] ?? 0;
      weight += weights[members[index] ?? 0] ?? 0;
    }
    const value = (this.#options.rate * gradient) / weight;
    tree.value[node] = value;
    for (let index = from; index < to; index++) {
      const row = members[index] ?? 0;
      values[row] = (values[row] ?? 0) + value;
    }
  }
}

/** The sums of the rows that are not in a part. */
function less(all: Histogram, part: Histogram): Histogram {
  const rows = minus(all.rows, part.rows);
  return {
    gradients: minus(all.gradients, part.gradients),
    weights: all.weights === all.rows ? rows : minus(all.weights, part.weights),
    rows,
  };
}

function minus(a: Float64Array, b: Float64Array): Float64Array {
  const difference = new Float64Array(a.length);
  for (let index = 0; index < a.length; index++) difference[index] = (a[index] ?? 0) - (b[index] ?? 0);
  return difference;
}
