import fc from "fast-check";
import { seed } from "./seed.ts";

fc.configureGlobal({ seed });

/** The generator of cases, with the seed of the run. */
export default fc;
