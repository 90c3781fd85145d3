/** Paths of source files: whether they are addresses, and how they are shown. */
export { isWebAddress, pathWithExtension, shownPath } from "../sources/address.ts";
