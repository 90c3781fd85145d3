export { driftHtml } from "../../drift/page/drift-html.ts";
