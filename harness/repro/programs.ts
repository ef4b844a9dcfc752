import type { Finding, Program } from './finding.ts';
import { pythonPrograms } from './python.ts';
import { typescriptPrograms } from './typescript.ts';

/** The languages that a finding can be put into; one more is one file and one line here. */
const byLanguage = {
  python: pythonPrograms,
  typescript: typescriptPrograms,
} satisfies Record<string, (finding: Finding) => Program[]>;

export type Language = keyof typeof byLanguage;

export const languages = Object.keys(byLanguage) as Language[];

/** The programs that may show a finding, the best first. The last one needs nothing of the backend, and always does. */
export function programsOf(finding: Finding, language: Language): Program[] {
  return byLanguage[language](finding);
}
