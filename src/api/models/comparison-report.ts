export { comparisonJunit } from "../../performance/compare/comparison-junit.ts";
