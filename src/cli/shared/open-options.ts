import type { OpenOptions } from "../../api/shared/options.ts";
import { defined } from "../../util/defined.ts";
import type { StoreFlags } from "./options.ts";

/** What the API needs of the common options. */
export function openOptions(flags: StoreFlags): OpenOptions {
  const s3 = defined({
    endpoint: flags.s3Endpoint,
    region: flags.s3Region,
    pathStyle: flags.s3PathStyle,
  });
  return {
    s3: Object.keys(s3).length === 0 ? undefined : s3,
    memoryLimit: flags.memoryLimit,
  };
}
