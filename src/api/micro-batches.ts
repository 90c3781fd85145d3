/** Batches of a stream. */
export { MicroBatches } from "../util/micro-batches.ts";
