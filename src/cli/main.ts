#!/usr/bin/env node
import { run } from "./run.ts";
import { endByReceivedSignal, listenForSignals } from "./shared/interruption.ts";

// The AWS SDK tells every user of Node 20 to upgrade Node. Its version is pinned here, and standard error
// belongs to the command.
process.env["AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED"] ??= "true";

listenForSignals();
process.exitCode = await run(process.argv.slice(2));
endByReceivedSignal();
