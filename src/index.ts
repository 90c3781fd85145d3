export { type ErrorCode, type ErrorData, isVarveError, VarveError } from "./errors.ts";
