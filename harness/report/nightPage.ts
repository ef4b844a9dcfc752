import { fromJsonNumber } from '../core/json.ts';
import { allocate, type Tensor } from '../core/tensor.ts';
import type { Night } from '../night/history.ts';
import type { NightFinding, NightKept, NightReport, Shown } from '../night/nightReport.ts';
import type { Cell } from '../night/recorder.ts';
import { operatorOf } from '../operators/index.ts';
import { curves } from './curves.ts';
import { drawing, programSections, sentence, smallestCase } from './failure.ts';
import { code, html, type Markup, nothing, page, scrolling } from './html.ts';
import { linesLegend } from './lines.ts';
import { durationWords, groupDigits, lengthWords, plural, retriedWords, spanWords } from './words.ts';

/* A night as a page, for whoever comes in the morning. */

/** So many nights are shown, the last ones. */
const shownNights = 60;

const standings: Record<NightFinding['standing'], { words: string; style: string; symbol: string }> = {
  fresh: { words: 'new', style: 'wrong', symbol: '✗' },
  old: { words: 'saved before', style: 'refuses', symbol: '✗' },
  known: { words: 'known issue', style: 'unsupported', symbol: '–' },
};

const exitWords = [
  'All that was compared agrees, or differs by known issues only.',
  'There are mismatches that are no known issue.',
  'It was not used rightly.',
  'The harness cannot work, or cannot be trusted: what it says of backends is worth nothing.',
  'Undecided.',
];

function tensorOf({ shape, dtype, values }: Shown): Tensor {
  const data = allocate(dtype, values.length);
  for (const [i, value] of values.entries()) data[i] = fromJsonNumber(value);
  return { dtype, shape: [...shape], data };
}

function differenceOf({ case: testCase, want, got, culprit }: NightFinding): Markup {
  if (want === null || got === null) return nothing;
  const isRounded = operatorOf(testCase.op).rounding !== null;
  const tolerance = isRounded ? (culprit?.allowed ?? null) : null;
  return drawing({ want: tensorOf(want), got: tensorOf(got), culprit, tolerance });
}

function findingSection(finding: NightFinding): Markup {
  const { standing, signature, reason, elements, before, times, knownIssue, command, programs, found } = finding;
  const { words, style, symbol } = standings[standing];
  const issue =
    knownIssue === null
      ? nothing
      : html`<p>${knownIssue.title}${knownIssue.upstream === null ? nothing : html` (<a href="${knownIssue.upstream}">upstream</a>)`}.</p>`;
  const open = standing === 'fresh' ? html` open` : nothing;
  return html`<details${open}><summary><span class="badge ${style}">${symbol} ${words}</span>${signature} <span class="soft">${plural(times, 'case')}</span></summary>
<div class="inside">${issue}
${smallestCase(finding.case, elements, before)}
<p>${sentence(reason)}</p>
${differenceOf(finding)}
<p>To see it again:</p>${code('Command', command)}
${programSections(programs)}
<p class="soft">Found as case ${found.index} of batch ${found.batch} of seed ${found.seed}, on ${finding.backend} ${finding.version}.</p></div></details>`;
}

function findingsSection({ findings, kept }: NightReport): Markup {
  const order: NightFinding['standing'][] = ['fresh', 'old', 'known'];
  const sorted = order.flatMap((standing) => findings.filter((finding) => finding.standing === standing));
  const regressed = kept.filter((one) => one.regressed);
  const worst = regressed.map(
    ({ title, reason }) =>
      html`<p><span class="badge crashes">☠ regression</span> ${title}: it had been found fixed, and fails again. ${sentence(reason)}</p>`,
  );
  const all = sorted.length === 0 && worst.length === 0 ? html`<p>Nothing that fails was come upon.</p>` : nothing;
  return html`<section aria-labelledby="findings"><h2 id="findings">What was found</h2>${worst}${sorted.map(findingSection)}${all}</section>`;
}

function keptSection({ kept }: NightReport): Markup {
  const title = html`<h2 id="kept">What had been saved</h2>`;
  if (kept.length === 0)
    return html`<section aria-labelledby="kept">${title}<p>Nothing of these backends.</p></section>`;
  const row = ({ title: name, what, standing, regressed, reason }: NightKept) =>
    html`<tr><th scope="row">${name}</th><td>${what}</td><td>${regressed ? 'fails again' : standing}</td><td>${reason}</td></tr>`;
  const rank = ({ regressed, standing }: NightKept) =>
    regressed ? 0 : 1 + ['fixed', 'undecided', 'fails', 'left out'].indexOf(standing);
  const rows = [...kept].sort((one, other) => rank(one) - rank(other)).map(row);
  const fixed = kept.filter(({ standing }) => standing === 'fixed').length;
  return html`<section aria-labelledby="kept">${title}
<p class="soft">${plural(kept.length, 'saved failure')} ran once more; ${groupDigits(fixed)} of them ${fixed === 1 ? 'agrees' : 'agree'} now.</p>
<details><summary>All of them</summary><div class="inside">${scrolling('What had been saved', html`<table class="prose"><thead><tr><th scope="col">what</th><th scope="col">kind</th><th scope="col">now</th><th scope="col">seen</th></tr></thead><tbody>${rows}</tbody></table>`)}</div></details></section>`;
}

function cellMarkup(cell: Cell | undefined): Markup {
  if (cell === undefined) return html`<td class="number soft">none</td>`;
  const { agree, mismatch, known, unplaced, unsupported, unknown } = cell;
  const open = mismatch - known - unplaced;
  const parts = [
    `${groupDigits(agree)} agree`,
    ...(open > 0 ? [`${groupDigits(open)} wrong`] : []),
    ...(known > 0 ? [`${groupDigits(known)} known`] : []),
    ...(unplaced > 0 ? [`${groupDigits(unplaced)} not looked into`] : []),
    ...(unsupported > 0 ? [`${groupDigits(unsupported)} unsupported`] : []),
    ...(unknown > 0 ? [`${groupDigits(unknown)} unknown`] : []),
  ];
  const state =
    open > 0
      ? 'wrong'
      : unknown + unplaced > 0
        ? 'unknown'
        : agree === 0
          ? 'unsupported'
          : known > 0
            ? 'partly'
            : 'agrees';
  return html`<td class="number ${state}">${parts.map((words, i) => (i === 0 ? words : html`, <br>${words}`))}</td>`;
}

function matrixSection({ cells }: NightReport): Markup {
  const ops = [...new Set(cells.map(({ op }) => op))];
  const backends = [...new Set(cells.map(({ backend }) => backend))];
  const at = (op: string, backend: string) => cells.find((cell) => cell.op === op && cell.backend === backend);
  const rows = backends.map(
    (backend) => html`<tr><th scope="row">${backend}</th>${ops.map((op) => cellMarkup(at(op, backend)))}</tr>`,
  );
  const table = html`<table><thead><tr><th scope="col">backend</th>${ops.map((op) => html`<th scope="col">${op}</th>`)}</tr></thead><tbody>${rows}</tbody></table>`;
  return html`<section aria-labelledby="matrix"><h2 id="matrix">What was run</h2>
<p class="soft">In cases. What is wrong beyond known issues has the colour of a mistake. A failure is not looked into where others that look like it have come to nothing new.</p>
${cells.length === 0 ? html`<p>No case was run.</p>` : scrolling('Operators and backends', table)}</section>`;
}

const percent = (share: number) => `${(100 * share).toFixed(share === 1 || share === 0 ? 0 : 1)} %`;

function coverageSection({ curves: all }: NightReport): Markup {
  const title = html`<h2 id="coverage">What was covered</h2>`;
  const lasts = all.flatMap(({ name, points }) => (points.length === 0 ? [] : [{ name, ...points.at(-1)! }]));
  if (lasts.length === 0) return html`<section aria-labelledby="coverage">${title}<p>Nothing.</p></section>`;
  const isAlone = all.length === 1;
  const series = all.flatMap(({ name, points }) =>
    (isAlone ? (['pairs', 'triples'] as const) : (['triples'] as const)).map((size) => ({
      name: isAlone ? size : name,
      points: points.map((point) => ({
        x: point.seconds,
        y: point[size],
        words: `${percent(point[size])} after ${groupDigits(point.cases)} cases`,
      })),
    })),
  );
  const words = lasts.map(
    ({ name, pairs, triples, cases }) =>
      html`<li>${isAlone ? '' : `${name}: `}${percent(pairs)} of the pairs and ${percent(triples)} of the triples in ${plural(cases, 'case')}</li>`,
  );
  return html`<section aria-labelledby="coverage">${title}
<p>Of the classes of parameters that go together were drawn:</p><ul>${words}</ul>
<p class="soft">Over time${isAlone ? '' : ', the triples'}:</p>
${linesLegend(series.map(({ name }) => name))}${scrolling(
  'Coverage over time',
  curves({
    label:
      'The share of pairs and triples of parameter classes that were drawn, over time; how it ended is in the list above',
    series,
    mostX: Math.max(...lasts.map(({ seconds }) => seconds)),
    mostY: 1,
    wordsX: durationWords,
    wordsY: (y) => `${Math.round(100 * y)} %`,
    titleX: 'time since the hunt began',
  }),
)}</section>`;
}

function trendsSection(history: readonly Night[]): Markup {
  const nights = history.slice(-shownNights);
  const names = ['new', 'saved before', 'known issues'] as const;
  const counts = (night: Night) => [night.fresh.length, night.old.length, night.known.length] as const;
  // Four steps of whole failures.
  const most = 4 * Math.max(1, Math.ceil(Math.max(...nights.flatMap(counts)) / 4));
  const series = names.map((name, k) => ({
    name,
    points: nights.map((night, i) => ({
      x: i,
      y: counts(night)[k]!,
      words: `${counts(night)[k]!} on ${night.started.slice(0, 10)}`,
    })),
  }));
  const rows = [...nights].reverse().map((night) => {
    const [fresh, old, known] = counts(night);
    return html`<tr><th scope="row">${night.started.slice(0, 16).replace('T', ' ')}</th><td class="number">${night.shard.join(' of ')}</td><td class="number">${groupDigits(night.cases)}</td><td class="number">${fresh}</td><td class="number">${old}</td><td class="number">${known}</td><td class="number">${night.exit ?? 'cut off'}</td></tr>`;
  });
  const days = nights.map(({ started }) => started.slice(0, 10));
  const hasOneADay = new Set(days).size === days.length;
  const day = (i: number) => (hasOneADay ? days[i]! : nights[i]!.started.slice(5, 16).replace('T', ' '));
  return html`<section aria-labelledby="trends"><h2 id="trends">The last nights</h2>
<p class="soft">Different failures that each of ${plural(nights.length, 'run')} came upon; each part of a night is a run of its own.</p>
${nights.length < 2 ? nothing : html`${linesLegend(names)}${scrolling('Failures from night to night', curves({ label: 'Failures by night; the numbers are in the table below', series, mostX: nights.length - 1, mostY: most, isWholeX: true, wordsX: day, wordsY: (y) => String(Math.round(y)), titleX: 'run' }))}`}
${scrolling('Nights', html`<table><thead><tr><th scope="col">began</th><th scope="col">shard</th><th scope="col">cases</th><th scope="col">new</th><th scope="col">saved before</th><th scope="col">known</th><th scope="col">exit</th></tr></thead><tbody>${rows}</tbody></table>`)}</section>`;
}

/** How many cases a backend was asked. */
function judgedOf({
  agree,
  mismatch,
  unsupported,
  unknown: doubtful,
}: Pick<Night['backends'][number], 'agree' | 'mismatch' | 'unsupported' | 'unknown'>): number {
  return agree + mismatch + unsupported + doubtful;
}

/** The page, as one file that needs no other. `history`: with this night among them. */
export function nightPage(report: NightReport, history: readonly Night[]): string {
  const { night, why } = report;
  const title = `Night of ${night.started.slice(0, 10)}`;
  const canary =
    night.canary === null ? 'The canary was not found.' : `The canary was found after ${plural(night.canary, 'case')}.`;
  const sections = [
    ['findings', 'Found'],
    ['kept', 'Saved'],
    ['matrix', 'Run'],
    ['coverage', 'Covered'],
    ['trends', 'Nights'],
  ] as const;
  const backends = night.backends.map(
    ({ name, version, benched, retried = 0, ...counts }) =>
      `${name} ${version}${benched ? ` (it died too often, and was left out after ${plural(judgedOf(counts), 'case')})` : ''}` +
      `${retried > 0 ? ` (it ${retriedWords(retried)})` : ''}`,
  );
  const ending = night.exit === null ? 'It was cut off.' : exitWords[night.exit]!;
  return page(
    title,
    html`<header><h1>${title}</h1>
<p><strong>${ending}</strong>${why === null ? '' : ` ${sentence(why)}`} ${canary}</p>
<p>${groupDigits(night.cases)} cases ${spanWords(report)}, in ${lengthWords(report)}, on ${backends.join(', ')}.</p>
<nav aria-label="Sections"><ul>${sections.map(([id, words]) => html`<li><a href="#${id}">${words}</a></li>`)}</ul></nav></header>
<main>${findingsSection(report)}${keptSection(report)}${matrixSection(report)}${coverageSection(report)}${trendsSection(history)}</main>`,
  );
}
