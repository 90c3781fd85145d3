import { VarveError } from "../../errors.ts";
import type { JsonValue } from "../../util/json.ts";
import { jsonOrProblem } from "./asked-values.ts";

const namePattern = /^[A-Za-z_][A-Za-z0-9_.-]{0,63}$/;

/** The name of an input or output; by default, one made of the last part of its address. @throws `INVALID_ARGUMENT` */
export function nameOfPart(verb: string, name: unknown, address: string): string {
  const text = name ?? nameOf(address);
  if (typeof text === "string" && namePattern.test(text)) return text;
  throw invalid(
    verb,
    `Invalid name of an input or output ${JSON.stringify(text) ?? typeof text}: a name begins with a letter or _, and has up to 64 letters A-Z a-z, digits, _ - and dots. Give it another name.`,
  );
}

function nameOf(address: string): string {
  const last = address.replace(/\/+$/, "").split("/").at(-1) ?? "";
  return last
    .replace(/@[^@]*$/, "")
    .replace(/[^A-Za-z0-9_.-]/g, "_")
    .replace(/^(?=[^A-Za-z_])/, "_")
    .slice(0, 64);
}

/** Commands get their inputs by names in capitals, so those must differ, too. @throws `INVALID_ARGUMENT` */
export async function requireNames(
  verb: string,
  kind: string,
  named: readonly { readonly name: string }[],
): Promise<void> {
  const { variableName } = await import("../../runs/run-command.ts");
  const seen = new Map<string, string>();
  for (const { name } of named) {
    const variable = variableName(name);
    const other = seen.get(variable);
    if (other !== undefined)
      throw invalid(
        verb,
        `Two ${kind} are named ${name}${other === name ? "" : ` and ${other}, which are the same as environment variables (${variable})`}. Give each its own name.`,
      );
    seen.set(variable, name);
  }
}

/** A caller's value as JSON. @throws `INVALID_ARGUMENT` */
export function jsonOption(verb: string, option: string, value: unknown): JsonValue | undefined {
  if (value === undefined) return undefined;
  const found = jsonOrProblem(value);
  if (found.problem === undefined) return found.json;
  throw invalid(verb, `The option ${option} ${found.problem}.`, found.cause);
}

/** The error for what a caller says of a run. */
export function invalid(verb: string, problem: string, cause?: unknown): VarveError {
  return new VarveError("INVALID_ARGUMENT", `${verb}: ${problem}`, { verb }, cause);
}
