/** Temporary folders, which go with the process; one that is ended by a signal removes them first. */
export {
  makeTemporaryFolder,
  removeTemporaryFolder,
  removeTemporaryFolders,
} from "../util/temporary-folder.ts";
