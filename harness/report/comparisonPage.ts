import type { Change, Comparison, Counts, Entry, Table } from '../capability/comparison.ts';
import type { Speed } from '../capability/speed.ts';
import type { Standing } from '../capability/standing.ts';
import { gotOf, wantedOf } from '../repro/finding.ts';
import {
  backendWords,
  countsWords,
  entryWords,
  evidenceWords,
  ruleWords,
  shareWords,
  standingWords,
} from './boundaries.ts';
import { type Difference, drawing, type Programs, programSections, sentence, smallestCase } from './failure.ts';
import { code, html, type Markup, nothing, page, scrolling } from './html.ts';
import { linesLegend } from './lines.ts';
import { errorPlot } from './plot.ts';
import { durationWords, groupDigits } from './words.ts';

/* A comparison as a page, for someone who has to decide what to do about a backend. */

export interface ComparisonPageOptions {
  comparison: Comparison;
  programs: ReadonlyMap<Entry, Programs>;
  /** What is typed to see an entry's case again. */
  command(entry: Entry): string;
}

type State = Standing | 'partly';

const symbols: Record<State, string> = {
  agrees: '✓',
  partly: '✓',
  unsupported: '–',
  refuses: '⊘',
  takes: '⊕',
  wrong: '✗',
  crashes: '☠',
  unknown: '?',
};

const stateWords: Record<State, string> = { ...standingWords, partly: 'agrees, or is unsupported' };

/** What a cell is coloured by: the worst that happened in it. */
function stateOf(counts: Counts): State | null {
  for (const worst of ['crashes', 'wrong', 'takes', 'refuses', 'unknown'] as const) {
    if ((counts[worst] ?? 0) > 0) return worst;
  }
  if ((counts.agrees ?? 0) > 0) return (counts.unsupported ?? 0) > 0 ? 'partly' : 'agrees';
  return (counts.unsupported ?? 0) > 0 ? 'unsupported' : null;
}

function totalOf(counts: Counts): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

function cell(counts: Counts): Markup {
  const state = stateOf(counts);
  if (state === null) return html`<td class="number soft">none</td>`;
  const total = totalOf(counts);
  const own = state === 'partly' ? counts.agrees! : counts[state]!;
  const text = own === total ? groupDigits(total) : shareWords({ happened: own, cases: total });
  return html`<td class="number ${state}" title="${countsWords(counts)}"><span aria-hidden="true">${symbols[state]} ${text}</span><span class="words">${countsWords(counts)}</span></td>`;
}

function head(first: string, backends: readonly string[]): Markup {
  return html`<thead><tr><th scope="col">${first}</th>${backends.map((name) => html`<th scope="col">${name}</th>`)}</tr></thead>`;
}

function legend(): Markup {
  const states: State[] = ['agrees', 'partly', 'unsupported', 'refuses', 'takes', 'wrong', 'crashes', 'unknown'];
  return html`<p>${states.map((state) => html`<span class="badge ${state}">${symbols[state]} ${stateWords[state]}</span> `)}</p>`;
}

function overview({ tables, backends }: Comparison): Markup {
  const names = backends.map(({ name }) => name);
  const rows = tables.map(
    ({ op, totals }) =>
      html`<tr><th scope="row"><a href="#classes-${op}">${op}</a></th>${names.map((name) => cell(totals[name] ?? {}))}</tr>`,
  );
  return html`<section aria-labelledby="overview"><h2 id="overview">Overview</h2>
<p class="soft">Each cell has the colour of the worst that happened, and in how many of its cases.</p>
${legend()}
${scrolling('Operators and backends', html`<table>${head('operator', names)}<tbody>${rows}</tbody></table>`)}</section>`;
}

function tableSection({ op, dimensions }: Table, backends: readonly string[]): Markup {
  const rows = dimensions.flatMap(({ name, classes }) =>
    classes.map(
      ({ name: one, counts }) =>
        html`<tr><th scope="row">${name}: ${one}</th>${backends.map((backend) => cell(counts[backend] ?? {}))}</tr>`,
    ),
  );
  return html`<details><summary>${op}</summary><div class="inside" id="classes-${op}">${scrolling(`Classes of ${op}`, html`<table>${head('class', backends)}<tbody>${rows}</tbody></table>`)}</div></details>`;
}

function differenceOf({ finding }: Entry): Difference | null {
  if (finding === null) return null;
  const [want, got] = [wantedOf(finding), gotOf(finding)];
  if (want === null || got === null) return null;
  const { culprit } = finding.mismatch;
  return { want, got, culprit, tolerance: finding.call.operator.rounding === null ? null : (culprit?.allowed ?? null) };
}

function entrySection(entry: Entry, options: ComparisonPageOptions): Markup {
  const { standing, knownIssue } = entry;
  const issue =
    knownIssue === null
      ? nothing
      : html`<p>A known issue: ${knownIssue.title}${knownIssue.upstream === null ? nothing : html` (<a href="${knownIssue.upstream}">upstream</a>)`}.</p>`;
  const difference = differenceOf(entry);
  const programs = options.programs.get(entry);
  return html`<details><summary><span class="badge ${standing}">${symbols[standing]} ${standingWords[standing]}</span>${entryWords(entry)}${knownIssue === null ? nothing : html` <span class="soft">(known)</span>`}</summary>
<div class="inside"><p>${sentence(evidenceWords(entry))}</p>${issue}
${smallestCase(entry.case, entry.elements, entry.before)}
<p>${sentence(entry.reason)}</p>
${difference === null ? nothing : drawing(difference)}
<p>To see it again:</p>${code('Command', options.command(entry))}
${programs === undefined ? nothing : programSections(programs)}</div></details>`;
}

function entriesSection(options: ComparisonPageOptions): Markup {
  const { backends, entries, elsewhere, interrupted } = options.comparison;
  const sections = backends.map(({ name, version }) => {
    const own = entries.filter(({ backend }) => backend === name);
    const checks = elsewhere.filter(({ backend }) => backend === name);
    const [cases, met] = checks.reduce(([a, b], { fresh }) => [a + fresh.cases, b + fresh.happened], [0, 0]);
    const outside = `Of ${groupDigits(cases)} cases that meet none of its rules, drawn to check them, ${groupDigits(cases - met)} agree.`;
    const all = interrupted
      ? 'Nothing else was seen before it was interrupted.'
      : 'It does all that was tried as PyTorch does.';
    const list = own.length === 0 ? html`<p>${all}</p>` : own.map((entry) => entrySection(entry, options));
    return html`<h3>${backendWords({ name, version })}</h3>${list}${cases === 0 ? nothing : html`<p class="soft">${outside}</p>`}`;
  });
  return html`<section aria-labelledby="rules"><h2 id="rules">What it does not do as PyTorch does</h2>
<p class="soft">${interrupted ? 'Interrupted before all rules were learned: what has none is the smallest case that was seen.' : 'Rules were learned from the cases and then checked with others, drawn afterwards.'}</p>${sections}</section>`;
}

function errorsSection({ errors, backends }: Comparison): Markup {
  const names = backends.map(({ name }) => name).filter((name) => errors.some(({ backend }) => backend === name));
  const title = html`<h2 id="errors">Errors against the bound</h2>`;
  if (names.length === 0)
    return html`<section aria-labelledby="errors">${title}<p>No result was rounded.</p></section>`;
  const rows = errors.map(
    ({ backend, taps, cases, median, worst }) =>
      html`<tr><th scope="row">${backend}</th><td class="number">${taps} to ${2 * taps - 1}</td><td class="number">${groupDigits(cases)}</td><td class="number">${median.toPrecision(2)}</td><td class="number">${worst.toPrecision(2)}</td></tr>`,
  );
  return html`<section aria-labelledby="errors">${title}
<p class="soft">Of results that agree without being exact: the largest error as a share of what rounding explains. Above the line would be wrong.</p>
${linesLegend(names)}${scrolling('Errors', errorPlot(errors, names))}
<details><summary>The numbers</summary><div class="inside">${scrolling('Errors in numbers', html`<table><thead><tr><th scope="col">backend</th><th scope="col">products</th><th scope="col">cases</th><th scope="col">median</th><th scope="col">worst</th></tr></thead><tbody>${rows}</tbody></table>`)}</div></details></section>`;
}

/** A ratio's place on a logarithmic scale from a thousandth to a thousand times, in percent. */
function place(ratio: number): number {
  return 50 + (50 * Math.max(-3, Math.min(3, Math.log10(ratio)))) / 3;
}

/** Two digits are enough of what varies so. */
function roughly(value: number): string {
  return value >= 100 ? groupDigits(value) : String(Number(value.toPrecision(2)));
}

/** `isAlone`: there is nothing to compare it with. */
function speedRow({ layer, backend, base, ratio, seconds }: Speed, isAlone: boolean): Markup {
  const time = html`<th scope="row">${layer}</th><td>${backend}</td><td class="number">${roughly(1000 * seconds)} ms</td>`;
  if (isAlone) return html`<tr>${time}</tr>`;
  const [low, middle, high] = [place(ratio.low), place(ratio.median), place(ratio.high)];
  const bar = html`<svg aria-hidden="true" width="200" height="14" viewBox="0 0 200 14"><line class="grid" x1="100" x2="100" y1="0" y2="14"/><g class="series-0"><line class="line" x1="${2 * low}" x2="${2 * high}" y1="7" y2="7"/><circle class="dot" cx="${2 * middle}" cy="7" r="4"/></g></svg>`;
  const words =
    backend === base
      ? 'is what others are compared with'
      : `${roughly(ratio.median)} (${roughly(ratio.low)} to ${roughly(ratio.high)})`;
  return html`<tr>${time}<td>${words}</td><td>${backend === base ? '' : bar}</td></tr>`;
}

function speedSection({ speed }: Comparison): Markup {
  const title = html`<h2 id="speed">Speed</h2>`;
  if (speed.length === 0)
    return html`<section aria-labelledby="speed">${title}<p>No layer of a known model was run.</p></section>`;
  const isAlone = speed.every(({ backend, base }) => backend === base);
  const about = isAlone
    ? 'Layers of known models, in three to seven rounds: the middle one.'
    : "Layers of known models, all backends in turn, in three to seven rounds. The time as a multiple of the first backend's in the same round: the middle one, from the least to the most. Left of the line is faster. A backend that does not run a layer has no row.";
  const multiple = isAlone
    ? nothing
    : html`<th scope="col">multiple</th><th scope="col">from 1/1000 to 1000 times</th>`;
  return html`<section aria-labelledby="speed">${title}
<p class="soft">${about}</p>
${scrolling('Times of layers', html`<table><thead><tr><th scope="col">layer</th><th scope="col">backend</th><th scope="col">time</th>${multiple}</tr></thead><tbody>${speed.map((one) => speedRow(one, isAlone))}</tbody></table>`)}</section>`;
}

function changeRow({ op, against, backend, from, to, cases }: Change): Markup {
  return html`<tr><th scope="row">${op}</th><td class="number">${groupDigits(cases)}</td><td><span class="badge ${from}">${standingWords[from]}</span> ${against}</td><td><span class="badge ${to}">${standingWords[to]}</span> ${backend}</td></tr>`;
}

function rulesOnlyIn(entries: readonly Entry[], one: string, other: string): Markup {
  const others = new Set(entries.filter(({ backend }) => backend === other).map(entryWords));
  const own = entries.filter(
    (entry) => entry.backend === one && !others.has(entryWords(entry)) && !entry.alsoOn.includes(other),
  );
  if (own.length === 0) return nothing;
  return html`<h3>Only ${one}</h3><ul>${own.map((entry) => html`<li>${entry.op}: ${ruleWords(entry)}</li>`)}</ul>`;
}

function changesSection({ changes, backends, entries }: Comparison): Markup {
  const bases = backends.filter(({ isBase }) => isBase);
  if (bases.length === 0) return nothing;
  const pairs = bases.flatMap((base) =>
    backends.filter(({ isBase }) => !isBase).map((backend) => [base.name, backend.name] as const),
  );
  const rules = pairs.map(
    ([base, backend]) => html`${rulesOnlyIn(entries, base, backend)}${rulesOnlyIn(entries, backend, base)}`,
  );
  const table =
    changes.length === 0
      ? html`<p>All cases came out alike.</p>`
      : scrolling(
          'Changes',
          html`<table><thead><tr><th scope="col">operator</th><th scope="col">cases</th><th scope="col">compared with</th><th scope="col">looked at</th></tr></thead><tbody>${changes.map(changeRow)}</tbody></table>`,
        );
  return html`<section aria-labelledby="changes"><h2 id="changes">What changed</h2>${table}${rules}</section>`;
}

/** The page, as one file that needs no other. */
export function comparisonPage(options: ComparisonPageOptions): string {
  const { comparison } = options;
  const { backends, seed, cases, seconds, oracle, tables, interrupted } = comparison;
  const looked = backends.filter(({ isBase }) => !isBase);
  const bases = backends.filter(({ isBase }) => isBase);
  const oracleWords = {
    pytorch: 'PyTorch',
    tensorflow: 'TensorFlow',
    reference: "convdiff's own definition",
    none: 'itself, by relations between results',
  }[oracle];
  const beside = bases.length === 0 ? '' : `, beside ${bases.map(backendWords).join(', ')}`;
  const title = `${looked.map(backendWords).join(', ')} against ${oracleWords}`;
  const sections = [
    ['overview', 'Overview'],
    ...(bases.length > 0 ? [['changes', 'What changed']] : []),
    ['rules', 'Rules'],
    ['errors', 'Errors'],
    ['speed', 'Speed'],
    ['classes', 'Classes'],
  ] as const;
  const names = backends.map(({ name }) => name);
  return page(
    title,
    html`<header><h1>${title}</h1>
<p>${groupDigits(cases)} cases${beside}, seed ${seed}, in ${durationWords(seconds)}, by convdiff.${interrupted ? ' Interrupted: what follows is what there was.' : ''}</p>
<nav aria-label="Sections"><ul>${sections.map(([id, words]) => html`<li><a href="#${id!}">${words!}</a></li>`)}</ul></nav></header>
<main>${overview(comparison)}${changesSection(comparison)}${entriesSection(options)}${errorsSection(comparison)}${speedSection(comparison)}
<section aria-labelledby="classes"><h2 id="classes">By parameter class</h2>
<p class="soft">Cases that are neither broken nor bent on purpose. A case has one class of each kind, that of its most demanding axis.</p>
${tables.map((table) => tableSection(table, names))}</section></main>`,
  );
}
