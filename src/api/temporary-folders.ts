/** Temporary folders, which go with the process: also when a signal ends it, once that is asked for. */
export { makeTemporaryFolder, removeOnSignals, removeTemporaryFolder } from "../util/temporary-folder.ts";
