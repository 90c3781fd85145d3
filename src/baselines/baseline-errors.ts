import { isVarveError, VarveError } from "../errors.ts";
import type { LogSnapshot } from "../log/contract.ts";
import { listPins } from "../pins/reading/list-pins.ts";
import type { WriteSource } from "../write/plan/write-source.ts";

/** Runs work that reads the baseline; where files of its version are gone, the error names the pins that exist. */
export async function unreadableBaseline<T>(baseline: WriteSource, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isVarveError(error, "DATA_FILE_MISSING")) throw error;
    if (typeof baseline !== "object" || !("context" in baseline)) throw error;
    throw await unreadable(baseline, error);
  }
}

async function unreadable({ context, version }: LogSnapshot, cause: VarveError): Promise<VarveError> {
  const pins = (await listPins(context)).map(({ name }) => name);
  const choice =
    pins.length === 0
      ? "The table has no pins: pin a version that must stay comparable"
      : `Pins keep their files: ${pins.slice(0, 20).join(", ")}`;
  return new VarveError(
    "BASELINE_UNREADABLE",
    `Cannot read version ${version} of ${context.store.uri} as a baseline: files of it are gone, probably by a vacuum. ${choice}, or choose a newer version.`,
    { uri: context.store.uri, version, pins },
    cause,
  );
}
