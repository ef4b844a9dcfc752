import { builtIns, defaultBackends } from '../backends/index.ts';
import { operators } from '../operators/index.ts';

/** Prints the operators and backends. Returns the exit code. */
export function list(): number {
  const lines = ['operators'];
  for (const { name, family, defaults, specUrl } of operators) {
    const required = family === 'padding' ? ['pad'] : [];
    const params = [...required, ...Object.entries(defaults).map(([param, value]) => `${param}=${value}`)];
    lines.push(`  ${name.padEnd(20)} ${params.join(' ')}`, `  ${' '.repeat(18)} ${specUrl}`);
  }
  lines.push('', 'gradients, each an operator of its own to cases: fuzz --gradients');
  for (const { name, inputs } of operators) {
    lines.push(`  ${inputs.map((by) => `${name}_grad_${by}`).join(' ')}`);
  }
  lines.push('', 'backends');
  for (const { name, about } of builtIns) {
    lines.push(`  ${name.padEnd(20)} ${about}${defaultBackends.includes(name) ? '' : ' (only when asked for)'}`);
  }
  lines.push(
    `  ${'./file.mjs'.padEnd(20)} your own: a module that exports a backend, see docs/how-to/add-a-backend.md`,
  );
  process.stdout.write(`${lines.join('\n')}\n`);
  return 0;
}
