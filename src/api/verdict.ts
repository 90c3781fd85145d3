/** A gate's verdict as in `commitInfo.gate`. */
export { summarizeVerdict } from "../quality/gate/verdict.ts";
