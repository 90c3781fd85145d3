import type { LogSnapshot } from "../../src/log/contract.ts";
import { refreshLog } from "../../src/log/open-log.ts";
import { type Model, modelFile, Violation } from "./model.ts";
import { count, isTransient, openPatiently, type Run } from "./run-seed.ts";
import type { Process } from "./scheduler.ts";

/** A process that opens the table again and again and compares what it sees with the model. */
export class Reader {
  readonly name: string;
  readonly #run: Run;
  #left: number;

  constructor(run: Run, name: string) {
    this.#run = run;
    this.name = name;
    this.#left = 1 + run.random.below(4);
  }

  async work(process: Process): Promise<void> {
    const { main, random, faults, tally } = this.#run;
    const context = this.#run.contextFor(process, main);
    let held: LogSnapshot | undefined;
    while (this.#left-- > 0) {
      const known = main.model.latest;
      try {
        held = held === undefined || random.chance(0.5) ? await openPatiently(context, tally) : await refreshLog(held);
        if (faults.staleList === 0 && held.version < known)
          throw new Violation(`version ${known} had landed, a later reader saw ${held.version}`);
        await compare(held, main.model);
        tally.reads++;
      } catch (error) {
        if (!isTransient(error)) throw error;
        count(tally, error);
        held = undefined;
      }
      await context.world.sleep(random.below(2000));
    }
  }
}

/** Compares a snapshot with the model of its version, whole. @throws {@link Violation} */
export async function compare(snapshot: LogSnapshot, model: Model): Promise<void> {
  const { version } = snapshot;
  const expected = model.states[version];
  if (expected === undefined) throw new Violation(`a reader saw version ${version}, which never landed`);
  const demand = (what: string, seen: string, meant: string) => {
    if (seen !== meant) throw new Violation(`a reader of version ${version} saw other ${what}: ${seen} instead of ${meant}`);
  };
  const seen: string[] = [];
  for await (const chunk of (await snapshot.files()).all()) for (const file of chunk) seen.push(describe(file.path, modelFile(file)));
  demand(
    "files",
    seen.sort().join(" "),
    [...expected.files]
      .map(([path, file]) => describe(path, file))
      .sort()
      .join(" "),
  );
  demand("columns", snapshot.metadata.schemaString, expected.schemaString);
  demand("properties", JSON.stringify(snapshot.metadata.configuration), JSON.stringify(expected.configuration));
  demand("features", String(snapshot.protocol.writerFeatures), String(expected.features));
  const txns = [...(await snapshot.appTransactions())].map(([appId, txn]) => `${appId}:${txn.version}`);
  demand(
    "progress",
    txns.sort().join(),
    [...expected.txns]
      .map(([appId, at]) => `${appId}:${at}`)
      .sort()
      .join(),
  );
  const domains = [...(await snapshot.domainMetadata())].map(([domain, action]) => `${domain}=${action.configuration}`);
  demand(
    "domains",
    domains.sort().join(),
    [...expected.domains]
      .map(([domain, value]) => `${domain}=${value}`)
      .sort()
      .join(),
  );
  if (expected.configuration["delta.enableInCommitTimestamps"] === "true")
    demand("time", String(snapshot.timestamp), String(expected.stamp));
}

function describe(path: string, { part, rows, size, baseRowId, defaultRowCommitVersion }: ReturnType<typeof modelFile>): string {
  return `${path}[${part};${rows.join("+")};${size};${baseRowId};${defaultRowCommitVersion}]`;
}
