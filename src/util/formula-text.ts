/**
 * Begins a text that a spreadsheet takes for a formula (OWASP, "CSV Injection"); for JavaScript and for the
 * engine alike.
 */
export const formulaStart = /^[=+@\t\r-]/;
