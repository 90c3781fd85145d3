/** Entries that are kept in a process. */
const mostKept = 64;

/**
 * What was computed of versions, by keys that name everything it depends on: a version never changes. The oldest ones go
 * first, and one that failed is forgotten.
 */
export class VersionCache<T> {
  readonly #entries = new Map<string, Promise<T>>();

  /** The value of a key, computed once however many ask for it at a time. */
  get(key: string, compute: () => Promise<T>): Promise<T> {
    const known = this.#entries.get(key);
    if (known !== undefined) {
      this.#entries.delete(key);
      this.#entries.set(key, known);
      return known;
    }
    const value = compute();
    this.#entries.set(key, value);
    value.catch(() => {
      if (this.#entries.get(key) === value) this.#entries.delete(key);
    });
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= mostKept) break;
      this.#entries.delete(oldest);
    }
    return value;
  }
}
