import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { joinParts, wholeNight } from './join.ts';
import { type NightReport, nightReportSchema } from './nightReport.ts';
import { finding, night } from './testing.ts';

function part(more: Partial<NightReport> = {}): NightReport {
  return {
    schema: nightReportSchema,
    night: night(),
    why: null,
    cells: [],
    curves: [],
    findings: [],
    kept: [],
    ...more,
  };
}

const anyPart = fc
  .record({ hour: fc.integer({ min: 0, max: 60 }), shard: fc.integer({ min: 1, max: 3 }), cases: fc.nat(3) })
  .map(({ hour, shard, cases }) =>
    part({
      night: night({ started: new Date(Date.UTC(2026, 10, 27, hour)).toISOString(), shard: [shard, 3], cases }),
    }),
  );
const parts = fc.array(anyPart, { maxLength: 6 });

test('parts are joined in any order and in any grouping, each once, with the same result: the last night', () => {
  fc.assert(
    fc.property(parts, parts, parts, (a, b, c) => {
      const first = joinParts([...a, ...b, ...c]);
      expect(joinParts([...c, ...a, ...b])).toEqual(first);
      expect(joinParts([...joinParts([...a, ...b]), ...c])).toEqual(first);
      expect(joinParts([...a, ...joinParts([...c, ...b])])).toEqual(first);
      expect(joinParts([...a, ...b, ...c, ...a])).toEqual(first);
      const times = first.map((one) => Date.parse(one.night.started));
      if (times.length > 0) expect(Math.max(...times) - Math.min(...times)).toBeLessThan(18 * 3_600_000);
    }),
  );
});

describe('a whole night', () => {
  const backend = { version: '1', mismatch: 1, unsupported: 2, unknown: 0, vacuous: 0, benched: false };
  const cell = { op: 'conv1d', mismatch: 1, known: 0, unplaced: 1, unsupported: 2, unknown: 0 };
  const one = part({
    night: night({
      shard: [1, 2],
      cases: 100,
      canary: 5,
      next: 4,
      exit: 1,
      fresh: ['a', 'b'],
      backends: [{ ...backend, name: 'x', agree: 10 }],
    }),
    cells: [{ ...cell, backend: 'x', agree: 10 }],
    findings: [finding({ signature: 'a', elements: 9, times: 3 })],
  });
  const other = part({
    night: night({
      shard: [2, 2],
      cases: 50,
      canary: 7,
      next: 7,
      exit: 4,
      fresh: ['b'],
      old: ['a'],
      backends: [{ ...backend, name: 'x', agree: 1, benched: true }],
    }),
    why: 'undecided: time was up',
    cells: [{ ...cell, backend: 'x', agree: 1 }],
    findings: [finding({ signature: 'a', elements: 5, times: 4, standing: 'old' }), finding({ signature: 'b' })],
  });

  test('is its only part', () => {
    expect(wholeNight([one])).toBe(one);
  });

  test('has the sums, the worst exit code, and of each bug the smallest case', () => {
    const whole = wholeNight([one, other]);
    expect(whole.night).toMatchObject({
      cases: 150,
      canary: 7,
      from: 0,
      next: 4,
      exit: 1,
      fresh: ['b'],
      old: ['a'],
      shard: [1, 1],
    });
    expect(whole.night.backends).toEqual([
      { ...backend, name: 'x', agree: 11, mismatch: 2, unsupported: 4, benched: true },
    ]);
    expect(whole.cells).toEqual([{ ...cell, backend: 'x', agree: 11, mismatch: 2, unplaced: 2, unsupported: 4 }]);
    expect(whole.findings).toMatchObject([
      { signature: 'a', elements: 5, times: 7, standing: 'old' },
      { signature: 'b', standing: 'fresh' },
    ]);
    expect(whole.why).toBe('undecided: time was up');
  });

  test('took as long as its longest part, and has what became of each saved failure once', () => {
    const kept = (standing: 'fails' | 'fixed') => ({
      key: 'a',
      what: 'counterexample' as const,
      title: 'a',
      standing,
      regressed: false,
      reason: '',
    });
    const whole = wholeNight([
      part({ night: night({ seconds: 5 }), kept: [kept('fails')] }),
      part({ night: night({ seconds: 7 }), kept: [kept('fails'), kept('fixed')] }),
    ]);
    expect(whole.night.seconds).toBe(7);
    expect(whole.kept.map(({ standing }) => standing)).toEqual(['fails', 'fixed']);
  });

  test('shows of cases of one size that for which there is a program', () => {
    const programs = { python: 'print()', typescript: null };
    const none = finding({ programs: { python: null, typescript: null } });
    const whole = wholeNight([part({ findings: [none] }), part({ findings: [finding({ programs })] })]);
    expect(whole.findings).toMatchObject([{ programs }]);
  });

  test.each([
    [[0, 4], 4],
    [[4, 1], 1],
    [[1, 3], 3],
    [[0, null], null],
    [[0, 0], 0],
  ] as const)('of exit codes %j has %s', (exits, exit) => {
    expect(wholeNight(exits.map((code) => part({ night: night({ exit: code }) }))).night.exit).toBe(exit);
  });

  test('has no canary where one part has none', () => {
    expect(wholeNight([one, part({ night: night({ canary: null }) })]).night.canary).toBe(null);
  });
});
