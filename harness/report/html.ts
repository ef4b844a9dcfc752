/* Pages that need nothing but themselves: no script, no font, no picture from elsewhere. */

/** Text that is markup already. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

type Part = Markup | string | number | readonly Part[];

const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

function textOf(part: Part): string {
  if (part instanceof Markup) return part.text;
  if (typeof part === 'object') return part.map(textOf).join('');
  return String(part).replace(/[&<>"']/g, (character) => entities[character]!);
}

/** Markup from a template; what is put in is escaped, unless it is markup itself. */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  return new Markup(strings.map((text, i) => text + (i < parts.length ? textOf(parts[i]!) : '')).join(''));
}

export const nothing = html``;

/** A table that scrolls sideways by itself where it is too wide, by touch and by keyboard. */
export function scrolling(label: string, content: Markup): Markup {
  return html`<div class="scroll" role="region" aria-label="${label}" tabindex="0">${content}</div>`;
}

/** A program or command, which scrolls as well. */
export function code(label: string, text: string): Markup {
  return html`<pre tabindex="0" aria-label="${label}"><code>${text}</code></pre>`;
}

const style = `
:root { color-scheme: light dark; --back: #fff; --text: #1b1d22; --soft: #5b606b; --line: #d4d7de; --panel: #f5f6f8; --link: #0b57c2;
  --agrees: #d8f0e1; --agrees-text: #0b3d22; --partly: #eaf3d9; --partly-text: #2f3d0b; --unsupported: #e7e8ec; --unsupported-text: #3a3d45;
  --refuses: #fdeac4; --refuses-text: #4f3500; --wrong: #f9d3d3; --wrong-text: #5e0d0d; --crashes: #6d1a3a; --crashes-text: #fff;
  --unknown: #e4dbf6; --unknown-text: #33205c; --series-0: #0b57c2; --series-1: #b3400b; --series-2: #2c7a3f; --series-3: #7a3fae;
  --series-4: #8a6d00; --series-5: #00787a; }
@media (prefers-color-scheme: dark) { :root { --back: #16181d; --text: #e7e9ee; --soft: #a3a9b5; --line: #383c46; --panel: #1f2229;
  --link: #8ab8ff; --agrees: #14432c; --agrees-text: #d5f4e2; --partly: #36401a; --partly-text: #eaf3d0; --unsupported: #33363f;
  --unsupported-text: #d3d6de; --refuses: #513a08; --refuses-text: #ffe9bd; --wrong: #5c1c1c; --wrong-text: #ffdcdc; --crashes: #b0305f;
  --crashes-text: #fff; --unknown: #3b2c5e; --unknown-text: #e9e0ff; --series-0: #8ab8ff; --series-1: #ffab7a; --series-2: #7fd397;
  --series-3: #cfa3f7; --series-4: #e3c65b; --series-5: #5fd4d6; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 76rem; padding: 1rem; background: var(--back); color: var(--text);
  font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; line-height: 1.25; } h2 { margin-top: 2.5rem; font-size: 1.25rem; } h3 { font-size: 1.05rem; }
a { color: var(--link); } nav ul { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; padding: 0; list-style: none; }
.words { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
p.soft, .soft { color: var(--soft); }
.scroll { overflow-x: auto; border: 1px solid var(--line); border-radius: .4rem; }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
table { border-collapse: collapse; font-size: .9rem; overflow-wrap: normal; }
td { position: relative; }
th, td { padding: .3rem .6rem; border: 1px solid var(--line); text-align: left; white-space: nowrap; vertical-align: top; }
table.prose th, table.prose td { white-space: normal; min-width: 9rem; }
thead th { background: var(--panel); } td.number { text-align: right; font-variant-numeric: tabular-nums; }
tbody th { font-weight: 500; background: var(--panel); position: sticky; left: 0; }
pre { overflow-x: auto; padding: .75rem; background: var(--panel); border: 1px solid var(--line); border-radius: .4rem; font-size: .85rem; }
code { font-family: ui-monospace, monospace; }
details { margin: .5rem 0; border: 1px solid var(--line); border-radius: .4rem; }
details > summary { padding: .5rem .75rem; cursor: pointer; } details > .inside { padding: 0 .75rem .75rem; }
.badge { display: inline-block; min-width: 6.5em; padding: 0 .5em; margin-right: .5em; border-radius: .3rem; text-align: center; font-size: .85rem; }
.agrees { background: var(--agrees); color: var(--agrees-text); } .partly { background: var(--partly); color: var(--partly-text); }
.unsupported { background: var(--unsupported); color: var(--unsupported-text); } .refuses, .takes { background: var(--refuses); color: var(--refuses-text); }
.wrong { background: var(--wrong); color: var(--wrong-text); } .crashes { background: var(--crashes); color: var(--crashes-text); }
.unknown { background: var(--unknown); color: var(--unknown-text); }
svg { max-width: 100%; height: auto; } .scroll > svg { min-width: 34rem; } svg text { fill: var(--text); font: 12px system-ui, sans-serif; } svg .soft { fill: var(--soft); }
svg .grid { stroke: var(--line); } svg .cell { fill: var(--panel); stroke: var(--line); } svg .cell.off { fill: var(--wrong); stroke: var(--wrong-text); }
svg .cross { stroke: var(--wrong-text); } svg text.off { fill: var(--wrong-text); }
${[0, 1, 2, 3, 4, 5].map((i) => `svg .series-${i} { stroke: var(--series-${i}); color: var(--series-${i}); }`).join(' ')}
svg .line { fill: none; stroke-width: 2; } svg .dot { fill: currentColor; stroke: none; }
@media print { details:not([open]) > .inside { display: block; } .scroll { overflow: visible; } }
`;

/** A whole page. */
export function page(title: string, body: Markup): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${title}</title>
<style>${new Markup(style)}</style>
</head>
<body>
${body}
</body>
</html>
`.text;
}
