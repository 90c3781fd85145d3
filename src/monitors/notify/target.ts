import { createHash } from "node:crypto";
import { shownPath } from "../../sources/address.ts";
import type { NotifyTarget } from "../definition/definition.ts";

/**
 * The name of a target in records and messages, which shows no secret: of an address only its origin, with a digest
 * that tells two of one origin apart, and of a command the program.
 */
export function targetName(target: NotifyTarget): string {
  switch (target.kind) {
    case "webhook":
      return target.webhook.startsWith("env:") ? `webhook ${target.webhook}` : addressName(target.webhook);
    case "file":
      return `file ${target.file}`;
    case "command":
      return `command ${target.command[0] ?? ""} ${digest(JSON.stringify(target.command))}`;
  }
}

function addressName(address: string): string {
  const origin = URL.canParse(address) ? new URL(address).origin : shownPath(address);
  return `webhook ${origin} ${digest(address)}`;
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 8);
}
