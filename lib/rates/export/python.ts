import { formatRate, type RateDistribution } from '../distribution.ts';
import type { Phase } from '../phases.ts';
import { regexSource } from '../patterns.ts';
import { pythonFunctions, pythonPhases, pythonTrainer, pythonTrainerPhases } from './python-source.ts';

export interface PythonOptions {
  /** Which of the distribution's stages, from 0. Default 0. */
  readonly stage?: number;
  /** Also a subclass of transformers' Trainer that uses these groups. */
  readonly trainer?: boolean;
}

/**
 * A Python module with the distribution's groups for torch: `parameter_groups(model, weight_decay)` and `build_optimizer(model)`, for a BERT of
 * transformers, and a `PhaseScheduler` if it has phases. It needs nothing of lrdist.
 */
export function toPython(distribution: RateDistribution, { stage = 0, trainer = false }: PythonOptions = {}): string {
  const { name, layers, groups, stages, phases, provenance } = distribution;
  const rates = stages[Math.min(stage, stages.length - 1)]!;
  const from = typeof provenance['source'] === 'string' ? [`From ${inDocstring(provenance['source'])}`, ''] : [];
  return [
    `"""Learning rates ${inDocstring(name)} for a BERT of ${layers} layers, written by lrdist rates export.`,
    '',
    ...from,
    'parameter_groups(model) and build_optimizer(model) take a BERT of transformers.',
    ...(phases === undefined
      ? []
      : ['The rates change during training: use PhaseScheduler(optimizer, total_steps) too.']),
    '"""',
    '',
    ...(phases === undefined ? [] : ['import math']),
    'import re',
    '',
    'import torch',
    ...(trainer ? ['import transformers'] : []),
    '',
    `NAME = ${text(name)}`,
    `LAYERS = ${layers}`,
    '',
    '# Name, learning rate (0 = frozen), patterns over parameter names. A parameter belongs to the first group that matches it.',
    'GROUPS = [',
    ...groups.map(
      (group) =>
        `    (${text(group.name)}, ${formatRate(rates[group.name]!)}, [${group.match.map(pattern).join(', ')}]),`,
    ),
    ']',
    ...(phases === undefined ? [] : phaseLines(phases)),
    '',
    '',
    pythonFunctions,
    ...(phases === undefined ? [] : [pythonPhases]),
    ...(trainer ? ['', pythonTrainer + (phases === undefined ? '' : pythonTrainerPhases)] : []),
  ].join('\n');
}

function phaseLines(phases: readonly Phase[]): string[] {
  return [
    '',
    '# From this share of the steps on, each rate is multiplied by this factor (0 = frozen).',
    'PHASES = [',
    ...phases.map(({ from, factors }) => {
      const entries = Object.entries(factors).map(([group, factor]) => `${text(group)}: ${factor}`);
      return `    (${from}, {${entries.join(', ')}}),`;
    }),
    ']',
  ];
}

function inDocstring(value: string): string {
  return value.replaceAll('\\', '/').replaceAll('"', "'").replaceAll(/\s+/g, ' ');
}

/** A Python string literal: JSON's escapes are Python's too. */
function text(value: string): string {
  return JSON.stringify(value);
}

/** A pattern as the source of a regular expression for Python's re.search. */
function pattern(match: string): string {
  const source = regexSource(match);
  // The one difference that a pattern over names can meet: named groups.
  if (source !== undefined) return text(source.replaceAll(/\(\?<(?![=!])/g, '(?P<'));
  const escaped = match.split('*').map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`));
  return text(String.raw`^${escaped.join('.*')}\Z`);
}
