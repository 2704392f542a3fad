/** `lrdist shift --unfreeze`. */
import { LrdistError } from '../errors.ts';
import type { SequenceOptions } from '../forgetting/sequence-options.ts';
import { type SequencePlan, stageSteps } from '../forgetting/sequence-plan.ts';
import { unfreezeGradually } from '../rates/unfreezing.ts';
import { optionText } from './training/inputs.ts';
import type { RawArguments } from './training/options.ts';
import { unfreezingSteps } from './training/unfreezing.ts';

/** The distributions with the phases of --unfreeze, in every stage that they govern; the first stage of keep mode stays as it was. */
export function shiftUnfreezing(
  args: RawArguments,
  plan: SequencePlan,
): Pick<SequenceOptions, 'distributions' | 'firstRates'> {
  const { distributions } = plan.options;
  const text = optionText(args, 'unfreeze');
  if (text === undefined) return { distributions };
  const every = shareOf(text, plan);
  return {
    distributions: distributions.map((distribution) => unfreezeGradually(distribution, every)),
    ...(plan.first.kind === 'rates' ? { firstRates: plan.first.rates } : {}),
  };
}

/** What a distribution's phases are in: shares of a stage, the same in all of them. */
function shareOf(text: string, plan: SequencePlan): number {
  const { mode, orders, tasks } = plan;
  const waits = orders.flatMap((order) =>
    order.slice(mode === 'keep' ? 1 : 0).map((t, i) => {
      const training = plan.trainingAt(mode === 'keep' ? i + 1 : i);
      const epoch = stageSteps({ ...training, epochs: 1, maxSteps: -1 }, tasks[t]!);
      const total = stageSteps(training, tasks[t]!);
      return { task: tasks[t]!.name, total, share: unfreezingSteps(text, epoch) / total };
    }),
  );
  const { share, task, total } = waits[0]!;
  // A last epoch that is not whole is rounded up to whole steps.
  const other = waits.find((wait) => Math.abs(wait.share / share - 1) > 1 / Math.min(total, wait.total));
  if (other !== undefined)
    throw new LrdistError(
      'ERR_INVALID_OPTION',
      `--unfreeze: "${text}" is another share of the ${total} steps on ${task} than of the ${other.total} on ${other.task}`,
      { remedy: 'Give it in epochs, as 0.2epochs, and all stages as many epochs, without --max_steps.' },
    );
  return share;
}
