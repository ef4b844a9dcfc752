import type { Night } from './history.ts';
import { inOrder } from './merge.ts';
import type { NightFinding, NightKept, NightReport } from './nightReport.ts';
import type { Cell } from './recorder.ts';

/* The parts of a night, as shards leave them, and the night that they make up. */

/** Parts that began longer before the last one than this are another night's. */
const night_ms = 18 * 3_600_000;

/** All parts of the last night, each once, in the order in which they began. Neither their order nor what is joined first matters. */
export function joinParts(all: readonly NightReport[]): NightReport[] {
  const parts = inOrder(all, ({ night }) => night.started);
  const last_ms = Math.max(...parts.map(({ night }) => Date.parse(night.started)));
  return parts.filter(({ night }) => Date.parse(night.started) > last_ms - night_ms);
}

/** The night that its parts make up. There is at least one. */
export function wholeNight(parts: readonly NightReport[]): NightReport {
  const [first] = parts;
  if (first === undefined) throw new Error('a night without parts');
  if (parts.length === 1) return first;
  return {
    schema: first.schema,
    night: nightOf(parts.map(({ night }) => night)),
    why: [...new Set(parts.flatMap(({ why }) => why ?? []))].join('; ') || null,
    cells: cellsOf(parts.flatMap(({ cells }) => cells)),
    curves: parts.flatMap(({ night, curves }) =>
      curves.map(({ points }) => ({ name: `shard ${night.shard.join(' of ')}, seed ${night.seed}`, points })),
    ),
    findings: findingsOf(parts.flatMap(({ findings }) => findings)),
    kept: keptOf(parts.flatMap(({ kept }) => kept)),
  };
}

/** The worst comes first; what was cut off is undecided. */
const exits: readonly Night['exit'][] = [2, 3, 1, 4, null, 0];

function nightOf(nights: readonly Night[]): Night {
  const canaries = nights.flatMap(({ canary }) => canary ?? []);
  const signatures = (which: 'known' | 'old' | 'fresh') => [...new Set(nights.flatMap((night) => night[which]))].sort();
  const [known, old] = [signatures('known'), signatures('old')];
  const backends = new Map<string, Night['backends'][number]>();
  for (const one of nights.flatMap((night) => night.backends)) {
    const { name, agree, mismatch, unsupported, unknown, vacuous, benched } = one;
    const before = backends.get(`${name} ${one.version}`);
    const retried = (before?.retried ?? 0) + (one.retried ?? 0);
    backends.set(
      `${name} ${one.version}`,
      before === undefined
        ? one
        : {
            ...before,
            agree: before.agree + agree,
            mismatch: before.mismatch + mismatch,
            unsupported: before.unsupported + unsupported,
            unknown: before.unknown + unknown,
            vacuous: before.vacuous + vacuous,
            benched: before.benched || benched,
            ...(retried > 0 ? { retried } : {}),
          },
    );
  }
  return {
    ...nights[0]!,
    seconds: Math.max(...nights.map(({ seconds }) => seconds)),
    shard: [1, 1],
    from: Math.min(...nights.map(({ from }) => from)),
    // The batches before have run, whichever of the parts' they were.
    next: Math.min(...nights.map(({ next }) => next)),
    cases: nights.reduce((sum, { cases }) => sum + cases, 0),
    canary: canaries.length < nights.length ? null : Math.max(...canaries),
    backends: [...backends.values()],
    saved: nights.flatMap(({ saved }) => saved),
    known,
    old,
    fresh: signatures('fresh').filter((one) => !old.includes(one)),
    settled: nights.flatMap(({ settled = [] }) => settled),
    exit: exits.find((exit) => nights.some((night) => night.exit === exit))!,
  };
}

function cellsOf(all: readonly Cell[]): Cell[] {
  const cells = new Map<string, Cell>();
  for (const one of all) {
    const key = `${one.op} ${one.backend}`;
    const before = cells.get(key);
    if (before === undefined) cells.set(key, { ...one });
    else {
      for (const count of ['agree', 'mismatch', 'known', 'unplaced', 'unsupported', 'unknown'] as const)
        before[count] += one[count];
    }
  }
  return [...cells.values()];
}

/** Of each signature the smallest, of these one with programs; it is new only where it was new to all. */
function findingsOf(all: readonly NightFinding[]): NightFinding[] {
  const signatures = [...new Set(all.map(({ signature }) => signature))];
  return signatures.map((signature) => {
    const same = all.filter((one) => one.signature === signature);
    const programs = ({ programs: { python, typescript } }: NightFinding) =>
      Number(python === null && typescript === null);
    const [best] = [...same].sort((one, other) => one.elements - other.elements || programs(one) - programs(other));
    const standing = (['known', 'old', 'fresh'] as const).find((which) => same.some((one) => one.standing === which))!;
    return { ...best!, standing, times: same.reduce((sum, { times }) => sum + times, 0) };
  });
}

function keptOf(all: readonly NightKept[]): NightKept[] {
  return [...new Map(all.map((one) => [`${one.key} ${one.standing}`, one])).values()];
}
