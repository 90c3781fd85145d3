/** Whether a key is of a file outside the table's root. */
export function isAbsolute(key: string): boolean {
  return /^[a-z][a-z0-9+.-]*:\//.test(key);
}
