import type { Finding } from '../campaign/findings.ts';
import { unlessOver } from '../campaign/over.ts';
import type { Contender, Session } from '../campaign/session.ts';
import { toJsonNumber } from '../core/json.ts';
import { elementCount, type Tensor } from '../core/tensor.ts';
import { withoutAddedBatch } from '../operators/call.ts';
import type { Programs } from '../report/failure.ts';
import { find } from '../repro/find.ts';
import { languages } from '../repro/programs.ts';
import { provenProgram } from '../repro/run.ts';
import type { NightFinding, Shown } from './nightReport.ts';

/** Results with more elements are not kept. */
const mostElements = 4096;

function shownOf(tensor: Tensor): Shown | null {
  if (elementCount(tensor.shape) > mostElements) return null;
  return { shape: tensor.shape, dtype: tensor.dtype, values: [...tensor.data].map(toJsonNumber) };
}

type Evidence = Pick<NightFinding, 'want' | 'got' | 'culprit'>;

const noEvidence: Evidence = { want: null, got: null, culprit: null };

/** What was wanted and what came, where a picture can be made of it and it comes in time: the case runs once more. */
export async function evidenceOf(
  finding: Finding,
  contender: Contender,
  session: Session,
  left_ms: number,
): Promise<Evidence> {
  // Of an oracle or a process that is gone there is nothing more to be had.
  const seen = seenAgain(finding, contender, session).catch(() => noEvidence);
  return (await unlessOver(seen, null, left_ms)) ?? noEvidence;
}

async function seenAgain({ failure }: Finding, contender: Contender, session: Session): Promise<Evidence> {
  const { call, mismatch, before } = failure;
  const isResult = mismatch.kind === 'value' || mismatch.kind === 'shape' || mismatch.kind === 'dtype';
  if (!isResult || before.length > 0 || contender.runner.benched) return noEvidence;
  const [judgement] = await session.judge(call, [contender]);
  const want = await session.oracle.consult(call).want;
  const got = judgement?.outcome;
  const verdict = judgement?.verdict;
  if (verdict?.verdict !== 'mismatch' || got?.kind !== 'ok' || want?.kind !== 'ok') return noEvidence;
  const { culprit } = verdict;
  return {
    want: shownOf(want.output),
    got: shownOf(withoutAddedBatch(call, got.output)),
    culprit: culprit === null ? null : { index: culprit.index, allowed: culprit.allowed },
  };
}

/** Programs that show a failure without this project, each seen to do so: it takes seconds. Null where there is none. */
export async function programsFor({ failure }: Finding, contender: Contender, { oracle }: Session): Promise<Programs> {
  const { call, mismatch, before } = failure;
  const found = await find({ case: call.case, before, kind: mismatch.kind }, contender, oracle);
  const programs: Programs = { python: null, typescript: null };
  if (typeof found === 'string') return programs;
  for (const language of languages) {
    // A failure that comes and goes may stay away.
    programs[language] = await provenProgram(found, language, contender.runner.options.caseTimeout_ms)
      .then(({ text }) => text)
      .catch(() => null);
  }
  return programs;
}
