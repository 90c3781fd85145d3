import type { VersionFingerprint } from "../../fingerprint/fingerprint-records.ts";
import { knownOptions } from "../shared/known-options.ts";
import { fingerprintKeys } from "../shared/option-keys.ts";
import type { FingerprintOptions } from "../shared/options.ts";
import type { TableState } from "../shared/table-state.ts";

/** Fingerprints of a table's versions, kept in a Delta table below it: `table.fingerprints`. */
export class TableFingerprints {
  readonly #state: TableState;

  private constructor(state: TableState) {
    this.#state = state;
  }

  /** @internal Made by `Table`. */
  static of(state: TableState): TableFingerprints {
    return new TableFingerprints(state);
  }

  /**
   * Records both fingerprints of the version that this object saw last, and the sum of each of its files. The content
   * fingerprints of later versions then read only files that are new, and {@link Table.verify} has something to
   * compare with.
   *
   * @throws `DATA_FILE_MISSING`, `DATA_FILE_CORRUPT`
   *
   * @example
   * ```ts
   * const { version, state, content, rows } = await orders.fingerprints.record();
   * console.log(version, state, content, rows);
   * ```
   */
  async record(options: FingerprintOptions = {}): Promise<VersionFingerprint> {
    const known = knownOptions("fingerprints.record", options, fingerprintKeys);
    const { recordFingerprints } = await import("../../fingerprint/content-fingerprint.ts");
    return recordFingerprints(this.#state.log, known);
  }

  /**
   * Lists the recorded fingerprints, oldest version first. Writes nothing.
   *
   * @example
   * ```ts
   * for (const { version, content } of await orders.fingerprints.list()) console.log(version, content);
   * ```
   */
  async list(options: FingerprintOptions = {}): Promise<VersionFingerprint[]> {
    const known = knownOptions("fingerprints.list", options, fingerprintKeys);
    const { readVersionFingerprints } = await import("../../fingerprint/fingerprint-records.ts");
    return readVersionFingerprints(this.#state.log, known);
  }
}
