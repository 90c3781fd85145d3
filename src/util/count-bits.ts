/** How many bits of a byte are set. */
export const bitsInByte = Uint8Array.from({ length: 256 }, (_, byte) => {
  let count = 0;
  for (let rest = byte; rest > 0; rest >>= 1) count += rest & 1;
  return count;
});

/** How many of the first `length` bits are set, the lowest bit of a byte first. */
export function countBits(bytes: Uint8Array, length: number): number {
  let count = 0;
  const whole = length >> 3;
  for (let index = 0; index < whole; index++) count += bitsInByte[bytes[index] ?? 0] ?? 0;
  const rest = (bytes[whole] ?? 0) & ((1 << (length & 7)) - 1);
  return count + (bitsInByte[rest] ?? 0);
}
