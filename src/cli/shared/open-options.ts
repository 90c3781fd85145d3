import type { OpenOptions } from "../../api/open-table.ts";
import type { StoreFlags } from "./options.ts";

/** What the API needs of the common options. */
export function openOptions(flags: StoreFlags): OpenOptions {
  const s3 = {
    ...(flags.s3Endpoint === undefined ? {} : { endpoint: flags.s3Endpoint }),
    ...(flags.s3Region === undefined ? {} : { region: flags.s3Region }),
    ...(flags.s3PathStyle === undefined ? {} : { pathStyle: flags.s3PathStyle }),
  };
  return {
    ...(Object.keys(s3).length === 0 ? {} : { s3 }),
    ...(flags.memoryLimit === undefined ? {} : { memoryLimit: flags.memoryLimit }),
  };
}
