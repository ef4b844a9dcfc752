import fc from 'fast-check';
import type { Operator } from '../operators/operator.ts';
import type { Family, Rule } from '../semantics/semantics.ts';

/*
 * docs/reference/rules.md, from the lists that validate, draw invalid cases and word the errors. `npm run docs` writes it.
 */

const families: readonly { family: Family; title: string }[] = [
  { family: 'convolution', title: '`conv1d`, `conv2d`, `conv3d`' },
  { family: 'transposed convolution', title: '`conv_transpose1d`, `conv_transpose2d`, `conv_transpose3d`' },
  { family: 'padding', title: '`pad`' },
];

/** What the operators of a family say, once where they all say the same. */
function together(texts: readonly string[]): string {
  if (new Set(texts).size === 1) return texts[0]!;
  return texts.map((text, i) => `${i + 1}-D: ${text}`).join('; ');
}

/** How the error reads for a call that breaks a rule and none before it. */
function exampleOf({ arbitrary, rules }: Operator, rule: Rule): string {
  const earlier = rules.slice(0, rules.indexOf(rule));
  for (const spec of fc.sample(arbitrary, { seed: 1, numRuns: 50 })) {
    const broken = rule.breaks(spec).find((one) => earlier.every(({ holds }) => holds(one)));
    if (broken !== undefined) return rule.message(broken);
  }
  throw new Error(`no call breaks ${rule.name} alone`);
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}

function familySection(title: string, operators: readonly Operator[]): string {
  const [first] = operators as [Operator];
  const rules = first.rules.map((rule, i) => {
    const about = together(operators.map((operator) => operator.rules[i]!.about));
    return `| \`${rule.name}\` | ${cell(about)} | ${cell(exampleOf(first, rule))} |`;
  });
  const oddities = first.oddities.map(({ name, about }) => `| \`${name}\` | ${cell(about)} |`);
  return `## ${title}

| rule | what it demands | an error |
|---|---|---|
${rules.join('\n')}

| oddity | what PyTorch does |
|---|---|
${oddities.join('\n')}
`;
}

/** The page, as Markdown. */
export function rulesPage(operators: readonly Operator[]): string {
  const sections = families.map(({ family, title }) =>
    familySection(
      title,
      operators.filter((operator) => operator.family === family),
    ),
  );
  return `# What PyTorch refuses

Written by \`npm run docs\` from the lists in \`harness/semantics/\`; not to be edited by hand. The same lists validate a call,
draw invalid ones (each rule broken alone, near its edge and far from it) and word the errors; the tests hold every rule
against PyTorch 2.13 from both sides of its edge.

A call must keep the rules of its family, in this order: a later one is looked at only where the earlier ones hold. The names
stand in signatures. *Idle* means that there is nothing to compute: the batch is 0 or, in a convolution that is not transposed,
there are no input channels. *Oddities* are what PyTorch treats in a way of its own; only strict backends are given such cases.

${sections.join('\n')}`;
}
