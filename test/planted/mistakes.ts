import { alertsMistakes } from "./alerts.ts";
import { checkpointsMistakes } from "./checkpoints.ts";
import { commitsMistakes } from "./commits.ts";
import { comparisonMistakes } from "./comparison.ts";
import { conflictsMistakes } from "./conflicts.ts";
import { copiesMistakes } from "./copies.ts";
import { diskMistakes } from "./disk.ts";
import { driftChecksMistakes } from "./drift-checks.ts";
import { driftFieldsMistakes } from "./drift-fields.ts";
import { driftFiguresMistakes } from "./drift-figures.ts";
import { driftPageMistakes } from "./drift-page.ts";
import { fencesMistakes } from "./fences.ts";
import { fingerprintsMistakes } from "./fingerprints.ts";
import { gatesMistakes } from "./gates.ts";
import { ledgerMistakes } from "./ledger.ts";
import { lineageMistakes } from "./lineage.ts";
import type { Mistake } from "./mistake.ts";
import { monitorsMistakes } from "./monitors.ts";
import { multivariateMistakes } from "./multivariate.ts";
import { performanceMistakes } from "./performance.ts";
import { pointInTimeMistakes } from "./point-in-time.ts";
import { rewritesMistakes } from "./rewrites.ts";
import { runMistakes } from "./runs.ts";
import { s3Mistakes } from "./s3.ts";
import { smallFilesMistakes } from "./small-files.ts";
import { sourceMistakes } from "./sources.ts";
import { tablesMistakes } from "./tables.ts";
import { trainingMistakes } from "./training.ts";
import { untypedMistakes } from "./untyped.ts";
import { valuesMistakes } from "./values.ts";
import { verbsMistakes } from "./verbs.ts";
import { versionsMistakes } from "./versions.ts";

/** All mistakes that the tests are known to see. */
export const mistakes: readonly Mistake[] = [
  ...checkpointsMistakes,
  ...commitsMistakes,
  ...comparisonMistakes,
  ...conflictsMistakes,
  ...copiesMistakes,
  ...diskMistakes,
  ...driftChecksMistakes,
  ...alertsMistakes,
  ...driftFieldsMistakes,
  ...driftFiguresMistakes,
  ...driftPageMistakes,
  ...multivariateMistakes,
  ...fencesMistakes,
  ...fingerprintsMistakes,
  ...gatesMistakes,
  ...ledgerMistakes,
  ...lineageMistakes,
  ...monitorsMistakes,
  ...performanceMistakes,
  ...pointInTimeMistakes,
  ...rewritesMistakes,
  ...runMistakes,
  ...s3Mistakes,
  ...smallFilesMistakes,
  ...sourceMistakes,
  ...tablesMistakes,
  ...trainingMistakes,
  ...untypedMistakes,
  ...valuesMistakes,
  ...verbsMistakes,
  ...versionsMistakes,
];
