import { VarveError } from "../errors.ts";
import type { LogSnapshot, TableContext } from "../log/contract.ts";
import { openLog } from "../log/snapshot/open-log.ts";
import { pinsByVersion } from "../pins/reading/list-pins.ts";
import { type OpenedPin, openPin } from "../pins/reading/open-pin.ts";
import { contextAt } from "../table/definition/open-context.ts";
import type { InputPlace } from "./prediction.ts";

/** Opens versions of tables, each once. */
export class InputVersions {
  readonly #ledger: TableContext;
  readonly #contexts = new Map<string, Promise<TableContext>>();
  readonly #versions = new Map<string, Promise<LogSnapshot>>();
  readonly #newest = new Map<string, Promise<LogSnapshot>>();
  readonly #pins = new Map<string, Promise<OpenedPin>>();
  readonly #times = new Map<string, Promise<LogSnapshot>>();

  /** @param ledger context whose store options, engine limits and clock the tables are opened with */
  constructor(ledger: TableContext) {
    this.#ledger = ledger;
  }

  /** @throws `INVALID_URI`, `NOT_A_TABLE`, `VERSION_NOT_FOUND`, errors of damaged logs */
  open(uri: string, version: number): Promise<LogSnapshot> {
    const key = `${version} ${uri}`;
    const opened = this.#versions.get(key) ?? this.#open(uri, version);
    this.#versions.set(key, opened);
    return opened;
  }

  /** The newest version of a table, the same in every call. @throws as {@link InputVersions.open} */
  openNewest(uri: string): Promise<LogSnapshot> {
    const opened = this.#newest.get(uri) ?? this.#open(uri);
    this.#newest.set(uri, opened);
    return opened;
  }

  /** The URI of a table's store, which does not depend on the working folder. @throws `INVALID_URI` */
  async uriOf(table: string): Promise<string> {
    return (await this.#context(table)).store.uri;
  }

  /**
   * An input's table by its URI and with the number of its version, which a pin or a time may name.
   *
   * @throws `INVALID_URI`, `PIN_NOT_FOUND`, `INVALID_ARGUMENT` for a time that has not come, errors of the log
   */
  async place<T extends InputPlace>(
    input: T,
  ): Promise<Omit<T, "knownAt"> & { readonly version: number; readonly pinName: string | undefined }> {
    const { knownAt, ...place } = input;
    const { table, version, pinName } = place;
    const uri = await this.uriOf(table);
    if (version !== undefined) return { ...place, table: uri, version, pinName };
    if (pinName !== undefined)
      return { ...place, table: uri, version: (await this.#pin(uri, pinName)).pin.version, pinName };
    return { ...place, table: uri, version: await this.#versionAt(uri, knownAt ?? Number.NaN), pinName };
  }

  /** The version of an input; one that a pin names is read from the pin, which is a table with an id of its own. */
  async openPlace({
    table,
    version,
    pinName,
  }: {
    readonly table: string;
    readonly version: number;
    readonly pinName: string | undefined;
  }): Promise<{ readonly snapshot: LogSnapshot; readonly tableId: string }> {
    if (pinName === undefined) {
      const snapshot = await this.open(table, version);
      return { snapshot, tableId: snapshot.metadata.id };
    }
    const { pin, log } = await this.#pin(table, pinName);
    return { snapshot: log, tableId: pin.tableId };
  }

  /** Names of the pins of a version of a table, oldest first. @throws `INVALID_URI` */
  async pins(table: string, tableId: string, version: number): Promise<readonly string[]> {
    return (await pinsByVersion(await this.#context(table), tableId)).get(version) ?? [];
  }

  /** The version that a pin of a table keeps. @throws `PIN_NOT_FOUND`, errors of damaged logs */
  async openPin(table: string, name: string): Promise<LogSnapshot> {
    return (await this.#pin(table, name)).log;
  }

  async #pin(table: string, name: string): Promise<OpenedPin> {
    const key = JSON.stringify([table, name]);
    const opened = this.#pins.get(key) ?? openPin(await this.#context(table), name);
    this.#pins.set(key, opened);
    return opened;
  }

  async #versionAt(table: string, knownAt: number): Promise<number> {
    if (knownAt > this.#ledger.world.now())
      throw new VarveError(
        "INVALID_ARGUMENT",
        `The time ${new Date(knownAt).toISOString()} has not come yet, so the version of ${table} at it is not known. Name a time until now, or a version.`,
        { table, knownAt },
      );
    const key = `${knownAt} ${table}`;
    const found = this.#times.get(key) ?? openLog(await this.#context(table), { timestamp: knownAt });
    this.#times.set(key, found);
    return (await found).version;
  }

  #context(uri: string): Promise<TableContext> {
    const context = this.#contexts.get(uri) ?? contextAt(this.#ledger, uri);
    this.#contexts.set(uri, context);
    return context;
  }

  async #open(uri: string, version?: number): Promise<LogSnapshot> {
    const snapshot = await openLog(await this.#context(uri), { version });
    if (snapshot.readObstacle !== undefined) throw snapshot.readObstacle;
    return snapshot;
  }
}
