import { seededNumbers } from "../generator.ts";

/** A node that asks whether a feature is at most a bound, or a leaf with its value. */
type Node =
  | { readonly value: number }
  | { readonly feature: number; readonly bound: number; readonly low: Node; readonly high: Node };

/** Features column by column, with the target of each row. */
export interface TrainingRows {
  readonly features: readonly Float64Array[];
  readonly target: Float64Array;
}

/** Settings of one tree. */
export interface TreeOptions {
  readonly depth: number;
  /** Rows that a leaf holds at least. */
  readonly leafRows: number;
  /** Features that each split may choose from, drawn by `random`. */
  readonly featuresPerSplit: number;
  readonly random: () => number;
  /** Value of a leaf by the sum and the number of its rows' targets. */
  readonly leafValue: (rows: readonly number[]) => number;
}

/** Grows a regression tree over the rows named: each split lowers the squared error most. */
function growTree(rows: TrainingRows, members: readonly number[], options: TreeOptions): Node {
  const split = options.depth === 0 ? undefined : bestSplit(rows, members, options);
  if (split === undefined) return { value: options.leafValue(members) };
  const column = rows.features[split.feature] ?? new Float64Array();
  const isLow = (row: number) => (column[row] ?? 0) <= split.bound;
  const below = { ...options, depth: options.depth - 1 };
  return {
    ...split,
    low: growTree(rows, members.filter(isLow), below),
    high: growTree(
      rows,
      members.filter((row) => !isLow(row)),
      below,
    ),
  };
}

/** The value that a tree gives to a row of features. */
function treeValue(tree: Node, features: readonly ArrayLike<number>[], row: number): number {
  let node = tree;
  while ("low" in node) node = (features[node.feature]?.[row] ?? 0) <= node.bound ? node.low : node.high;
  return node.value;
}

interface Split {
  readonly feature: number;
  readonly bound: number;
}

function bestSplit(
  { features, target }: TrainingRows,
  members: readonly number[],
  { leafRows, featuresPerSplit, random }: TreeOptions,
): Split | undefined {
  const n = members.length;
  const total = members.reduce((sum, row) => sum + (target[row] ?? 0), 0);
  let [best, gain]: [Split | undefined, number] = [undefined, total ** 2 / n + 1e-12 * (1 + Math.abs(total))];
  for (const feature of drawn(features.length, featuresPerSplit, random)) {
    const column = features[feature] ?? new Float64Array();
    const sorted = [...members].sort((a, b) => (column[a] ?? 0) - (column[b] ?? 0));
    let sum = 0;
    for (let count = 1; count < n; count++) {
      const [row, next] = [sorted[count - 1] ?? 0, sorted[count] ?? 0];
      sum += target[row] ?? 0;
      if (count < leafRows || n - count < leafRows || column[row] === column[next]) continue;
      const value = sum ** 2 / count + (total - sum) ** 2 / (n - count);
      if (value > gain)
        [best, gain] = [{ feature, bound: middleOf(column[row] ?? 0, column[next] ?? 0) }, value];
    }
  }
  return best;
}

/** Between two values, and never the larger one. */
function middleOf(low: number, high: number): number {
  const middle = low + (high - low) / 2;
  return middle < high ? middle : low;
}

function drawn(all: number, count: number, random: () => number): readonly number[] {
  const order = Array.from({ length: all }, (_, index) => index);
  if (count >= all) return order;
  for (let index = 0; index < count; index++) {
    const other = index + Math.floor(random() * (all - index));
    [order[index], order[other]] = [order[other] ?? 0, order[index] ?? 0];
  }
  return order.slice(0, count);
}

/** A model that gives a row of features the probability of being of the second class. */
export type Classifier = (features: readonly ArrayLike<number>[], row: number) => number;

/** Random forest (Breiman 2001): 100 full trees on samples with replacement, √k of k features a split. */
export function randomForest(rows: TrainingRows, seed: number): Classifier {
  const random = seededNumbers(seed);
  const n = rows.target.length;
  const mean = (members: readonly number[]) =>
    members.reduce((sum, row) => sum + (rows.target[row] ?? 0), 0) / Math.max(1, members.length);
  const trees = Array.from({ length: 100 }, () =>
    growTree(
      rows,
      Array.from({ length: n }, () => Math.floor(random() * n)),
      {
        depth: 40,
        leafRows: 1,
        featuresPerSplit: Math.max(1, Math.floor(Math.sqrt(rows.features.length))),
        random,
        leafValue: mean,
      },
    ),
  );
  return (features, row) =>
    trees.reduce((sum, tree) => sum + treeValue(tree, features, row), 0) / trees.length;
}

/** Gradient boosting of the log loss (Friedman 2001): 100 trees of depth 5, 20 rows a leaf, a tenth of each step. */
export function boostedTrees(rows: TrainingRows, seed: number): Classifier {
  const random = seededNumbers(seed);
  const n = rows.target.length;
  const members = Array.from({ length: n }, (_, row) => row);
  const positive = rows.target.reduce((sum, value) => sum + value, 0) / n;
  const start = Math.log(Math.max(positive, 1e-9) / Math.max(1 - positive, 1e-9));
  const logits = new Float64Array(n).fill(start);
  const trees: Node[] = [];
  for (let step = 0; step < 100; step++) {
    const chance = logits.map(logistic);
    const residual = rows.target.map((value, row) => value - (chance[row] ?? 0));
    const newton = (leaf: readonly number[]) => {
      let [sum, weight] = [0, 1e-3];
      for (const row of leaf) {
        sum += residual[row] ?? 0;
        weight += (chance[row] ?? 0) * (1 - (chance[row] ?? 0));
      }
      return (0.1 * sum) / weight;
    };
    const tree = growTree({ features: rows.features, target: residual }, members, {
      depth: 5,
      leafRows: 20,
      featuresPerSplit: rows.features.length,
      random,
      leafValue: newton,
    });
    trees.push(tree);
    for (const row of members) logits[row] = (logits[row] ?? 0) + treeValue(tree, rows.features, row);
  }
  return (features, row) =>
    logistic(trees.reduce((sum, tree) => sum + treeValue(tree, features, row), start));
}

/** The logistic function. */
export function logistic(value: number): number {
  return 1 / (1 + Math.exp(-value));
}
