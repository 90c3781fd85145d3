import type { Engine, OpenSession, Relation } from "../../engine/core/contract.ts";
import { withFetchedFiles } from "../../write/plan/fetched-source.ts";
import { stageWriteSource, type WriteSource } from "../../write/plan/write-source.ts";
import type { EvaluationSource } from "../evaluate-source.ts";
import { compareRelations } from "./compare-relations.ts";
import type { ModelComparison } from "./comparison.ts";
import type { ComparisonRequest } from "./request.ts";

/** Where a model's predictions are, and the rows that it was trained on. */
export interface ModelSource {
  /** Default: columns of the data. */
  readonly source?: WriteSource | undefined;
  readonly trained: readonly WriteSource[];
}

/** Rows with outcomes, and both models. */
export interface ComparisonSources extends Pick<EvaluationSource, "session" | "access" | "signal"> {
  readonly data: WriteSource;
  readonly champion: ModelSource;
  readonly challenger: ModelSource;
}

/** Compares two models on rows of any sources. @throws as `compareRelations`; `SOURCE_UNREADABLE` */
export async function compareSources(
  engine: Engine,
  { data, champion, challenger, session: options, access, signal }: ComparisonSources,
  request: ComparisonRequest,
): Promise<ModelComparison> {
  const models = [champion, challenger];
  const sources = [
    data,
    ...models.flatMap(({ source, trained }) => [...(source === undefined ? [] : [source]), ...trained]),
  ];
  return fetched(sources, async (local) => {
    await using session = await engine.open({ ...options, signal, stopsQueries: true });
    const staged = new Map<WriteSource, Relation>();
    for (const [index, source] of sources.entries())
      if (!staged.has(source)) staged.set(source, await stage(session, local[index] ?? source, signal));
    const of = (source: WriteSource | undefined) => (source === undefined ? undefined : staged.get(source));
    const trained = ({ trained }: ModelSource) => trained.flatMap((source) => of(source) ?? []);
    const rows = of(data);
    if (rows === undefined)
      throw new Error("varve internal error: the data were not staged. Please report this.");
    return await compareRelations(
      session,
      { data: rows, champion: of(champion.source), challenger: of(challenger.source) },
      { champion: trained(champion), challenger: trained(challenger) },
      request,
    );
  });

  async function fetched<T>(
    [first, ...others]: readonly WriteSource[],
    work: (local: readonly WriteSource[]) => Promise<T>,
  ): Promise<T> {
    if (first === undefined) return work([]);
    return withFetchedFiles(first, { access, signal }, ({ source }) =>
      fetched(others, (local) => work([source, ...local])),
    );
  }
}

async function stage(
  session: OpenSession,
  source: WriteSource,
  signal: AbortSignal | undefined,
): Promise<Relation> {
  return (await stageWriteSource(session, source, { signal })).relation;
}
