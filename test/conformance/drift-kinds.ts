import type { CompareCase } from "./drift-cases.ts";
import { correctionKinds } from "./drift-kinds/corrections.ts";
import { countKinds } from "./drift-kinds/counts.ts";
import { exactTestKinds } from "./drift-kinds/exact-tests.ts";

/** How each kind of case is compared; a kind that is not here is counted as not supported yet. */
export const driftKinds: Readonly<Record<string, CompareCase>> = {
  ...correctionKinds,
  ...countKinds,
  ...exactTestKinds,
};
