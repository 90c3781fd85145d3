import { type ErrorData, isVarveError, VarveError } from "../errors.ts";
import type { LogSnapshot, TableContext } from "../log/contract.ts";
import { openLog } from "../log/snapshot/open-log.ts";
import { pinsByVersion } from "./reading/list-pins.ts";

/** The same error of a version that cannot be opened, with the pins that keep the version. */
export function versionError(error: unknown, context: TableContext, version: number): Promise<unknown> {
  return withPins(error, "VERSION_NOT_FOUND", async () => {
    const { metadata } = await openLog(context);
    return { context, version, metadata };
  });
}

/** The same error of a version whose files are gone, with the pins that keep the version. */
export function readError(error: unknown, logs: readonly LogSnapshot[]): Promise<unknown> {
  return withPins(error, "DATA_FILE_MISSING", async ({ store, path }) => {
    for (const log of logs) if (log.context.store.uri === store && (await names(log, path))) return log;
    return undefined;
  });
}

/** Whether a version needs the file: a query may read several versions of a table. */
async function names(log: LogSnapshot, path: unknown): Promise<boolean> {
  const files = await log.files();
  for await (const paths of files.references("add")) if (paths.some((each) => each === path)) return true;
  return false;
}

async function withPins(
  error: unknown,
  code: "VERSION_NOT_FOUND" | "DATA_FILE_MISSING",
  tableOf: (data: ErrorData) => Promise<Pick<LogSnapshot, "context" | "version" | "metadata"> | undefined>,
): Promise<unknown> {
  if (!isVarveError(error, code)) return error;
  try {
    const table = await tableOf(error.data);
    if (table === undefined) return error;
    const { context, version, metadata } = table;
    const [name, ...others] = (await pinsByVersion(context, metadata.id)).get(version) ?? [];
    if (name === undefined) return error;
    const kept = `${others.length === 0 ? "The pin" : "The pins"} ${[name, ...others].join(", ")}`;
    const { store } = context;
    return new VarveError(
      code,
      `${error.message} ${kept} ${others.length === 0 ? "keeps" : "keep"} version ${version}: open ${store.uri}@${name}.`,
      { ...error.data, version, pins: [name, ...others] },
      error.cause,
    );
  } catch {
    // What failed first is what the caller asked for.
    return error;
  }
}
