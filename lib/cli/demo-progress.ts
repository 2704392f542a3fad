import type { DemoEvent } from '../demo/events.ts';
import type { Output } from './output.ts';
import { createProgress, formatSeconds, type Progress } from './progress.ts';

type Part = 'pretraining' | 'search' | 'first-task' | 'choose' | 'compare';

const labels: Readonly<Record<Part, string>> = {
  pretraining: '1/5 pretrain',
  search: '2/5 search two pairs',
  'first-task': "3/5 choose the first task's rate",
  choose: '4/5 choose bases',
  compare: '5/5 compare',
};

/** The demo's five parts as progress lines, and what came out of each as notes. */
export function demoProgress(output: Output): {
  readonly event: (event: DemoEvent) => void;
  readonly stop: () => void;
} {
  let part: Part | undefined;
  let progress: Progress | undefined;
  const stop = (): void => {
    progress?.stop();
    progress = undefined;
    part = undefined;
  };
  const update = (next: Part, total: number, done: number, loss?: number): void => {
    if (part !== next) {
      stop();
      part = next;
      progress = createProgress({ label: labels[next], total, stream: output.stderr, enabled: output.progress });
    }
    progress?.update({ done: Math.round(done), ...(loss === undefined ? {} : { loss }) });
  };
  const note = (text: string): void => {
    stop();
    if (output.progress) output.note(text);
  };
  return {
    stop,
    event(event) {
      switch (event.type) {
        case 'pretraining':
          update('pretraining', event.of, event.step, event.loss);
          break;
        case 'base':
          note(
            event.reused
              ? `The pretrained model is there already: ${event.folder}`
              : `Pretrained in ${formatSeconds(event.seconds)}: ${event.folder}`,
          );
          break;
        case 'search':
          update('search', event.of, event.done);
          break;
        case 'combined':
          note(
            `Combined from ${event.trials} finished trials: ${Object.entries(event.rates)
              .map(([group, rate]) => `${group} ${rate.toExponential(1)}`)
              .join(', ')}`,
          );
          break;
        case 'first-task':
          update('first-task', event.of, event.step);
          break;
        case 'first-rate':
          note(
            `First task: flat ${event.rate}, ${(100 * event.score).toFixed(1)} % right on rows held out for choices`,
          );
          break;
        case 'shift':
          if (event.event.type === 'step') update(event.part, event.event.progress.total, event.event.progress.done);
          break;
        case 'chosen':
          note(`Chosen on the same rows: ${event.distributions.join(', ')}`);
          break;
      }
    },
  };
}
