/** What a cell of CSV must not begin with if a spreadsheet is not to run it. */
export { formulaStart } from "../util/formula-text.ts";
