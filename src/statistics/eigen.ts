/** A square matrix as rows. */
export type Matrix = readonly (readonly number[])[];

/** Eigenvalues of a symmetric matrix from the largest down, with a unit vector for each. */
export interface Eigen {
  readonly values: readonly number[];
  readonly vectors: Matrix;
}

/** Jacobi's method: turns pairs of axes until nothing is left off the diagonal. */
export function symmetricEigen(matrix: Matrix): Eigen {
  const size = matrix.length;
  const a = matrix.map((row) => [...row]);
  const v = matrix.map((_, r) => matrix.map((_, c) => (r === c ? 1 : 0)));
  for (let sweep = 0; sweep < 100; sweep++) {
    let off = 0;
    for (let p = 0; p < size; p++) for (let q = p + 1; q < size; q++) off += (a[p]?.[q] ?? 0) ** 2;
    if (off === 0) break;
    for (let p = 0; p < size; p++) for (let q = p + 1; q < size; q++) turn(a, v, p, q);
  }
  const order = a.map((row, index) => ({ value: row[index] ?? 0, index })).sort((x, y) => y.value - x.value);
  return {
    values: order.map(({ value }) => value),
    vectors: order.map(({ index }) => v.map((row) => row[index] ?? 0)),
  };
}

function turn(a: number[][], v: number[][], p: number, q: number): void {
  const apq = a[p]?.[q] ?? 0;
  if (apq === 0) return;
  const theta = ((a[q]?.[q] ?? 0) - (a[p]?.[p] ?? 0)) / (2 * apq);
  const t = (theta >= 0 ? 1 : -1) / (Math.abs(theta) + Math.hypot(theta, 1));
  const cosine = 1 / Math.hypot(t, 1);
  const sine = t * cosine;
  const mix = (row: number[] | undefined) => {
    if (row === undefined) return;
    const [x, y] = [row[p] ?? 0, row[q] ?? 0];
    row[p] = cosine * x - sine * y;
    row[q] = sine * x + cosine * y;
  };
  for (const row of a) mix(row);
  for (const row of v) mix(row);
  const [rowP, rowQ] = [a[p] ?? [], a[q] ?? []];
  for (let c = 0; c < rowP.length; c++) {
    const [x, y] = [rowP[c] ?? 0, rowQ[c] ?? 0];
    rowP[c] = cosine * x - sine * y;
    rowQ[c] = sine * x + cosine * y;
  }
  rowP[q] = 0;
  rowQ[p] = 0;
}

/** Moore and Penrose's inverse of a symmetric matrix, and its rank at the precision of doubles. */
export function pseudoInverse(matrix: Matrix): { readonly inverse: Matrix; readonly rank: number } {
  const { values, vectors } = symmetricEigen(matrix);
  // a hundred times the rounding of doubles, because matrices that are sums of products bring their own
  const limit =
    values.reduce((most, value) => Math.max(most, Math.abs(value)), 0) * matrix.length * 100 * Number.EPSILON;
  const kept = values.flatMap((value, index) => (Math.abs(value) > limit ? [{ value, index }] : []));
  const inverse = matrix.map((_, r) =>
    matrix.map((_, c) =>
      kept.reduce((sum, { value, index }) => {
        const vector = vectors[index] ?? [];
        return sum + ((vector[r] ?? 0) * (vector[c] ?? 0)) / value;
      }, 0),
    ),
  );
  return { inverse, rank: kept.length };
}
