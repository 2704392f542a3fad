import type { CommandModule } from 'yargs';

/** A command as `lrdist --help` shows it. Its module is imported only when it is called, so that help is quick. */
export interface CommandEntry {
  readonly name: string;
  readonly describe: string;
  /** The module's default export. */
  readonly load: () => Promise<CommandModule>;
}

/** Commands know their own argument types; here they are all alike. */
const commandOf = (module: { readonly default: unknown }): CommandModule => module.default as CommandModule;

export const commands: readonly CommandEntry[] = [
  {
    name: 'setup',
    describe: 'find or obtain libtorch and build the native addon',
    load: async () => commandOf(await import('./commands/setup.ts')),
  },
  {
    name: 'doctor',
    describe: 'check the installation and say what is wrong',
    load: async () => commandOf(await import('./commands/doctor.ts')),
  },
  {
    name: 'train',
    describe: 'fine-tune a model on a task',
    load: async () => commandOf(await import('./commands/train.ts')),
  },
  {
    name: 'eval',
    describe: 'evaluate a fine-tuned model',
    load: async () => commandOf(await import('./commands/eval.ts')),
  },
  {
    name: 'predict',
    describe: 'write predictions in the GLUE submission format',
    load: async () => commandOf(await import('./commands/predict.ts')),
  },
  {
    name: 'rates',
    describe: 'list, show, convert, compare and export rate distributions',
    load: async () => commandOf(await import('./commands/rates.ts')),
  },
  {
    name: 'shift',
    describe: 'train on one task, then on others, and measure what is forgotten',
    load: async () => commandOf(await import('./commands/shift.ts')),
  },
  {
    name: 'search',
    describe: 'search the rate distribution that learns a second task and keeps the first',
    load: async () => commandOf(await import('./commands/search.ts')),
  },
  {
    name: 'worker',
    describe: 'train trials of a study that lrdist search has begun',
    load: async () => commandOf(await import('./commands/worker.ts')),
  },
  {
    name: 'study',
    describe: 'list, show, export, import and delete studies, and say what they found',
    load: async () => commandOf(await import('./commands/study.ts')),
  },
  {
    name: 'combine',
    describe: 'one distribution from the trials of many task pairs',
    load: async () => commandOf(await import('./commands/combine.ts')),
  },
  {
    name: 'demo',
    describe: 'the whole on a small generated language, with no downloads',
    load: async () => commandOf(await import('./commands/demo.ts')),
  },
];
