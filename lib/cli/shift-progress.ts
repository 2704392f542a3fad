import type { ShiftEvent } from '../forgetting/events.ts';
import type { ShiftOptions } from '../forgetting/options.ts';
import type { Output } from './output.ts';
import { createProgress, type Progress } from './progress.ts';

/** One progress line over all stages and seeds of a task shift; the unit is a row trained on. */
export function shiftProgress(
  { tasks }: Pick<ShiftOptions, 'tasks'>,
  output: Output,
): { readonly event: (event: ShiftEvent) => void; readonly stop: () => void } {
  const label = `${tasks[0].name} -> ${tasks[1].name}`;
  let progress: Progress | undefined;
  return {
    event(event) {
      if (event.type === 'not-finite')
        output.note(
          `seed ${event.seed}, stage ${event.stage}: the loss of ${event.distribution} stopped being finite at step ${event.step + 1}`,
        );
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
