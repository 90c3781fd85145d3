import { isGuarded } from "../../sources/address.ts";
import { networkFailure } from "../../sources/http-failure.ts";
import { postJson } from "../../sources/post-json.ts";
import type { NotifyTarget } from "../definition/definition.ts";
import { addLine } from "./add-line.ts";
import { runNotifier } from "./run-notifier.ts";
import { type SendContext, SendFailure, type Sending } from "./sending.ts";

/**
 * Sends a message to one target. A webhook gets its id as `Idempotency-Key`.
 *
 * @throws {@link SendFailure}, which names neither addresses nor what a receiver said
 */
export async function send(target: NotifyTarget, sending: Sending, context: SendContext): Promise<void> {
  switch (target.kind) {
    case "webhook":
      return post(target.webhook, sending, context);
    case "file":
      return addLine(target.file, sending, context);
    case "command":
      return runNotifier(target.command, sending, context);
  }
}

async function post(webhook: string, { id, body }: Sending, context: SendContext): Promise<void> {
  const url = addressOf(webhook, context.variables);
  const headers = { "idempotency-key": id };
  const { world } = context.table;
  const { attemptMilliseconds } = context;
  try {
    await postJson({ url, text: body, headers }, { world, attemptMilliseconds });
  } catch (error) {
    const failure = networkFailure(error);
    if (failure === undefined) throw error;
    const { status, code, what } = failure.details;
    // The system's own texts name addresses.
    const isSilent = code === "ETIMEDOUT";
    const other = isSilent ? "it did not answer in time" : `it cannot be reached (${code ?? "no answer"})`;
    throw new SendFailure(status === undefined ? other : what);
  }
}

/** The address of a webhook. @throws {@link SendFailure} */
function addressOf(webhook: string, variables: SendContext["variables"]): URL {
  const [, name] = /^env:(.*)$/s.exec(webhook) ?? [];
  const text = name === undefined ? webhook : variables[name];
  const where = name === undefined ? "the address" : `the variable ${name}`;
  if (text === undefined || text === "")
    throw new SendFailure(`${where} is not set; set it where monitors run`);
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !isGuarded(url))
    throw new SendFailure(`${where} holds neither an https address nor one of this machine`);
  return url;
}
