import { formatRate, type RateDistribution } from '../distribution.ts';
import { regexSource } from '../patterns.ts';
import { refusePhases } from '../phases.ts';
import { pythonFunctions, pythonTrainer } from './python-source.ts';

export interface PythonOptions {
  /** Which of the distribution's stages, from 0. Default 0. */
  readonly stage?: number;
  /** Also a subclass of transformers' Trainer that uses these groups. */
  readonly trainer?: boolean;
}

/**
 * A Python module with the distribution's groups for torch: `parameter_groups(model, weight_decay)` and `build_optimizer(model)`, for a BERT of
 * transformers. It needs nothing of lrdist.
 *
 * @throws LrdistError ERR_RATES_ENCODE for a distribution with phases
 */
export function toPython(distribution: RateDistribution, { stage = 0, trainer = false }: PythonOptions = {}): string {
  refusePhases(distribution, 'a list of parameter groups');
  const { name, layers, groups, stages, provenance } = distribution;
  const rates = stages[Math.min(stage, stages.length - 1)]!;
  const from = typeof provenance['source'] === 'string' ? [`From ${inDocstring(provenance['source'])}`, ''] : [];
  return [
    `"""Learning rates ${inDocstring(name)} for a BERT of ${layers} layers, written by lrdist rates export.`,
    '',
    ...from,
    'parameter_groups(model) and build_optimizer(model) take a BERT of transformers.',
    '"""',
    '',
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
    '',
    '',
    pythonFunctions,
    ...(trainer ? ['', pythonTrainer] : []),
  ].join('\n');
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
