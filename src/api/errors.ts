/** The errors that callers see. */
export { isVarveError, VarveError } from "../errors.ts";
export { systemErrorCode, systemRefusal } from "../util/system-refusals.ts";
