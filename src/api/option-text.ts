export { inTerminalWords } from "../util/option-text.ts";
