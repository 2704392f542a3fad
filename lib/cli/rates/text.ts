import { formatRate, type RateDistribution } from '../../rates/distribution.ts';
import type { LogError } from '../../rates/log-error.ts';
import { presetFamilies, presets } from '../../rates/presets.ts';
import { alignColumns, shortRate } from '../../rates/table.ts';

/** Base, source and cautions of a distribution, a line each. */
export function notesOf({ base, provenance }: RateDistribution): string[] {
  const { source, base_means, caution, mapped_from } = provenance;
  const mapped = mapped_from as { layers: number } | undefined;
  return [
    ...(typeof base_means === 'string' && base !== undefined
      ? [`base ${formatRate(Number(base.toPrecision(4)))}: ${base_means}`]
      : []),
    ...(mapped === undefined ? [] : [`mapped from ${mapped.layers} layers`]),
    ...(typeof source === 'string' ? [`from ${source}`] : []),
    ...(typeof caution === 'string' ? [`note: ${caution}`] : []),
  ];
}

export function listText(): string {
  const rows = [
    ...presets.map(({ name, base, description }) => [name, shortRate(base), description]),
    ...presetFamilies.map(({ form, base, description }) => [form, shortRate(base), description]),
  ];
  return alignColumns([['name', 'base', 'shape'], ...rows], [false, true, false]);
}

/** A LogError in words: `exact`, or `a factor of 1.23 in the mean, 1.61 at most`. */
export function errorText({ rms, max, frozen }: LogError): string {
  const share = frozen === 0 ? '' : `; ${Number((frozen * 100).toPrecision(3))} % frozen on one side only`;
  if (max < 1e-9) return `${frozen === 0 ? 'exact' : 'otherwise exact'}${share}`;
  return `a factor of ${factorText(rms)} in the mean, ${factorText(max)} at most${share}`;
}

function factorText(logarithm: number): string {
  return String(Number(Math.exp(logarithm).toPrecision(4)));
}
