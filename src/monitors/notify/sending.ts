import type { TableContext } from "../../log/contract.ts";

/** A message on its way to a target. */
export interface Sending {
  readonly id: string;
  /** JSON, of one line. */
  readonly body: string;
  /** Whether an earlier run may have sent it and ended before it said so. */
  readonly isRepeat: boolean;
}

/** What sending needs. */
export interface SendContext {
  readonly table: TableContext;
  /** Variables of the environment. */
  readonly variables: Readonly<Record<string, string | undefined>>;
  /** Milliseconds for one attempt of a webhook; default 5,000. */
  readonly attemptMilliseconds?: number | undefined;
  /** Milliseconds for a command; default 30,000. */
  readonly commandMilliseconds?: number | undefined;
}

/** A message that did not reach its target; the text says why, as the end of a sentence and without secrets. */
export class SendFailure extends Error {
  constructor(why: string) {
    super(why);
    this.name = "SendFailure";
  }
}
