/**
 * Pattern of the beginning of text that a spreadsheet takes for a formula (OWASP, "CSV Injection"); for both
 * JavaScript and the engine.
 */
export const formulaStart = /^[=+@\t\r-]/;
