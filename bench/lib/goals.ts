/** What is to be reached, and where its figure is found in the result files. */

export interface Goal {
  readonly work: string;
  /** What the figure is. */
  readonly measure: string;
  /** Cases with their variants, `step-minilm-mrpc-b32-fp32`; of several the best counts. */
  readonly files: readonly string[];
  /** Path of the figure in the file. */
  readonly figure: string;
  readonly goal: number;
  readonly sense: 'at least' | 'at most';
  readonly unit: 'x' | '%' | 'ms' | 's' | '';
  /** No line where there is no result: of machines that few have. */
  readonly onlyMeasured?: true;
}

const share = (work: string, file: string, goal: number): Goal => ({
  work,
  measure: 'share of the limit',
  files: [file],
  figure: 'share',
  goal,
  sense: 'at least',
  unit: '%',
});

const faster = (work: string, measure: string, files: readonly string[], figure: string, goal: number): Goal => ({
  work,
  measure,
  files,
  figure,
  goal,
  sense: 'at least',
  unit: 'x',
});

const flat = (work: string, files: readonly string[]): Goal => ({
  work,
  measure: 'greatest above least',
  files,
  figure: 'flatness',
  goal: 0.15,
  sense: 'at most',
  unit: '%',
});

const minilm = (precision: string): string => `step-minilm-mrpc-b32-${precision}`;
const base = (precision: string): string => `step-bert-base-mrpc-b32-${precision}`;
const tiny = (task: string): string[] => ['fp32', 'bf16'].map((precision) => `step-bert-tiny-${task}-b32-${precision}`);
const step = 'a training step, batch 32:';
const grouped = 'Trainer grouped by length, same precision';

export const goals: readonly Goal[] = [
  share(`${step} MiniLM, MRPC rows, fp32`, minilm('fp32'), 0.85),
  faster(`${step} MiniLM, MRPC rows, fp32`, grouped, [minilm('fp32')], 'ratios.grouped', 1.9),
  share(`${step} MiniLM, MRPC rows, bf16`, minilm('bf16'), 0.75),
  faster(`${step} MiniLM, MRPC rows, bf16`, grouped, [minilm('bf16')], 'ratios.grouped', 2.2),
  faster(
    'fine-tuning MiniLM on MRPC, our best setting at equal accuracy',
    'Trainer as it comes: padded to 128, fp32',
    ['end-to-end-minilm-mrpc'],
    'ratios.padded',
    8,
  ),
  share(`${step} BERT-base, MRPC rows, fp32`, base('fp32'), 0.85),
  faster(`${step} BERT-base, MRPC rows, fp32`, grouped, [base('fp32')], 'ratios.grouped', 1.8),
  share(`${step} BERT-base, MRPC rows, bf16`, base('bf16'), 0.75),
  faster(`${step} BERT-base, MRPC rows, bf16`, grouped, [base('bf16')], 'ratios.grouped', 2.1),
  faster(
    `${step} bert-tiny, MRPC rows`,
    'Trainer grouped by length, its better precision',
    tiny('mrpc'),
    'ratiosToBest.grouped',
    4,
  ),
  faster(
    `${step} bert-tiny, SST-2 rows`,
    'Trainer grouped by length, its better precision',
    tiny('sst2'),
    'ratiosToBest.grouped',
    6,
  ),
  faster(
    'evaluation of MiniLM on the dev rows of MRPC',
    "Trainer's own, padded per batch",
    ['evaluation-minilm-mrpc'],
    'ratios.dynamic',
    3,
  ),
  faster(
    'evaluation of bert-tiny on the dev rows of MRPC',
    "Trainer's own, padded per batch",
    ['evaluation-bert-tiny-mrpc'],
    'ratios.dynamic',
    3,
  ),
  faster(
    'first step after the start of the process, MiniLM, tokens cached',
    'Trainer',
    ['start-up-minilm'],
    'ratios.dynamic',
    5,
  ),
  ...(
    [
      ['top', 'lower 5 of 6 layers', 2],
      ['half', 'lower half', 1.25],
    ] as const
  ).map(([figure, what, goal]) =>
    faster(
      `16 distributions of MiniLM, ${what} frozen`,
      '16 single runs',
      ['frozen-minilm-fp32'],
      `ratios.${figure}`,
      goal,
    ),
  ),
  ...['minilm', 'bert-base'].map(
    (model): Goal => ({
      work: `peak memory, same batch, ${model === 'minilm' ? 'MiniLM' : 'BERT-base'}`,
      measure: "of Trainer's, padded per batch",
      files: [`memory-${model}-fp32`],
      figure: 'shares.dynamic',
      goal: 0.6,
      sense: 'at most',
      unit: '%',
    }),
  ),
  ...(['cores - 1', 'cores'] as const).map(
    (threads, i): Goal => ({
      work: `event loop while training, threads = ${threads.replace('-', '−')}`,
      measure: '99th percentile of its delay',
      files: ['event-loop'],
      figure: `milliseconds.p99.${threads}`,
      goal: [5, 12][i]!,
      sense: 'at most',
      unit: 'ms',
    }),
  ),
  flat('time per token from 1,024 to 8,192 tokens a step, optimizer apart, fp32', ['scaling-minilm-fp32']),
  flat('time per token from 1,024 to 8,192 tokens a step, optimizer apart, bf16', ['scaling-minilm-bf16']),
  flat('time per trial from 1 to 16 side by side, MiniLM', ['replicas-minilm-fp32']),
  flat('time per trial from 1 to 16 side by side, bert-tiny', ['replicas-bert-tiny-fp32']),
  ...onGpu(),
];

/** On a GPU: BERT-base's shape, real lengths, batch 32. */
function onGpu(): Goal[] {
  const files = ['bf16', 'fp32'].map((precision) => `gpu-step-bert-base-mrpc-b32-${precision}`);
  const [bf16] = files;
  const one = 'a GPU, BERT-base, MRPC rows, one distribution';
  const many = 'a GPU, BERT-base, MRPC rows, 16 distributions side by side';
  const list: Goal[] = [
    faster(one, 'Trainer eager, bf16, grouped by length', [bf16!], 'ratiosOfOne.grouped', 6),
    faster(one, 'Trainer compiled, bf16, grouped by length', [bf16!], 'ratiosOfOne.compiled', 3),
    faster(many, 'Trainer eager, bf16, grouped by length', [bf16!], 'ratiosOf16.grouped', 10),
    faster(many, 'Trainer compiled, bf16, grouped by length', [bf16!], 'ratiosOf16.compiled', 3),
    faster(many, '16 Trainer processes under MPS, padded per batch', [bf16!], 'ratiosOf16.mps-16', 2),
    { ...share(many, bf16!, 0.4), measure: 'share of the floor', figure: 'shares.16' },
    {
      work: 'a GPU, SST-2, 3 epochs, 16 distributions',
      measure: 'training',
      files: ['gpu-epoch-bert-base-sst2-bf16'],
      figure: 'seconds',
      goal: 240,
      sense: 'at most',
      unit: 's',
    },
    {
      work: 'a GPU, an epoch after the first',
      measure: 'times that the host waits for it',
      files: ['gpu-syncs-bert-base-mrpc-bf16'],
      figure: 'synchronizations',
      goal: 0,
      sense: 'at most',
      unit: '',
    },
    {
      work: 'event loop while training on a GPU',
      measure: '99th percentile of its delay',
      files: ['event-loop-cuda'],
      figure: 'milliseconds.p99.gpu',
      goal: 5,
      sense: 'at most',
      unit: 'ms',
    },
  ];
  return list.map((goal) => ({ ...goal, onlyMeasured: true }));
}
