export { packageVersion } from "../../util/package-version.ts";
