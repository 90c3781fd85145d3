export { counted, shownNumber } from "../util/counted.ts";
