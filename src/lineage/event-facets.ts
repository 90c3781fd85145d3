import type { JsonObject, JsonValue } from "../util/json.ts";

/** The version of OpenLineage whose events are written. */
export const openLineage = "https://openlineage.io/spec/2-0-2/OpenLineage.json";

/** Facets by their names in an event, with the versions of their definitions. */
const definitions = {
  version: "1-0-1/DatasetVersionDatasetFacet",
  schema: "1-2-0/SchemaDatasetFacet",
  storage: "1-0-1/StorageDatasetFacet",
  dataSource: "1-0-1/DatasourceDatasetFacet",
  datasetType: "1-0-1/DatasetTypeDatasetFacet",
  dataQualityMetrics: "1-0-3/DataQualityMetricsInputDatasetFacet",
  dataQualityAssertions: "1-1-0/DataQualityAssertionsDatasetFacet",
  inputStatistics: "1-0-0/InputStatisticsInputDatasetFacet",
  outputStatistics: "1-0-2/OutputStatisticsOutputDatasetFacet",
  errorMessage: "1-0-1/ErrorMessageRunFacet",
  executionParameters: "1-0-0/ExecutionParametersRunFacet",
  processing_engine: "1-1-1/ProcessingEngineRunFacet",
  jobType: "2-0-4/JobTypeJobFacet",
} as const;

/** Facets of varve's own, which have no definition but the base of their kind. */
const ownFacets = { varve_pin: "DatasetFacet", varve_run: "RunFacet" } as const;

type FacetName = keyof typeof definitions | keyof typeof ownFacets;

/** The contents of facets by their names; those that are `undefined` are left out. */
export type Facets = { readonly [Name in FacetName]?: JsonObject | undefined };

/** The facets as an event has them. @param producer URI of the program that made the event */
export function facetsJson(facets: Facets, producer: string): JsonObject {
  return Object.fromEntries(
    Object.entries(facets).flatMap(([name, contents]): [string, JsonValue][] =>
      contents === undefined
        ? []
        : [[name, { _producer: producer, _schemaURL: schemaUrl(name as FacetName), ...contents }]],
    ),
  );
}

function schemaUrl(name: FacetName): string {
  if (name === "varve_pin" || name === "varve_run") return `${openLineage}#/$defs/${ownFacets[name]}`;
  const definition = definitions[name];
  const [, facet] = definition.split("/");
  return `https://openlineage.io/spec/facets/${definition}.json#/$defs/${facet}`;
}

/** A JSON object without the members that are `undefined`. */
export function withoutUndefined(members: Readonly<Record<string, JsonValue | undefined>>): JsonObject {
  return Object.fromEntries(
    Object.entries(members).filter((member): member is [string, JsonValue] => member[1] !== undefined),
  );
}
