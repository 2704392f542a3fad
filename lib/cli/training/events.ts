/** Shows a run's events on standard error. */
import { rateTable } from './table.ts';
import type { Output } from '../output.ts';
import { createProgress } from '../progress.ts';
import type { GroupRow, Run } from '../../train/run.ts';

export interface ShownRun {
  readonly groups: readonly GroupRow[];
}

/** Reads the events to the end; errors are the result's to tell. `names` are the replicas', shown where there are several. */
export async function showRun(
  run: Run,
  total: number,
  done: number,
  names: readonly string[],
  output: Output,
): Promise<ShownRun> {
  const progress = createProgress({ label: 'train', total, stream: output.stderr, enabled: output.progress });
  const told = (text: string): void => {
    if (output.progress) output.note(text);
  };
  const ofReplica = (k: number): string => (names.length > 1 ? ` (${names[k]})` : '');
  let groups: readonly GroupRow[] = [];
  let tokens = 0;
  let last = { step: done, at: performance.now() };
  try {
    for await (const event of run) {
      if (event.type === 'groups') {
        groups = event.rows;
        told(rateTable(event.rows, names));
      } else if (event.type === 'step') {
        const now = performance.now();
        tokens += (event.tokensPerSecond * (now - last.at)) / 1000;
        last = { step: event.step, at: now };
        const finite = event.losses.filter((loss) => Number.isFinite(loss));
        progress.update({
          done: event.step,
          tokens,
          ...(finite.length === 0 ? {} : { loss: finite.reduce((a, b) => a + b, 0) / finite.length }),
        });
      } else if (event.type === 'evaluation') {
        for (const [k, score] of event.scores.entries()) {
          const metrics = Object.entries(score.metrics)
            .map(([name, value]) => `${name} ${value.toFixed(4)}`)
            .join(', ');
          told(
            `epoch ${event.epoch.toFixed(2)}, ${event.split}: loss ${score.loss.toFixed(4)}, ${metrics}${ofReplica(k)}`,
          );
        }
      } else if (event.type === 'checkpoint') told(`saved ${event.folder}`);
      else if (event.type === 'not-finite')
        output.note(
          `the loss stopped being finite at step ${event.step + 1}${ofReplica(event.replica)}; ${names.length > 1 ? 'this replica is frozen' : 'training ends'}`,
        );
    }
  } catch {
    // result carries it
  } finally {
    progress.stop();
  }
  return { groups };
}
