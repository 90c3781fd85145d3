/** What a CSV cell must not begin with, so that a spreadsheet does not run it. */
export { formulaStart } from "../util/formula-text.ts";
