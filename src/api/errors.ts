/** The errors that callers see, and what errors of the operating system mean. */
export { isVarveError, VarveError } from "../errors.ts";
export { refusalCode, systemErrorCode, systemRefusal } from "../util/system-refusals.ts";
