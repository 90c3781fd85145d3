/**
 * A Poisson draw with mean `rows` that depends on nothing but its seeds: how often a bootstrap replicate draws `rows`
 * rows that are alike. Above 30, a normal draw with the correction for skewness.
 */
export function poissonDraw(rows: number, replicate: number, cell: number, kind: number): number {
  if (rows === 0) return 0;
  const share = uniform(replicate, cell, kind);
  if (rows > 30) {
    const z = Math.sqrt(-2 * Math.log(share)) * Math.cos(2 * Math.PI * uniform(replicate, cell, kind + 101));
    return Math.max(0, Math.round(rows + Math.sqrt(rows) * z + (z ** 2 - 1) / 6));
  }
  let chance = noDraws[rows] ?? Math.exp(-rows);
  let below = chance;
  let draw = 0;
  while (share > below && draw < 200) {
    draw++;
    chance *= rows / draw;
    below += chance;
  }
  return draw;
}

/** Chance of no draw by the mean, from 0 to 30. */
const noDraws = Array.from({ length: 31 }, (_, rows) => Math.exp(-rows));

/** A number between 0 and 1, both excluded, from three whole numbers, by the finalizer of Murmur3. */
function uniform(first: number, second: number, third: number): number {
  let hash =
    Math.imul(first + 1, 0x9e3779b1) ^ Math.imul(second + 1, 0x85ebca77) ^ Math.imul(third + 1, 0xc2b2ae3d);
  for (let round = 0; round < 2; round++) {
    hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
    hash ^= hash >>> 16;
    hash = (hash + Math.imul(second + 1, 0x27d4eb2f)) | 0;
  }
  return ((hash >>> 0) + 0.5) / 4294967296;
}
