import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { LrdistError } from '../errors.ts';
import { MAX_RATE, type RateDistribution, type Rates } from './distribution.ts';
import { requireLayers } from './depth.ts';
import type { GroupSpec } from './groups.ts';
import { compilePattern } from './patterns.ts';
import { phaseProblem } from './phases.ts';
import { writeText } from './write-text.ts';

/** Format name of `*.rates.json`. */
export const RATES_FORMAT = 'lrdist-rates/1';

const rate = z.number().min(0).max(MAX_RATE);
const pattern = z.string().min(1);
const layers = z.int().min(1).max(1000);
const groups = z
  .array(z.strictObject({ name: z.string().min(1), match: z.union([pattern, z.array(pattern).min(1)]) }))
  .min(1);
const schema = z.strictObject({
  format: z.literal(RATES_FORMAT),
  name: z.string().min(1),
  layers,
  groups,
  base: z.number().positive().max(MAX_RATE).optional(),
  rates: z.record(z.string(), rate).optional(),
  stages: z.array(z.record(z.string(), rate)).min(1).optional(),
  phases: z
    .array(
      z.strictObject({ from: z.number().min(0).lt(1), factors: z.record(z.string(), z.number().min(0).max(1000)) }),
    )
    .min(1)
    .optional(),
  provenance: z.record(z.string(), z.unknown()).optional(),
});

/** What a rates file holds. */
export type RatesDocument = z.infer<typeof schema>;

/**
 * Reads a `*.rates.json` file.
 *
 * @throws LrdistError ERR_READ, ERR_RATES_FILE
 */
export async function readRatesFile(path: string): Promise<RateDistribution> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    throw new LrdistError('ERR_READ', `cannot read the rates file ${path}: ${(cause as Error).message}`, { cause });
  }
  return fromDocument(parseJson(text, path), path);
}

/** Checks a parsed rates file. `source` names it in errors. */
export function fromDocument(document: unknown, source = 'rates'): RateDistribution {
  const parsed = schema.safeParse(document);
  if (!parsed.success) throw invalid(source, z.prettifyError(parsed.error));
  const { name, layers, base, rates, stages, phases, provenance = {} } = parsed.data;
  const groups = groupSpecs(parsed.data.groups, source);
  if ((rates === undefined) === (stages === undefined))
    throw invalid(source, 'expected exactly one of "rates" and "stages"');
  const names = groups.map((group) => group.name);
  const list = stages ?? [rates!];
  for (const [i, stage] of list.entries())
    checkStage(stage, names, stages === undefined ? 'rates' : `stages[${i}]`, source);
  const problem = phases === undefined ? undefined : phaseProblem(phases, names);
  if (problem !== undefined) throw invalid(source, problem);
  return {
    name,
    layers,
    groups,
    stages: list,
    ...(base === undefined ? {} : { base }),
    ...(phases === undefined ? {} : { phases }),
    provenance,
  };
}

const groupsSchema = z.looseObject({ layers: layers.optional(), groups });

/** The groups of a JSON text with `groups` and, where they belong to one depth, `layers`: a rates file, or a file of groups alone. */
export function groupsOfDocument(text: string, source: string, layers: number): readonly GroupSpec[] {
  requireLayers(layers);
  const parsed = groupsSchema.safeParse(parseJson(text, source));
  if (!parsed.success) throw invalid(source, z.prettifyError(parsed.error));
  if (parsed.data.layers !== undefined && parsed.data.layers !== layers)
    throw invalid(source, `its groups are for ${parsed.data.layers} layers, not for ${layers}`);
  return groupSpecs(parsed.data.groups, source);
}

function groupSpecs(groups: RatesDocument['groups'], source: string): readonly GroupSpec[] {
  const names = groups.map((group) => group.name);
  const twice = names.find((group, i) => names.indexOf(group) !== i);
  if (twice !== undefined) throw invalid(source, `two groups are named "${twice}"`);
  const specs = groups.map(({ name, match }) => ({ name, match: typeof match === 'string' ? [match] : match }));
  for (const { match } of specs) for (const each of match) checkPattern(each, source);
  return specs;
}

function parseJson(text: string, source: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new LrdistError('ERR_RATES_FILE', `${source} is not JSON: ${(cause as Error).message}`, { cause });
  }
}

/** The document that fromDocument reads back to the same distribution. */
export function toDocument(distribution: RateDistribution): RatesDocument {
  const { name, layers, groups, stages, base, phases, provenance } = distribution;
  return {
    format: RATES_FORMAT,
    name,
    layers,
    groups: groups.map((group) => ({
      name: group.name,
      match: group.match.length === 1 ? group.match[0]! : [...group.match],
    })),
    ...(base === undefined ? {} : { base }),
    ...(stages.length === 1 ? { rates: stages[0]! } : { stages: [...stages] }),
    ...(phases === undefined ? {} : { phases: [...phases] }),
    provenance: { ...provenance },
  };
}

/**
 * Writes a rates file: to a temporary name beside it, synced, renamed, so that no half file is ever seen.
 *
 * @throws LrdistError ERR_WRITE
 */
export async function writeRatesFile(path: string, distribution: RateDistribution): Promise<void> {
  await writeText(path, `${JSON.stringify(toDocument(distribution), null, 2)}\n`, 'rates file');
}

function checkPattern(match: string, source: string): void {
  try {
    compilePattern(match);
  } catch (cause) {
    throw invalid(source, (cause as Error).message);
  }
}

function checkStage(stage: Rates, groups: readonly string[], where: string, source: string): void {
  const missing = groups.filter((group) => !Object.hasOwn(stage, group));
  const unknown = Object.keys(stage).filter((group) => !groups.includes(group));
  if (missing.length > 0)
    throw invalid(source, `${where}: no rate for ${missing.map((group) => `"${group}"`).join(', ')}`);
  if (unknown.length > 0)
    throw invalid(
      source,
      `${where}: rates for groups that do not exist: ${unknown.map((group) => `"${group}"`).join(', ')}`,
    );
  if (groups.every((group) => stage[group] === 0))
    throw invalid(source, `${where}: every rate is 0, so nothing would learn`);
}

function invalid(source: string, problem: string): LrdistError {
  return new LrdistError('ERR_RATES_FILE', `${source}: ${problem}`, {
    remedy: `A rates file looks like {"format": "${RATES_FORMAT}", "name": "...", "layers": 12, "groups": [{"name": "all", "match": "*"}], "rates": {"all": 2e-5}}.`,
  });
}
