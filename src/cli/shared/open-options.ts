import type { OpenOptions } from "../../index.ts";
import type { StoreFlags } from "./options.ts";

/** What the API needs of the common options. */
export function openOptions(flags: StoreFlags): OpenOptions {
  const { s3Endpoint: endpoint, s3Region: region, s3PathStyle: pathStyle } = flags;
  const customS3 = endpoint !== undefined || region !== undefined || pathStyle !== undefined;
  return {
    s3: customS3 ? { endpoint, region, pathStyle } : undefined,
    memoryLimit: flags.memoryLimit,
    allowedPrefixes: flags.allowedPrefix,
  };
}
