import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isLrdistError } from '../../../lib/errors.ts';
import { greaterIsBetter, inSteps, runOptions, trainingArguments } from '../../../lib/train/arguments.ts';
import { calendar } from '../../../lib/train/calendar.ts';
import { countSteps } from '../../../lib/train/plan.ts';

test('the defaults are those of TrainingArguments', () => {
  const args = trainingArguments({});
  const wanted = {
    num_train_epochs: 3,
    per_device_train_batch_size: 8,
    per_device_eval_batch_size: 8,
    gradient_accumulation_steps: 1,
    weight_decay: 0,
    adam_beta1: 0.9,
    adam_beta2: 0.999,
    adam_epsilon: 1e-8,
    max_grad_norm: 1,
    seed: 42,
    logging_steps: 500,
    save_steps: 500,
    lr_scheduler_type: 'linear',
    eval_strategy: 'no',
    save_strategy: 'steps',
    logging_strategy: 'steps',
    max_steps: -1,
  };
  for (const [name, value] of Object.entries(wanted)) assert.equal(args[name as keyof typeof args], value, name);
  const run = runOptions(args);
  assert.deepEqual([run.epochs, run.batchSize, run.clipNorm, run.seed, run.optimizer?.name], [3, 8, 1, 42, 'adamw']);
  assert.equal(runOptions(trainingArguments({ optim: 'adam', data_seed: 3 })).seed, 3);
  assert.equal(runOptions(trainingArguments({ optim: 'adam' })).optimizer?.name, 'adam');
  assert.equal(runOptions(trainingArguments({ frozen_dropout: false })).frozenDropout, false);
});

test('wrong values and combinations', () => {
  const refused = (input: object, code: string, message: RegExp, remedy = /./): void => {
    assert.throws(
      () => trainingArguments(input),
      (error) =>
        isLrdistError(error) && error.code === code && message.test(error.message) && remedy.test(error.remedy ?? ''),
      JSON.stringify(input),
    );
  };
  refused({ num_train_epoch: 2 }, 'ERR_UNKNOWN_OPTION', /"num_train_epoch"/, /num_train_epochs/);
  refused({ seed: -1 }, 'ERR_INVALID_OPTION', /seed.*-1/);
  refused({ weight_decay: NaN }, 'ERR_INVALID_OPTION', /weight_decay/);
  refused({ eval_steps: 1.5 }, 'ERR_INVALID_OPTION', /eval_steps.*whole number/);
  refused({ load_best_model_at_end: true }, 'ERR_INVALID_OPTION', /needs evaluations/);
  refused(
    { load_best_model_at_end: true, eval_strategy: 'epoch' },
    'ERR_INVALID_OPTION',
    /"steps" and "epoch"/,
    /--save_strategy epoch/,
  );
  refused(
    { load_best_model_at_end: true, eval_strategy: 'steps', eval_steps: 30, save_steps: 50 },
    'ERR_INVALID_OPTION',
    /multiple of eval_steps \(30\)/,
  );
  refused({ early_stopping_patience: 2 }, 'ERR_INVALID_OPTION', /early stopping/);
  refused({ save_strategy: 'best' }, 'ERR_INVALID_OPTION', /best needs evaluations/);
  trainingArguments({
    load_best_model_at_end: true,
    eval_strategy: 'steps',
    eval_steps: 25,
    save_steps: 50,
    early_stopping_patience: 1,
  });
});

test('which way a metric should go', () => {
  const better = (input: object): boolean => greaterIsBetter(trainingArguments(input));
  assert.deepEqual(
    [
      better({}),
      better({ metric_for_best_model: 'eval_loss' }),
      better({ metric_for_best_model: 'accuracy' }),
      better({ metric_for_best_model: 'accuracy', greater_is_better: false }),
    ],
    [false, false, true, false],
  );
});

test('when a run logs, evaluates and saves', () => {
  const counts = countSteps({ rows: 100, batchSize: 10, accumulation: 1, epochs: 2, maxSteps: -1 });
  const days = (input: object): Record<string, number[]> => {
    const plan = calendar(trainingArguments(input), counts);
    const steps = Array.from({ length: 20 }, (_, i) => i + 1);
    const end = (step: number): boolean => step % 10 === 0;
    return {
      logs: steps.filter((s) => plan.logs(s, end(s))),
      evaluates: steps.filter((s) => plan.evaluates(s, end(s))),
      saves: steps.filter((s) => plan.saves(s, end(s))),
    };
  };
  assert.deepEqual(days({ logging_steps: 6, save_steps: 8 }), { logs: [6, 12, 18], evaluates: [], saves: [8, 16, 20] });
  assert.deepEqual(days({ logging_strategy: 'epoch', eval_strategy: 'epoch', save_strategy: 'epoch' }), {
    logs: [10, 20],
    evaluates: [10, 20],
    saves: [10, 20],
  });
  assert.deepEqual(days({ logging_steps: 7, eval_strategy: 'steps', save_strategy: 'no', logging_first_step: true }), {
    logs: [1, 7, 14],
    evaluates: [7, 14],
    saves: [],
  });
  assert.deepEqual(days({ eval_strategy: 'steps', eval_steps: 0.3, save_strategy: 'no', logging_strategy: 'no' }), {
    logs: [],
    evaluates: [6, 12, 18],
    saves: [],
  });
  assert.deepEqual([inSteps(0.01, 20), inSteps(0.11, 20), inSteps(5, 20)], [1, 3, 5]);
});
