export { nearestTable } from "../../storage/local/nearest-table.ts";
