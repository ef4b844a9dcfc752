import { type Contender, retriedOf, type Session } from '../campaign/session.ts';
import { featuresOf } from '../campaign/signature.ts';
import { count, emptyTally, type Tally, totalsOf } from '../campaign/tally.ts';
import type { OpName } from '../core/case.ts';
import type { Verdict } from '../core/verdict.ts';
import type { Call } from '../operators/call.ts';
import type { Report, Result } from '../report/report.ts';
import { type KnownIssue, recognise } from '../store/knownIssues.ts';
import { exitOf } from './context.ts';

/** A case and the name that it goes by in the report. */
export interface Named {
  name: string;
  call: Call;
}

/** Collects the verdicts of a command that runs given cases, reports each, and comes to the exit code. */
export class CaseRun {
  readonly #report: Report;
  readonly #knownIssues: readonly KnownIssue[];
  readonly #tallies = new Map<string, Tally>();
  readonly #contenders = new Set<Contender>();
  readonly #started_ms = performance.now();
  #mismatches = 0;
  #known = 0;
  #cases = 0;

  constructor(report: Report, knownIssues: readonly KnownIssue[]) {
    this.#report = report;
    this.#knownIssues = knownIssues;
  }

  /** Runs a case on backends of a session and takes their verdicts. */
  async run(session: Session, { name, call }: Named, contenders: readonly Contender[]): Promise<void> {
    this.#cases += 1;
    for (const contender of contenders) this.#contenders.add(contender);
    for (const { contender, verdict } of await session.judge(call, contenders))
      this.take(name, call, contender, verdict);
  }

  /** A case that could not be run, and why: its verdict is unknown. */
  skip(name: string, op: OpName, backend: string, reason: string): void {
    this.#cases += 1;
    this.#tell({ case: name, op, backend, verdict: { verdict: 'unknown', reason }, knownIssue: null });
  }

  /** Counts a case that was run elsewhere. */
  countCase(): void {
    this.#cases += 1;
  }

  take(name: string, call: Call, contender: Contender, verdict: Verdict): void {
    const knownIssue = this.#knownIssueOf(call, contender, verdict)?.id ?? null;
    if (verdict.verdict === 'mismatch') {
      if (knownIssue === null) this.#mismatches += 1;
      else this.#known += 1;
    }
    this.#tell({ case: name, op: call.case.op, backend: contender.name, verdict, knownIssue });
  }

  #tell(result: Result): void {
    const tally = this.#tallies.get(result.backend) ?? emptyTally();
    this.#tallies.set(result.backend, tally);
    count(tally, result.verdict);
    this.#report.result(result);
  }

  #knownIssueOf(call: Call, { name, version }: Contender, verdict: Verdict): KnownIssue | null {
    if (verdict.verdict !== 'mismatch') return null;
    const features = featuresOf(call, name, verdict);
    return recognise(this.#knownIssues, { op: call.case.op, backend: name, version, kind: verdict.kind, features });
  }

  /** Reports the summary and returns the exit code. */
  end(seed: number | null): number {
    const { comparisons, compared, unknown, oracleWrong } = totalsOf(this.#tallies.values());
    const { exit, why } = exitOf({
      mismatches: this.#mismatches,
      unknown,
      oracleWrong,
      compared,
      shortfall: null,
    });
    this.#report.end({
      seed,
      cases: this.#cases,
      comparisons,
      seconds: (performance.now() - this.#started_ms) / 1000,
      counterexamples: this.#mismatches,
      known: this.#known,
      exit,
      tallies: new Map(),
      retried: retriedOf([...this.#contenders]),
      why,
    });
    return exit;
  }
}
