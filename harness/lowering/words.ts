import type { LayerStep, Width } from './plan.ts';

/* Plans in words. */

/** The spatial axes by the names that people give them: of one, two or three. */
export const axisLetters = [['L'], ['H', 'W'], ['D', 'H', 'W']] as const;

/** What is done to each spatial axis: `H: 2 cropped in front, 1 added behind`. */
export function widthWords(widths: readonly Width[]): string {
  const letters = axisLetters[widths.length - 1]!;
  const end = (width: number, where: string) =>
    width === 0 ? [] : [`${Math.abs(width)} ${width < 0 ? 'cropped' : 'added'} ${where}`];
  const axes = widths.flatMap(({ before, after }, i) => {
    const words = [...end(before, 'in front'), ...end(after, 'behind')].join(', ');
    return words === '' ? [] : [`${letters[i]}: ${words}`];
  });
  return axes.length === 0 ? 'nothing to crop or add' : axes.join('; ');
}

export function stepWords(step: LayerStep): string {
  const list = (values: readonly number[]) => (values.length === 1 ? String(values[0]) : `(${values.join(', ')})`);
  switch (step.do) {
    case 'pad':
      return `pad with zeros, or crop: ${widthWords(step.widths)}`;
    case 'spread':
      return `put zeros between neighbours, so that they lie ${list(step.distances)} apart`;
    case 'convolve':
      return `convolve with the ${step.kernel === 'flipped' ? 'flipped kernel' : 'kernel'}, without padding: stride ${list(step.strides)}, dilation ${list(step.dilations)}, groups ${step.groups}`;
    case 'convolve transposed':
      return `transposed convolution of everything (VALID): stride ${list(step.strides)}, dilation ${list(step.dilations)}, groups ${step.groups}`;
    case 'add bias':
      return 'add the bias';
  }
}
