/** The errors that callers see. */
export { isVarveError, VarveError } from "../errors.ts";
