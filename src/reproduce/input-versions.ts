import type { LogSnapshot, TableContext } from "../log/contract.ts";
import { openLog } from "../log/snapshot/open-log.ts";
import { pinsByVersion } from "../pins/list-pins.ts";
import { openPin } from "../pins/open-pin.ts";
import { contextAt } from "../table/definition/open-context.ts";

/** Opens versions of tables, each once. */
export class InputVersions {
  readonly #ledger: TableContext;
  readonly #contexts = new Map<string, Promise<TableContext>>();
  readonly #versions = new Map<string, Promise<LogSnapshot>>();

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

  /** The URI of a table's store, which does not depend on the working folder. @throws `INVALID_URI` */
  async uriOf(table: string): Promise<string> {
    return (await this.#context(table)).store.uri;
  }

  /** Names of the pins of a version of a table, oldest first. @throws `INVALID_URI` */
  async pins(table: string, tableId: string, version: number): Promise<readonly string[]> {
    return (await pinsByVersion(await this.#context(table), tableId)).get(version) ?? [];
  }

  /** The version that a pin of a table keeps. @throws `PIN_NOT_FOUND`, errors of damaged logs */
  async openPin(table: string, name: string): Promise<LogSnapshot> {
    return (await openPin(await this.#context(table), name)).log;
  }

  #context(uri: string): Promise<TableContext> {
    const context = this.#contexts.get(uri) ?? contextAt(this.#ledger, uri);
    this.#contexts.set(uri, context);
    return context;
  }

  async #open(uri: string, version: number): Promise<LogSnapshot> {
    const snapshot = await openLog(await this.#context(uri), { version });
    if (snapshot.readObstacle !== undefined) throw snapshot.readObstacle;
    return snapshot;
  }
}
