import { isDeath, type MismatchKind } from '../core/verdict.ts';
import { type Call, prepare } from '../operators/call.ts';
import { type Request, Runner } from '../processes/runner.ts';
import { withoutLacks } from '../semantics/semantics.ts';
import { type Counterexample, counterexampleSchema, elementsOf, originOf } from '../store/counterexample.ts';
import { type KnownIssue, recognise } from '../store/knownIssues.ts';
import type { Saved, Store } from '../store/store.ts';
import { investigate } from './investigate.ts';
import { isOfPlainIntegers, withOtherSizes, withPlainIntegers } from './layers.ts';
import { closest, explanations, isSuspect, type Likeness, likenessOf } from './likeness.ts';
import { type Failing, hangsOnValues, type Known, neededByDeath, neededFeatures } from './needs.ts';
import { unlessOver } from './over.ts';
import { caseOf, type Draw, untwisted } from './plan.ts';
import type { Contender, Judgement, Session } from './session.ts';
import { featuresOf, idOf, isOfValues, lockOf, type Mismatch, signatureOf } from './signature.ts';
import { type Failure, Trial } from './trial.ts';

/*
 * So long after its time is up: what fails is saved as it stands; what is being shrunk is left as it is by then; nothing is waited for
 * any more.
 */
const grace_ms = 1000;
const overtime_ms = 2000;
const lastMoment_ms = 3000;

/** Failures of a backend are held against what is known by runs for this share of the time, beyond so much; then by their features. */
const likenessShare = 0.5;
const likenessLeast_ms = 120_000;

/** What a bug's smallest case needs to fail: these features, and whether values other than plain integers. */
type Needs = Required<Known>;

/** A bug: what is saved of it, and how often it was seen. */
export interface Finding extends Needs {
  counterexample: Counterexample;
  /** Where it is saved, or null for a known issue. */
  file: string | null;
  knownIssue: KnownIssue | null;
  lock: string;
  failure: Failure;
  /** How many cases of the campaign are cases of it, so far. */
  times: number;
}

/** A case, and where it stands in the campaign that drew it. */
interface Subject {
  batch: number;
  index: number;
  /** Null where it is from a file, and breaks a rule. */
  draw: Draw | null;
  call: Call;
  /** Of its campaign, where that is another one. */
  seed?: number;
}

/** A case that this campaign drew. */
export interface DrawnCase extends Subject {
  draw: Draw;
}

export interface FindingsOptions {
  session: Session;
  seed: number;
  store: Store;
  knownIssues: readonly KnownIssue[];
  signal: AbortSignal;
  /** When the campaign's time is up, on performance.now's clock. */
  end_ms: number;
  /** Called before a failure is shrunk, with whose it is. */
  onShrink(what: string): void;
  /** `again`: what of `lookAgain` came to this, or null. */
  onFinding(finding: Finding, again: Saved | null): void | Promise<void>;
}

/** Of failures that look alike: how many shrinks in a row brought nothing new, and how many have waited since. */
interface Looks {
  wasted: number;
  waiting: number;
}

/** Where it cannot be seen what a failure needs, it needs what it has. */
function hadBy({ call, mismatch }: Failure, { name }: Contender): Needs {
  return { features: withoutLacks(featuresOf(call, name, mismatch)), needsItsValues: false };
}

/** Whether such a failure can be seen again at once, in the process that runs. */
function isRepeatable(kind: MismatchKind): boolean {
  return !isDeath({ kind }) && kind !== 'unstable';
}

/** What a case could have been drawn from, its values of the sort that its input has; null for one that breaks a rule. */
function drawOf({ refusal, spec, case: { inputs } }: Call): Draw | null {
  const { data } = inputs.input;
  const { values, seed } = data.kind === 'seeded' ? data : { values: 'lattice' as const, seed: 1 };
  return refusal === null ? { spec, values, seed, twist: null } : null;
}

/** What a campaign has found. */
export class Findings {
  readonly #options: FindingsOptions;
  readonly #all: Finding[] = [];
  readonly #looks = new Map<string, Looks>();
  readonly #started_ms = performance.now();
  /** How long failures of each backend were held against what is known. */
  readonly #spent_ms = new Map<Contender, number>();
  /** Backends that died too often, in a process of their own: what they failed in before is still looked into. */
  readonly #revived = new Map<Contender, Contender>();

  /** What was saved and is looked into again. */
  #again: Saved | null = null;
  /** Raised where someone wants to leave, and at the last moment. */
  readonly #over = new AbortController();
  readonly #leave = () => this.#over.abort();
  readonly #timer: NodeJS.Timeout | undefined;

  constructor(options: FindingsOptions) {
    this.#options = options;
    const { signal, end_ms } = options;
    if (signal.aborted) this.#leave();
    signal.addEventListener('abort', this.#leave, { once: true });
    if (Number.isFinite(end_ms)) this.#timer = setTimeout(this.#leave, end_ms + lastMoment_ms - performance.now());
  }

  get all(): readonly Finding[] {
    return this.#all;
  }

  /** Ends the processes that it has started. */
  close(): void {
    clearTimeout(this.#timer);
    this.#options.signal.removeEventListener('abort', this.#leave);
    for (const { runner } of this.#revived.values()) runner.close();
  }

  /**
   * What a failure is a case of. What is not known is shrunk and saved. Null where there was no time for that, or too many like it
   * have come to nothing new.
   */
  async lookInto(drawn: DrawnCase, judgement: Judgement, mismatch: Mismatch): Promise<Finding | null> {
    const finding = await this.#placed(drawn, judgement, mismatch);
    if (finding !== null) finding.times += 1;
    return finding;
  }

  async #placed(subject: Subject, judgement: Judgement, found: Mismatch): Promise<Finding | null> {
    const { contender } = judgement;
    const lock = lockOf(subject.call, contender.name, found);
    // Who leaves goes by features alone.
    const { drawn, mismatch } = this.#isLeaving()
      ? { drawn: subject, mismatch: found }
      : await this.#valid(subject, found, contender, lock);
    const failing = { call: drawn.call, mismatch };
    const { known, behind } = this.#isLeaving()
      ? this.#closest(failing, contender, lock)
      : await this.#likeness(failing, drawn, contender, lock);
    if (known !== null) this.#forgive(contender, mismatch.kind, known.knownIssue);
    if (known !== null && behind === null) return known;
    if (behind !== null) this.#again = null;
    const isLeaving = this.#isLeaving();

    // What shows in other values may be another bug.
    const sort = [lock, ...featuresOf(drawn.call, contender.name, mismatch).filter(isOfValues)].join(' ');
    const look = this.#looks.get(sort) ?? { wasted: 0, waiting: 0 };
    this.#looks.set(sort, look);
    look.waiting += 1;
    // Who leaves gets one case of each kind, not every one that is alike but can't be seen to be before it is shrunk.
    const isEnough = isLeaving ? this.#lockedBy(lock).length > 0 : look.waiting < 2 ** look.wasted;
    // What hangs on values may need others than those that were tried to show it.
    if (isEnough) return known ?? closest(failing, contender.name, this.#lockedBy(lock).filter(hangsOnValues));
    look.waiting = 0;
    const count = this.#all.length;
    const finding = await this.#shrunk(drawn, judgement, behind ?? failing, isLeaving);
    look.wasted = this.#all.length > count ? 0 : look.wasted + 1;
    return known ?? finding;
  }

  /**
   * Looks into what an earlier campaign has saved and had no time to shrink, or to tell of. Where it comes to something that has a
   * file, or needs none, what was saved as it stood is deleted.
   */
  async lookAgain({ file, counterexample }: Saved, contender: Contender): Promise<Finding | null> {
    const { case: testCase, before, shrunk, found } = counterexample;
    const call = prepare(testCase);
    if (before.length > 0) return null;
    const judgements = await unlessOver(this.#options.session.judge(call, [contender]), this.#over.signal);
    const [judgement] = judgements ?? [];
    if (judgement?.verdict.verdict !== 'mismatch') return null;
    this.#again = { file, counterexample };
    const finding = await this.#placed({ ...found, draw: drawOf(call), call }, judgement, judgement.verdict);
    this.#again = null;
    if (!shrunk && finding !== null && finding.file !== file) this.#options.store.remove(file);
    return finding;
  }

  #isLeaving(): boolean {
    return this.#options.signal.aborted || performance.now() > this.#options.end_ms + grace_ms;
  }

  #lockedBy(lock: string): Finding[] {
    return this.#all.filter((finding) => finding.lock === lock);
  }

  /** The failure without what makes its call invalid, where it fails in the same way so: then that is not why it fails. */
  async #valid(
    drawn: Subject,
    mismatch: Mismatch,
    contender: Contender,
    lock: string,
  ): Promise<{ drawn: Subject; mismatch: Mismatch }> {
    const { draw, call } = drawn;
    if (draw === null || draw.twist === null || mismatch.kind === 'acceptance' || mismatch.kind === 'unstable')
      return { drawn, mismatch };
    // What is odd and legal is odd by its parameters: they are left out.
    const specs = call.refusal === null ? [draw.spec] : untwisted(call.case.op, draw.spec, draw.twist);
    for (const spec of specs) {
      const plain = { ...draw, spec, twist: null };
      const valid = prepare(caseOf(call.case.op, plain));
      if (valid.refusal !== null) continue;
      const [own = null] = await this.#run([valid], contender, lock);
      if (own === null) continue;
      // It is the same death.
      if (isDeath(own)) contender.runner.forgive();
      return { drawn: { ...drawn, draw: plain, call: valid }, mismatch: own };
    }
    return { drawn, mismatch };
  }

  /** What of all that is known of its lock, or of the shape of results, a failure is a case of. */
  async #likeness(failing: Failing, { draw }: Subject, contender: Contender, lock: string): Promise<Likeness<Finding>> {
    const known = this.#lockedBy(lock);
    const { kind } = failing.mismatch;
    // A death is not worth a few more, and of what is invalid its rule says all.
    if (draw?.twist !== null || !isRepeatable(kind)) {
      return this.#closest(failing, contender, lock);
    }
    const spent_ms = this.#spent_ms.get(contender) ?? 0;
    const started_ms = performance.now();
    // A backend may take seconds a case.
    if (spent_ms > likenessLeast_ms + likenessShare * (started_ms - this.#started_ms)) {
      return this.#closest(failing, contender, lock);
    }
    const likeness = await likenessOf(failing, contender.name, known, (calls) => this.#run(calls, contender, lock));
    const misshapen = likeness.known === null ? await this.#misshapen(failing, contender) : null;
    this.#spent_ms.set(contender, spent_ms + performance.now() - started_ms);
    return misshapen === null ? likeness : { known: misshapen, isExplained: true, behind: null };
  }

  /** By features alone. */
  #closest(failing: Failing, contender: Contender, lock: string): Likeness<Finding> {
    return { known: closest(failing, contender.name, this.#lockedBy(lock)), isExplained: false, behind: null };
  }

  /** The known bug that gives results another shape, where this one has the right one by chance: with other sizes it has not. */
  async #misshapen({ call, mismatch }: Failing, contender: Contender): Promise<Finding | null> {
    if (mismatch.kind !== 'value' || call.refusal !== null) return null;
    const lock = lockOf(call, contender.name, { ...mismatch, kind: 'shape' });
    const known = this.#lockedBy(lock);
    if (known.length === 0) return null;
    const calls = withOtherSizes(call);
    const results = await this.#run(calls, contender, lock);
    const all = results.map(
      (wrong, i) => wrong && closest({ call: calls[i]!, mismatch: wrong }, contender.name, known),
    );
    return all.find((one) => one !== null) ?? null;
  }

  /** What calls come to; null where one does not fail with this lock, or it is too late to see it. */
  async #run(calls: readonly Call[], contender: Contender, lock: string): Promise<(Mismatch | null)[]> {
    const living = this.#living(contender);
    const judging = Promise.all(calls.map((call) => this.#options.session.judge(call, [living])));
    const judgements = await unlessOver(judging, this.#over.signal);
    return calls.map((_, i) => {
      const verdict = judgements?.[i]?.[0]?.verdict;
      const isAlike = verdict?.verdict === 'mismatch' && lockOf(calls[i]!, contender.name, verdict) === lock;
      return isAlike ? verdict : null;
    });
  }

  /** What a bug needs, by more runs of what is like its smallest case; what that has, where it takes other cases or chance to fail. */
  async #needsOf(smallest: Failure, contender: Contender): Promise<Needs> {
    const { call, mismatch, before } = smallest;
    const had = hadBy(smallest, contender);
    if (before.length > 0 || mismatch.kind === 'unstable') return had;
    if (isDeath(mismatch)) return { ...had, features: await this.#neededByDeath(smallest, had.features, contender) };
    const lock = lockOf(call, contender.name, mismatch);
    const failingAnew = async (calls: readonly Call[], known: readonly Known[]) => {
      const asked = calls.map((one) => ({ one, others: explanations(one, known) }));
      const all = asked.flatMap(({ one, others }) => [one, ...others.flatMap((other) => other.calls)]);
      const results = await this.#run(all, contender, lock);
      const resultsByCall = new Map(all.map((one, i) => [one, results[i]!]));
      const resultOf = (one: Call) => resultsByCall.get(one) ?? null;
      return asked.flatMap(({ one, others }) => {
        const own = resultOf(one);
        const isKnown = own === null || others.some((other) => other.explains(own, resultOf));
        return isKnown ? [] : [{ call: one, mismatch: own }];
      });
    };
    const all = featuresOf(call, contender.name, mismatch);
    return {
      features: await neededFeatures(call, all, this.#lockedBy(lock), failingAnew),
      needsItsValues: await this.#needsItsValues(call, contender, lock),
    };
  }

  /** What a death needs, by calls that have a process of their own each. */
  async #neededByDeath(death: Failure, features: readonly string[], contender: Contender): Promise<readonly string[]> {
    const { kind } = death.mismatch;
    const { caseTimeout_ms } = contender.runner.options;
    const known = this.#lockedBy(lockOf(death.call, contender.name, death.mismatch));
    const accepts = (one: Call) => !isSuspect(one, known);
    const trial = new Trial(contender, this.#options.session.oracle, death, this.#over.signal, { accepts });
    const isDeadly = async (one: Call) => (await trial.alone(one.case, [], caseTimeout_ms)) !== null;
    try {
      // A busy machine may be too slow once.
      return await neededByDeath(
        death.call,
        features,
        async (one) => (await isDeadly(one)) && (kind !== 'timeout' || (await isDeadly(one))),
      );
    } finally {
      trial.close();
    }
  }

  /** Whether a smallest case has values other than plain integers, and agrees where it has such. */
  async #needsItsValues(call: Call, contender: Contender, lock: string): Promise<boolean> {
    if (isOfPlainIntegers(call)) return false;
    const results = await this.#run(withPlainIntegers(call), contender, lock);
    return results.every((one) => one === null);
  }

  #living(contender: Contender): Contender {
    const { launch, runner } = contender;
    if (!runner.benched) return contender;
    const { caseTimeout_ms } = runner.options;
    const options = { caseTimeout_ms, maxDeaths: Number.POSITIVE_INFINITY, isolate: false };
    const revived = this.#revived.get(contender) ?? { ...contender, runner: new Runner(launch, options) };
    this.#revived.set(contender, revived);
    return revived;
  }

  /** Shrinks a drawn case, or what is left of it, and notes what comes of it; as it stands where someone is leaving. */
  async #shrunk(
    drawn: Subject,
    { contender, before, past }: Judgement,
    { call, mismatch }: Failing,
    isLeaving: boolean,
  ): Promise<Finding> {
    const { store, session, end_ms, onShrink } = this.#options;
    const isWhole = call === drawn.call;
    const asItStands: Failure = { call, mismatch, before: isWhole ? before.map((request) => request.case) : [] };
    const lock = lockOf(call, contender.name, mismatch);
    const had = (failure: Failure) => hadBy(failure, contender);
    const raw = this.#counterexample(drawn, contender, asItStands, had(asItStands).features, false);
    if (isLeaving) return this.#note(contender, raw, asItStands, had(asItStands));
    onShrink(`what ${contender.name} does in ${call.case.op} (${mismatch.kind})`);
    const isUnsaved = !store.has(raw);
    const unshrunk = store.save(raw);
    const investigated = await investigate(asItStands, {
      contender,
      oracle: session.oracle,
      draw: isWhole || drawn.draw === null ? drawn.draw : { ...drawn.draw, spec: call.spec },
      past: past().map((request: Request) => request.case),
      signal: this.#over.signal,
      end_ms: end_ms + overtime_ms,
      which: isRepeatable(mismatch.kind)
        ? { explanations: (candidate) => explanations(candidate, this.#lockedBy(lock)) }
        : { accepts: (candidate) => !isSuspect(candidate, this.#lockedBy(lock)) },
    });
    const { smallest } = investigated;
    const isQuick = isRepeatable(smallest.mismatch.kind) && smallest.before.length === 0 && !investigated.isCutOff;
    if (isQuick) {
      // A smaller case may be one of what is known, where the drawn one was not.
      const { known, isExplained, behind } = await this.#likeness(smallest, drawn, contender, lock);
      if (known !== null && isExplained && behind === null) {
        // Unless it was there before.
        if (isUnsaved) store.remove(unshrunk);
        return known;
      }
    }
    const needs = investigated.isCutOff ? had(smallest) : await this.#needsOf(smallest, contender);
    const isCutOff = investigated.isCutOff || this.#over.signal.aborted;
    const seen = isCutOff ? had(smallest) : needs;
    // What was cut off is shrunk to its end by a later night.
    const counterexample = this.#counterexample(drawn, contender, smallest, seen.features, !isCutOff);
    return this.#note(contender, counterexample, smallest, seen, unshrunk);
  }

  /**
   * Saves what a failure came to, in the place of a file that holds it as it stood, and reports it unless its signature has been seen. A
   * known issue is not saved again.
   */
  async #note(
    contender: Contender,
    counterexample: Counterexample,
    failure: Failure,
    needs: Needs,
    replaced: string | null = null,
  ): Promise<Finding> {
    const { signature, op, backend, kind } = counterexample;
    const has = featuresOf(failure.call, contender.name, failure.mismatch);
    const recognisable = { op, backend, kind, version: contender.version, features: has };
    const knownIssue = recognise(this.#options.knownIssues, recognisable);
    this.#forgive(contender, kind, knownIssue);
    const file = knownIssue === null ? this.#options.store.save(counterexample) : null;
    if (replaced !== null && replaced !== file) this.#options.store.remove(replaced);
    const same = this.#all.find((finding) => finding.counterexample.signature === signature);
    if (same !== undefined) {
      // One of them was cut off.
      if (counterexample.shrunk && !same.counterexample.shrunk) {
        if (same.file !== null) this.#options.store.remove(same.file);
        Object.assign(same, { counterexample, file, failure, ...needs });
      } else if (file !== null && file !== same.file) this.#options.store.remove(file);
      return same;
    }
    const lock = lockOf(failure.call, contender.name, failure.mismatch);
    const finding: Finding = { counterexample, file, ...needs, lock, failure, knownIssue, times: 0 };
    this.#all.push(finding);
    await this.#options.onFinding(finding, this.#again);
    return finding;
  }

  /** A backend is not left out for deaths of which all is known. */
  #forgive({ runner }: Contender, kind: MismatchKind, knownIssue: KnownIssue | null): void {
    if (knownIssue !== null && isDeath({ kind })) runner.forgive();
  }

  #counterexample(
    { batch, index, seed: own }: Subject,
    { name, version, source }: Contender,
    { call, mismatch, before }: Failure,
    features: readonly string[],
    shrunk: boolean,
  ): Counterexample {
    const { session, seed, store } = this.#options;
    const signature = signatureOf(call, name, mismatch, before.length > 0, features);
    return {
      schema: counterexampleSchema,
      id: idOf(signature),
      signature,
      op: call.case.op,
      backend: name,
      version,
      kind: mismatch.kind,
      reason: mismatch.reason,
      elements: elementsOf(call.case),
      case: call.case,
      before,
      shrunk,
      found: { seed: own ?? seed, batch, index },
      ...(session.oracle.name === 'pytorch' ? {} : { oracle: session.oracle.name }),
      ...originOf(source, store.folder),
    };
  }
}
