/** Clock, ids and randomness. */
export { realWorld } from "../util/world.ts";
