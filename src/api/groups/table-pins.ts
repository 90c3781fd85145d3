import { VarveError } from "../../errors.ts";
import type { PinResult } from "../../pins/add-pin.ts";
import type { CheckPinsOptions, PinCheck } from "../../pins/check-pins.ts";
import type { Pin } from "../../pins/reading/pin-record.ts";
import type { RemovedPin, RemovePinOptions } from "../../pins/remove-pin.ts";
import { openLog } from "../shared/lazy-log.ts";
import {
  type PinOptions,
  toCheckPinsOptions,
  toPinOptions,
  toRemovePinOptions,
} from "../shared/pin-options.ts";
import { Snapshot } from "../shared/snapshot.ts";
import type { TableState } from "../shared/table-state.ts";

/**
 * Versions that names keep, whatever a vacuum or a cleanup of the log deletes, by varve or by others: `table.pins`.
 *
 * Each pin is a Delta table of its own in `_pins/NAME` below the table. `openTable("path@name")` opens one.
 */
export class TablePins {
  readonly #state: TableState;

  private constructor(state: TableState) {
    this.#state = state;
  }

  /** @internal Made by `Table`. */
  static of(state: TableState): TablePins {
    return new TablePins(state);
  }

  /**
   * Keeps a version under a name. On local disk its files get a second name (a hard link), which takes no space until
   * the table deletes its own; elsewhere they are copied, on S3 by the server. With `keep: "reference"` nothing is
   * copied: varve's own vacuums leave the table's files alone, those of other programs do not. With `dryRun`, only says
   * what both cost.
   *
   * The pin appears when it is whole. After a crash, the same call finishes it; for a version that the name keeps
   * already, nothing is changed (`outcome: "alreadyPinned"`).
   *
   * @param name 1 to 128 of the characters `A-Z a-z 0-9 . _ -`, the first a letter or digit; not like a version or a
   * time
   * @throws `PIN_EXISTS` if the name keeps another version; `DATA_FILE_MISSING` naming files that are gone;
   * `INVALID_ARGUMENT`, `VERSION_NOT_FOUND`, `TIMESTAMP_OUT_OF_RANGE`, `UNSUPPORTED_FEATURE`, `CANCELLED`
   *
   * @example
   * ```ts
   * const { version, files, bytesCopied } = await orders.pins.add("model-7", { reason: "trained on it" });
   * console.log(version, files, bytesCopied);
   * ```
   */
  async add(name: string, options: PinOptions = {}): Promise<PinResult> {
    const { point, options: verbOptions } = toPinOptions(options);
    const { pin, log } = this.#state;
    if (pin !== undefined)
      throw new VarveError(
        "INVALID_ARGUMENT",
        `This table was opened at the pin ${pin.name}, which cannot be pinned again. Open the table itself.`,
        { name: pin.name },
      );
    const { addPin } = await import("../../pins/add-pin.ts");
    const source = point === undefined ? log : await openLog(log.context, point);
    return addPin(source, name, verbOptions);
  }

  /**
   * Lists the pins, oldest first.
   *
   * @example
   * ```ts
   * for (const { name, version, reason, expires } of await orders.pins.list())
   *   console.log(name, version, reason, expires);
   * ```
   */
  async list(): Promise<Pin[]> {
    const { listPins } = await import("../../pins/reading/list-pins.ts");
    return listPins(this.#state.log.context);
  }

  /**
   * Opens the version that a name keeps, for reading.
   *
   * @throws `PIN_NOT_FOUND` with the most similar name; `INVALID_ARGUMENT`, `LOG_CORRUPT`
   *
   * @example
   * ```ts
   * await orders.pins.add("before-fix");
   * const pinned = await orders.pins.open("before-fix"); // or openTable(`${orders.uri}@before-fix`)
   * console.log(await pinned.count());
   * ```
   */
  async open(name: string): Promise<Snapshot> {
    const { openPin } = await import("../../pins/reading/open-pin.ts");
    return Snapshot.of((await openPin(this.#state.log.context, name)).log);
  }

  /**
   * Removes a pin, or what an interrupted attempt to add one left behind. Its version stays readable while the table
   * has its files.
   *
   * @throws `PIN_NOT_FOUND`; `INVALID_ARGUMENT`, also for a pin whose files a shallow clone reads; `CANCELLED`
   *
   * @example
   * ```ts
   * await orders.pins.add("scratch");
   * const { outcome, files } = await orders.pins.remove("scratch");
   * console.log(outcome, files);
   * ```
   */
  async remove(name: string, options: RemovePinOptions = {}): Promise<RemovedPin> {
    const known = toRemovePinOptions("pins.remove", options);
    const { removePin } = await import("../../pins/remove-pin.ts");
    return removePin(this.#state.log.context, name, known);
  }

  /**
   * Removes the pins whose `expires` has passed. Nothing else removes them.
   *
   * @throws `INVALID_ARGUMENT` if the clock is behind the creation of a pin; `CANCELLED`
   *
   * @example
   * ```ts
   * for (const { name, version } of await orders.pins.removeExpired({ dryRun: true })) console.log(name, version);
   * ```
   */
  async removeExpired(options: RemovePinOptions = {}): Promise<RemovedPin[]> {
    const known = toRemovePinOptions("pins.removeExpired", options);
    const { removeExpiredPins } = await import("../../pins/remove-pin.ts");
    return removeExpiredPins(this.#state.log.context, known);
  }

  /**
   * Looks whether the files of all pins, or of one, are there with the right sizes. With `repair`, files come back from
   * the table where it still has them. With `deep`, rows are read and compared with the fingerprints that
   * `fingerprints.record` kept of the version.
   *
   * @throws `PIN_NOT_FOUND`, `INVALID_ARGUMENT`, `CANCELLED`
   *
   * @example
   * ```ts
   * for (const { name, state, problems } of await orders.pins.check({ repair: true }))
   *   console.log(name, state, problems.length);
   * ```
   */
  async check(options: CheckPinsOptions = {}): Promise<PinCheck[]> {
    const known = toCheckPinsOptions(options);
    const { checkPins } = await import("../../pins/check-pins.ts");
    return checkPins(this.#state.log.context, known);
  }
}
