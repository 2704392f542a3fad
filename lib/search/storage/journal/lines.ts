import { z } from 'zod';
import { LrdistError } from '../../../errors.ts';
import { parseDistribution } from './distributions.ts';

/** Optuna's journal: one operation a line, as JSON. Fields that we do not need (the one who wrote it) are not read. */
export const op = {
  createStudy: 0,
  deleteStudy: 1,
  studyUserAttribute: 2,
  studySystemAttribute: 3,
  createTrial: 4,
  trialParameter: 5,
  trialState: 6,
  trialIntermediate: 7,
  trialUserAttribute: 8,
  trialSystemAttribute: 9,
  discardTrials: 10,
} as const;

const attributes = z.record(z.string(), z.json());
const scores = z.array(z.number().nullable()).nullable();
const study_id = z.int();
const trial_id = z.int();
const distribution = z.string().transform(parseDistribution);

const lineSchema = z.discriminatedUnion('op_code', [
  z.object({ op_code: z.literal(op.createStudy), study_name: z.string(), directions: z.array(z.int()) }),
  z.object({ op_code: z.literal(op.deleteStudy), study_id }),
  z.object({ op_code: z.literal(op.studyUserAttribute), study_id, user_attr: attributes }),
  z.object({ op_code: z.literal(op.studySystemAttribute), study_id, system_attr: attributes }),
  z.object({
    op_code: z.literal(op.createTrial),
    study_id,
    datetime_start: z.string().nullable(),
    datetime_complete: z.string().nullish(),
    state: z.int().min(0).max(4).default(0),
    value: z.number().nullish(),
    values: scores.optional(),
    distributions: z.record(z.string(), distribution).default({}),
    params: z.record(z.string(), z.number()).default({}),
    user_attrs: attributes.default({}),
    system_attrs: attributes.default({}),
    intermediate_values: z.record(z.string(), z.number().nullable()).default({}),
  }),
  z.object({
    op_code: z.literal(op.trialParameter),
    trial_id,
    param_name: z.string(),
    param_value_internal: z.number(),
    distribution,
  }),
  z.object({
    op_code: z.literal(op.trialState),
    trial_id,
    state: z.int().min(0).max(4),
    values: scores,
    datetime_start: z.string().optional(),
    datetime_complete: z.string().optional(),
  }),
  z.object({
    op_code: z.literal(op.trialIntermediate),
    trial_id,
    step: z.int(),
    intermediate_value: z.number().nullable(),
  }),
  z.object({ op_code: z.literal(op.trialUserAttribute), trial_id, user_attr: attributes }),
  z.object({ op_code: z.literal(op.trialSystemAttribute), trial_id, system_attr: attributes }),
  z.object({ op_code: z.literal(op.discardTrials) }),
]);

export type Line = z.output<typeof lineSchema>;

/**
 * One line of a journal. Python writes NaN and Infinity, which JSON does not have: they are read as null.
 * @throws ERR_STORAGE with the file and the number of the line
 */
export function parseLine(text: string, path: string, number: number): Line {
  try {
    return lineSchema.parse(parseJson(text));
  } catch (error) {
    throw new LrdistError('ERR_STORAGE', `line ${number} of ${path} is no operation of an Optuna journal`, {
      remedy:
        number === 1
          ? 'Give another path. The file was not changed.'
          : 'Take a backup, or remove that line with an editor while no worker runs. The file was not changed.',
      cause: error,
    });
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return JSON.parse(
      text.replace(/"(?:[^"\\]|\\.)*"|-?\bInfinity\b|\bNaN\b/g, (part) => (part.startsWith('"') ? part : 'null')),
    );
  }
}
