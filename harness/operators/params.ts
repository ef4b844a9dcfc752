import { z } from 'zod';

/* How case files spell parameters. */

/** The largest absolute value of a parameter; beyond it sizes are no sizes any more. */
const maxParameter = 2 ** 31 - 1;

export const integer = z.int().min(-maxParameter).max(maxParameter);
/** An int or a list of ints, as PyTorch accepts. */
export const intOrList = z.union([integer, z.array(integer).max(8)], {
  error: ({ input }) => `must be a whole number or a list of them: got ${JSON.stringify(input)}`,
});
