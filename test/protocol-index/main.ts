import { writeFileSync } from "node:fs";
import { allMentions, protocolIndex } from "./protocol-index.ts";

// Writes spec/protocol-index.md.

writeFileSync(new URL("../../spec/protocol-index.md", import.meta.url), protocolIndex(allMentions()));
