import { caseSchema } from '../core/case.ts';
import { toJsonNumber } from '../core/json.ts';
import type { Saved } from '../store/store.ts';
import type { Report, Standing } from './report.ts';

/** One JSON object a line on standard output; what people want to know goes to standard error. */
export function jsonlReport(out: NodeJS.WritableStream, err: NodeJS.WritableStream): Report {
  const line = (value: object) => out.write(`${JSON.stringify(value)}\n`);
  const counterexampleLine = ({ counterexample, file }: Saved, standing?: Standing) => {
    const { id, signature, op, backend, kind, elements, before, reason } = counterexample;
    line({
      schema: 'convdiff/counterexample@1',
      id,
      file,
      signature,
      op,
      backend,
      kind,
      elements,
      case: { ...counterexample.case, schema: caseSchema },
      before,
      reason,
      ...(standing === undefined ? {} : { standing }),
    });
  };
  return {
    begin: (seed) => err.write(`seed ${seed}\n`),
    progress: () => {},
    finding: ({ counterexample, file }, standing) => {
      if (file !== null) counterexampleLine({ counterexample, file }, standing);
    },
    saved: counterexampleLine,
    result: ({ case: name, op, backend, verdict, knownIssue }) => {
      const agrees = verdict.verdict === 'agree';
      const mismatch = verdict.verdict === 'mismatch' ? verdict : null;
      const culprit = mismatch?.culprit ?? null;
      const number = (value: number | null) => (value === null ? null : toJsonNumber(value));
      line({
        schema: 'convdiff/result@1',
        case: name,
        op,
        backend,
        verdict: verdict.verdict,
        kind: mismatch?.kind ?? null,
        shape: agrees ? verdict.shape : (mismatch?.shape ?? null),
        worst: number(agrees ? verdict.worst : culprit === null ? null : Math.abs(culprit.got - culprit.want)),
        bound: number(agrees ? verdict.bound : (culprit?.allowed ?? null)),
        reason: agrees ? null : verdict.reason,
        ...(knownIssue === null ? {} : { knownIssue }),
        ...(agrees && verdict.vacuous !== null ? { vacuous: verdict.vacuous } : {}),
      });
    },
    end: (summary) => {
      const { seed, cases, comparisons, seconds, counterexamples, known, exit, tallies, retried, why } = summary;
      const { regressions = [], fixed = [] } = summary;
      const benched = [...tallies].filter(([, tally]) => tally.benched).map(([name]) => name);
      line({
        schema: 'convdiff/summary@1',
        seed,
        cases,
        comparisons,
        seconds: Math.round(seconds * 1000) / 1000,
        counterexamples,
        known,
        exit,
        ...(benched.length === 0 ? {} : { benched }),
        ...(Object.keys(retried).length === 0 ? {} : { retried }),
        ...(why === null ? {} : { why }),
        ...(regressions.length === 0 ? {} : { regressions }),
        ...(fixed.length === 0 ? {} : { fixed }),
      });
    },
  };
}
