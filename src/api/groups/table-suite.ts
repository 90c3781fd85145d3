import { VarveError } from "../../errors.ts";
import type { SetSuiteResult } from "../../operations/alter/set-suite.ts";
import type { Suite, SuiteJson } from "../../quality/model/suite.ts";
import type { SuggestedSuite } from "../../quality/profile/suggest.ts";
import type { CheckReport } from "../../report/check-report.ts";
import { knownOptions } from "../shared/known-options.ts";
import { setSuiteKeys, suggestKeys, unsetSuiteKeys } from "../shared/option-keys.ts";
import type { SetSuiteOptions, SuggestOptions, UnsetSuiteOptions } from "../shared/options.ts";
import { rehearse, runSuite } from "../shared/run-suite.ts";
import { Snapshot } from "../shared/snapshot.ts";
import { type CheckTableOptions, checkTableKeys } from "../shared/table-options.ts";
import type { TableState } from "../shared/table-state.ts";

/** The suite that a table carries, with which every write by varve is tested: `table.suite`. */
export class TableSuite {
  readonly #state: TableState;

  private constructor(state: TableState) {
    this.#state = state;
  }

  /** @internal Made by `Table`. */
  static of(state: TableState): TableSuite {
    return new TableSuite(state);
  }

  /**
   * Returns the suite that the table carries, or `undefined`.
   *
   * @example
   * ```ts
   * console.log((await orders.suite.get())?.checks.map(({ id }) => id));
   * ```
   */
  async get(): Promise<Suite | undefined> {
    const { carriedSuite } = await import("../../quality/suite/carried.ts");
    return carriedSuite(this.#state.log.metadata.configuration);
  }

  /**
   * Makes a suite part of the table, in a commit of its own, so that the history shows when the tests
   * changed.
   *
   * @throws `SUITE_INVALID` naming the path inside the suite; `CONSTRAINT_VIOLATED` if the table's rows break
   * a constraint; `UNSUPPORTED_FEATURE`, `CONFLICT_…`
   *
   * @example
   * ```ts
   * import { check, suite } from "varve";
   *
   * await orders.suite.set(suite("orders", [check.notNull("customer"), check.positive("amount")]));
   * ```
   */
  async set(suite: SuiteJson | Suite, options: SetSuiteOptions = {}): Promise<SetSuiteResult> {
    const known = knownOptions("suite.set", options, setSuiteKeys);
    if (typeof suite !== "object" || suite === null)
      throw new VarveError("SUITE_INVALID", "suite.set takes a suite. Call suite.unset to take one off.");
    return this.#change(suite, known);
  }

  /**
   * Removes the suite and its constraints from the table, in a commit of its own; a table without a suite stays
   * at its version.
   *
   * @throws `CONFLICT_…`
   *
   * @example
   * ```ts
   * await orders.suite.unset();
   * ```
   */
  async unset(options: UnsetSuiteOptions = {}): Promise<SetSuiteResult> {
    const known = knownOptions("suite.unset", options, unsetSuiteKeys);
    const { hasSuite } = await import("../../operations/alter/set-suite.ts");
    const newest = await this.#state.newest();
    if (!hasSuite(newest)) return { version: newest.version, constraints: [] };
    return this.#change(null, known);
  }

  /**
   * Tests the table's present rows with the suite that it carries, and writes nothing. With `source`, it tests
   * those rows instead, exactly as an append to the newest version would.
   *
   * @throws `SUITE_INVALID` if the table carries no suite; otherwise as {@link runSuite}; with `source`, also
   * `SCHEMA_MISMATCH` and `CONSTRAINT_VIOLATED`
   *
   * @example
   * ```ts
   * const { accepted, reasons } = await orders.suite.check();
   * console.log(accepted, reasons);
   *
   * const june = [{ id: 9n, customer: "acme", amount: 5 }];
   * console.log((await orders.suite.check({ source: june })).accepted);
   * ```
   */
  async check(options: CheckTableOptions = {}): Promise<CheckReport> {
    const { source, ...known } = knownOptions("suite.check", options, checkTableKeys);
    const log = source === undefined ? this.#state.log : await this.#state.newest();
    const suite = await this.get();
    if (suite === undefined)
      throw new VarveError(
        "SUITE_INVALID",
        `${log.context.store.uri} carries no suite. Set one with suite.set(), or test the rows with runSuite().`,
        { uri: log.context.store.uri },
      );
    if (source !== undefined) return rehearse(log, undefined, source, known);
    const snapshot = Snapshot.of(log);
    return runSuite(suite, snapshot, {
      ...known,
      name: known.name ?? `${snapshot.uri}@v${snapshot.version}`,
    });
  }

  /**
   * Suggests a suite for the table's present rows, ready to be edited, with a reason for each check.
   *
   * @example
   * ```ts
   * const { suite, reasons } = await orders.suite.suggest();
   * await orders.suite.set(suite);
   * console.log(reasons);
   * ```
   */
  async suggest(options: SuggestOptions = {}): Promise<SuggestedSuite> {
    const known = knownOptions("suite.suggest", options, suggestKeys);
    const { suggest } = await import("../../operations/suggest.ts");
    return suggest(this.#state.log, known);
  }

  async #change(suite: SuiteJson | Suite | null, options: SetSuiteOptions): Promise<SetSuiteResult> {
    const { setSuite } = await import("../../operations/alter/set-suite.ts");
    return this.#state.committed(await setSuite(await this.#state.writable(), suite, options));
  }
}
