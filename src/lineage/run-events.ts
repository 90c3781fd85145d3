import type { TableContext } from "../log/contract.ts";
import type { RunRecord } from "../runs/run-record.ts";
import { stringifyJson } from "../util/json.ts";
import { datasetName, type EventDataset, inputDataset, outputDataset } from "./event-datasets.ts";
import { deliver, type EventReceiver } from "./event-receiver.ts";
import { runEvent } from "./run-event.ts";

export interface RunEventsOptions {
  readonly receiver: EventReceiver;
  /** Namespace of the jobs; default: `varve`. */
  readonly namespace?: string | undefined;
  /** Version of varve. */
  readonly version: string;
  /** Called with what went wrong with an event. */
  readonly onWarning: (message: string) => void;
  /** Milliseconds after which an attempt to send is given up; default 5,000. */
  readonly attemptMilliseconds?: number | undefined;
}

/**
 * Sends the events of one run. No failure ends the run: what goes wrong becomes a warning.
 *
 * The first event is sent while the run goes on; the last waits for it, so that they arrive in order.
 */
export class RunEvents {
  readonly #context: TableContext;
  readonly #options: RunEventsOptions;
  #inputs: Promise<readonly EventDataset[]> | undefined;
  #sent: Promise<void> = Promise.resolve();

  /** @param context one whose store options the tables of the run are opened with */
  constructor(context: TableContext, options: RunEventsOptions) {
    this.#context = context;
    this.#options = options;
  }

  /** Begins to send the event that says that a run has started. */
  started(run: RunRecord): void {
    this.#send(run);
  }

  /** Sends the event that says how a run ended, and waits for it. */
  async ended(run: RunRecord): Promise<void> {
    this.#send(run);
    await this.#sent;
  }

  #send(run: RunRecord): void {
    this.#inputs ??= this.#datasets(run.inputs, inputDataset);
    const inputs = this.#inputs;
    const outputs = this.#datasets(run.outputs, outputDataset);
    const before = this.#sent;
    this.#sent = (async () => {
      const parts = { inputs: await inputs, outputs: await outputs };
      await before;
      const { receiver, namespace = "varve", version, attemptMilliseconds } = this.#options;
      try {
        const event = runEvent(run, { ...parts, namespace, version });
        const { world } = this.#context;
        await deliver(receiver, stringifyJson(event), { world, attemptMilliseconds });
      } catch (error) {
        this.#warn(
          `The event that the run ${run.runId} is ${run.status} was not sent to ${receiver.name}`,
          error,
        );
      }
    })();
  }

  /** The datasets, those that cannot be read by their names alone. */
  async #datasets<T extends { readonly name: string; readonly table?: string | undefined }>(
    list: readonly T[],
    read: (context: TableContext, item: T) => Promise<EventDataset>,
  ): Promise<readonly EventDataset[]> {
    return Promise.all(
      list.map(async (item) => {
        try {
          return await read(this.#context, item);
        } catch (error) {
          this.#warn(`The events of the run say nothing of ${item.name} but its name`, error);
          const uri = item.table;
          const name = uri === undefined ? { namespace: "varve", name: item.name } : datasetName(uri);
          return { ...name, facets: {}, useFacets: {} };
        }
      }),
    );
  }

  #warn(what: string, error: unknown): void {
    this.#options.onWarning(
      `${what}: ${error instanceof Error ? error.message : String(error)}.`.replace(/\.\.$/, "."),
    );
  }
}
