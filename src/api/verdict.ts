/** What a gate decided, in the words of `commitInfo.gate`. */
export { summarizeVerdict } from "../quality/gate/verdict.ts";
