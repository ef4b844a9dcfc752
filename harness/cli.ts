import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, CommanderError, Option } from 'commander';
import { isSetupError, root } from '../scripts/setup.mjs';
import { check } from './commands/check.ts';
import { compare } from './commands/compare.ts';
import { coverage } from './commands/coverage.ts';
import { doctor } from './commands/doctor.ts';
import { explain } from './commands/explain.ts';
import { fuzz } from './commands/fuzz.ts';
import { list as listAll } from './commands/list.ts';
import { merge } from './commands/merge.ts';
import { nightly } from './commands/nightly.ts';
import { list } from './commands/options.ts';
import { replay } from './commands/replay.ts';
import { repro } from './commands/repro.ts';
import { setup } from './commands/setup.ts';
import { tryCase } from './commands/try.ts';
import { HarnessError, UsageError } from './core/errors.ts';
import { oracleNames } from './core/outcome.ts';
import { libraries } from './lowering/print.ts';
import { languages } from './repro/programs.ts';

/*
 * The command line: what there is to type, and the exit codes.
 *
 *   0  all that was compared agrees, or differs by known issues only
 *   1  a mismatch that is not a known issue
 *   2  wrong usage or a bad file
 *   3  the harness cannot work or cannot be trusted
 *   4  undecided: nothing was compared, a verdict is unknown, or fewer cases ran than were asked for
 */

const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };

const exitUsage = 2;
const exitHarness = 3;

const description = 'Differential testing of convolutions and padding against PyTorch.';
const exitCodes = `
Exit codes:
  0  what was compared agrees, or differs by known issues only
  1  a mismatch that is not a known issue
  2  wrong usage or a bad file
  3  the harness itself cannot work or cannot be trusted
  4  undecided: nothing was compared, a verdict is unknown, or less was done than was asked for`;

const format = () =>
  new Option('--format <format>', 'for people or for programs').choices(['pretty', 'jsonl']).default('pretty');

/** Options of every command that runs cases. */
function running(command: Command): Command {
  return command
    .option('--backend <names>', 'backends by name or module path; may be repeated or take commas', list)
    .option('--case-timeout <duration>', 'how long a single case may take (default: 2s)')
    .addOption(new Option('--oracle <name>', 'whose word counts (default: pytorch)').choices(oracleNames))
    .addOption(format());
}

/** Options of every command that draws cases for as long as it is told. */
function hunting(command: Command): Command {
  return running(command)
    .option('--op <names>', 'operators; may be repeated or take commas (default: all)', list)
    .option('--gradients', "run the operators' gradients by input, weight and bias")
    .option('--runs <n>', 'stop after so many cases (default: 10000 where there is no --time)')
    .option('--time <duration>', 'stop after so long, such as 90s or 2h')
    .option('--shard <i/n>', 'only this part of the whole, such as 2/5; all parts with one seed are the whole')
    .option('--store <folder>', 'where counterexamples are saved (default: reports/counterexamples)');
}

/** Options that describe one case. */
function caseFlags(command: Command): Command {
  return command
    .option('--input <shape>', 'shape of the input, such as 2,1,7')
    .option('--weight <shape>', 'shape of the weight, such as 1,2,3')
    .option('--bias [shape]', 'with a bias')
    .option('--stride <ints>', 'an int, or a list with one entry an axis, such as 2,1')
    .option('--padding <ints>', 'or same, or valid')
    .option('--output_padding, --output-padding <ints>', 'of transposed convolutions')
    .option('--dilation <ints>', 'as stride')
    .option('--groups <n>', 'how many groups the channels fall into')
    .option('--pad <ints>', 'of pad: before and after, from the last dimension back, such as 1,1,-2,0')
    .option('--mode <mode>', 'of pad: constant, reflect, replicate or circular')
    .option('--value <number>', 'of pad: what is put around, also NaN, Infinity, -Infinity, -0')
    .option('--dtype <dtype>', 'float32, float64 or int32', 'float32')
    .option('--values <kind>', 'lattice, normal or special', 'lattice')
    .option('--seed <n>', 'seed of the data', '1');
}

function program(done: (exit: number) => void): Command {
  const convdiff = new Command('convdiff')
    .addHelpText('after', exitCodes)
    .description(description)
    .version(version, '--version', 'the version of convdiff')
    .showHelpAfterError('(add --help for what there is)');

  hunting(convdiff.command('fuzz').description('draw cases, run them on all backends, shrink and save what disagrees'))
    .option('--seed <n>', 'where drawing begins (default: at random, printed first)')
    .action(async (options) => done(await fuzz(options)));

  hunting(
    convdiff
      .command('nightly')
      .description('what is saved runs again, the hunt goes on where it ended, and all is remembered'),
  )
    .option('--seed <n>', 'which cases are drawn, in which order (default: 1)')
    .option('--report <folder>', 'where the history is kept (default: reports/runs/nightly)')
    .action(async (options) => done(await nightly(options)));

  running(convdiff.command('check').description('run case files as they are'))
    .argument('<files...>', 'case files')
    .action(async (files, options) => done(await check(files, options)));

  running(
    caseFlags(convdiff.command('try').description('run one case from flags').argument('<op>', 'operator')),
  ).action(async (op, options) => done(await tryCase(op, options)));

  caseFlags(
    convdiff
      .command('explain')
      .description('what the padding of a call means: sizes, F.pad and tf.pad, crops, pictures, code')
      .argument('<op-or-file>', 'operator, with flags as of try; or a case file'),
  )
    .addOption(new Option('--code <library>', 'only the text of a function that does it').choices(libraries))
    .option('--svg <file>', 'draw its pictures into a file')
    .addOption(
      new Option('--format <format>', 'for people or for programs').choices(['pretty', 'json']).default('pretty'),
    )
    .action((what, options) => done(explain(what, options)));

  running(convdiff.command('replay').description('run saved counterexamples again, all without a name'))
    .argument('[names...]', 'files or ids')
    .option('--store <folder>', 'where they are (default: reports/counterexamples)')
    .action(async (names, options) => done(await replay(names, options)));

  running(
    convdiff
      .command('compare')
      .description('what a backend can do, where it is wrong and how fast it is, as rules and as a page'),
  )
    .option('--against <names>', 'backends to put beside it', list)
    .option('--op <names>', 'operators; may be repeated or take commas (default: all)', list)
    .option('--runs <n>', 'cases of all operators together (default: 7000)')
    .option('--seed <n>', 'where drawing begins (default: at random, printed first)')
    .option('--report <folder>', 'write a page and its data there')
    .action(async (options) => done(await compare(options)));

  convdiff
    .command('merge')
    .description('join the counterexamples and histories that shards leave')
    .argument('<folders...>', 'stores, reports, or folders that hold both')
    .option('--store <folder>', 'where counterexamples go (default: reports/counterexamples)')
    .option('--report <folder>', 'where the history goes (default: reports/runs/nightly)')
    .action(async (folders, options) => done(await merge(folders, options)));

  convdiff
    .command('repro')
    .description('a saved failure as a program that shows it without convdiff')
    .argument('<name>', 'a counterexample, by file or id; the file of a known issue; or a case file, with --backend')
    .addOption(new Option('--lang <language>', "the program's language").choices(languages).makeOptionMandatory())
    .option('--backend <name>', 'show it on this backend, by name or module path', list)
    .option('--case-timeout <duration>', 'how long the case may take (default: 2s)')
    .option('--store <folder>', 'where counterexamples are (default: reports/counterexamples)')
    .action(async (name, options) => done(await repro(name, options)));

  convdiff
    .command('coverage')
    .description('what a campaign of each operator draws: pairs and triples of parameter classes')
    .option('--op <names>', 'operators; may be repeated or take commas (default: all)', list)
    .option('--gradients', "run the operators' gradients by input, weight and bias")
    .option('--runs <n>', 'cases of each operator (default: 10000)')
    .option('--seed <n>', 'where drawing begins (default: at random, printed first)')
    .addOption(format())
    .action((options) => done(coverage(options)));

  convdiff
    .command('list')
    .description('operators and backends')
    .action(() => done(listAll()));
  convdiff
    .command('doctor')
    .description('what is installed and what is missing, with the remedy')
    .argument('[backend...]', 'which backends to start; without any, all')
    .action(async (names: string[]) => done(await doctor(names)));
  convdiff
    .command('setup')
    .description('install what is missing')
    .argument('[steps...]', 'set-up steps (default: all)')
    .action(async (names) => done(await setup(names)));

  // Errors become exit codes in main.
  for (const command of [convdiff, ...convdiff.commands]) command.exitOverride();
  return convdiff;
}

/** The exit code that an error means; what it says goes to standard error. */
function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : exitUsage;
  if (error instanceof UsageError) {
    process.stderr.write(`convdiff: ${error.message}\n`);
    return exitUsage;
  }
  if (error instanceof HarnessError || isSetupError(error)) {
    process.stderr.write(`convdiff: ${(error as Error).message}\n`);
    return exitHarness;
  }
  const stack = error instanceof Error ? error.stack : String(error);
  process.stderr.write(`convdiff: an error of its own, which should not be; please report it.\n${stack}\n`);
  return exitHarness;
}

/** Runs one command and ends the process with its exit code. */
export async function main(argv: readonly string[]): Promise<void> {
  process.stdout.on('error', ({ message }) => {
    process.stderr.write(`convdiff: nobody reads standard output any more (${message}): stopping\n`);
    process.exit(exitHarness);
  });
  // There is nobody left to tell.
  process.stderr.on('error', () => {});
  let exit = 0;
  try {
    if (argv.length === 0) program(() => {}).help({ error: true });
    await program((code) => {
      exit = code;
    }).parseAsync([...argv], { from: 'user' });
  } catch (error) {
    exit = report(error);
  }
  // What was written to a pipe may still be under way.
  await new Promise<void>((resolve) => process.stdout.write('', () => resolve()));
  process.exit(exit);
}
