/** Solution of a system of equations whose matrix is symmetric and positive, by elimination with pivots. */
export function solved(matrix: readonly (readonly number[])[], right: readonly number[]): number[] {
  const size = right.length;
  const rows = matrix.map((row, index) => [...row, right[index] ?? 0]);
  for (let pivot = 0; pivot < size; pivot++) {
    let best = pivot;
    for (let row = pivot + 1; row < size; row++)
      if (Math.abs(rows[row]?.[pivot] ?? 0) > Math.abs(rows[best]?.[pivot] ?? 0)) best = row;
    [rows[pivot], rows[best]] = [rows[best] ?? [], rows[pivot] ?? []];
    const by = rows[pivot] ?? [];
    for (let row = 0; row < size; row++) {
      const of = rows[row] ?? [];
      const factor = row === pivot ? 0 : (of[pivot] ?? 0) / (by[pivot] ?? 1);
      if (factor !== 0) for (let c = pivot; c <= size; c++) of[c] = (of[c] ?? 0) - factor * (by[c] ?? 0);
    }
  }
  return rows.map((row, index) => (row[size] ?? 0) / (row[index] ?? 1));
}
