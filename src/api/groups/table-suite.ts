import { VarveError } from "../../errors.ts";
import type { SetSuiteResult } from "../../operations/alter/set-suite.ts";
import type { Suite, SuiteJson } from "../../quality/model/suite.ts";
import type { SuggestedSuite } from "../../quality/profile/suggest.ts";
import type { CheckReport } from "../../report/check-report.ts";
import { knownOptions } from "../shared/known-options.ts";
import { setSuiteKeys, suggestKeys, unsetSuiteKeys } from "../shared/option-keys.ts";
import type { SetSuiteOptions, SuggestOptions, UnsetSuiteOptions } from "../shared/options.ts";
import { runSuite } from "../shared/run-suite.ts";
import { Snapshot } from "../shared/snapshot.ts";
import type { RunSuiteOptions } from "../shared/table-options.ts";
import type { TableState } from "../shared/table-state.ts";

/** The suite that a table carries: every write through varve is tested with it. `table.suite`. */
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
   * The suite that the table carries, or `undefined`.
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
   * Makes a suite part of the table in a commit of its own; history shows when tests changed.
   *
   * @throws `SUITE_INVALID` naming the path inside the suite; `CONSTRAINT_VIOLATED` for constraints that the
   * table's rows break; `UNSUPPORTED_FEATURE`, `CONFLICT_…`
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
   * Takes the suite and its constraints off the table, in a commit of its own.
   *
   * @throws `CONFLICT_…`
   *
   * @example
   * ```ts
   * await orders.suite.unset();
   * ```
   */
  async unset(options: UnsetSuiteOptions = {}): Promise<SetSuiteResult> {
    return this.#change(null, knownOptions("suite.unset", options, unsetSuiteKeys));
  }

  /**
   * Tests the rows that the table has now with the suite that it carries, and writes nothing.
   *
   * @throws `SUITE_INVALID` where the table carries none; as {@link runSuite}
   *
   * @example
   * ```ts
   * const { accepted, reasons } = await orders.suite.check();
   * console.log(accepted, reasons);
   * ```
   */
  async check(options: RunSuiteOptions = {}): Promise<CheckReport> {
    const snapshot = Snapshot.of(this.#state.log);
    const suite = await this.get();
    if (suite === undefined)
      throw new VarveError(
        "SUITE_INVALID",
        `${snapshot.uri} carries no suite. Set one with suite.set(), or test the rows with runSuite().`,
        { uri: snapshot.uri },
      );
    return runSuite(suite, snapshot, {
      ...options,
      name: options.name ?? `${snapshot.uri}@v${snapshot.version}`,
    });
  }

  /**
   * A suite made from the rows that the table has now, each check with its reason, ready to be edited.
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
    const { suggest } = await import("../../operations/profile.ts");
    return suggest(this.#state.log, known);
  }

  async #change(suite: SuiteJson | Suite | null, options: SetSuiteOptions): Promise<SetSuiteResult> {
    const { setSuite } = await import("../../operations/alter/set-suite.ts");
    return this.#state.committed(await setSuite(await this.#state.writable(), suite, options));
  }
}
