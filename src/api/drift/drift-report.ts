export { driftJunit } from "../../drift/drift-junit.ts";
export { driftText } from "../../drift/drift-text.ts";
