import type { ShiftEvent } from '../forgetting/events.ts';
import type { SequenceEvent } from '../forgetting/sequence-events.ts';
import { fewerText } from '../train/parts.ts';
import type { Output } from './output.ts';
import { createProgress, type Progress } from './progress.ts';

/** One progress line over all stages, passes, orders and seeds of tasks learned one after the other; the unit is a row trained on. */
export function shiftProgress(
  { tasks }: { readonly tasks: readonly { readonly name: string }[] },
  output: Output,
): { readonly event: (event: ShiftEvent | SequenceEvent) => void; readonly stop: () => void } {
  const label = tasks.map(({ name }) => name).join(' -> ');
  let progress: Progress | undefined;
  return {
    event(event) {
      if (event.type === 'not-finite') {
        const name = 'combination' in event ? event.combination : event.distribution;
        const task = 'task' in event ? ` (${event.task})` : '';
        output.note(
          `seed ${event.seed}, stage ${event.stage}${task}: the loss of ${name} stopped being finite at step ${event.step + 1}`,
        );
      }
      if (event.type === 'fewer') output.note(`seed ${event.seed}: ${fewerText(event, 'models')}`);
      if (event.type !== 'step') return;
      const { done, total } = event.progress;
      progress ??= createProgress({ label, total, stream: output.stderr, enabled: output.progress });
      const finite = event.losses.filter(Number.isFinite);
      progress.update({
        done: Math.round(done),
        ...(finite.length === 0 ? {} : { loss: finite.reduce((sum, loss) => sum + loss, 0) / finite.length }),
      });
    },
    stop() {
      progress?.stop();
      progress = undefined;
    },
  };
}
