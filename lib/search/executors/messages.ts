/** What parent and child say to each other. Sent by structured clone, so that NaN and Infinity arrive. Each side checks what it is given. */
import { z } from 'zod';
import type { Job, JobReport, JobResult } from '../executor.ts';
import type { Json } from '../trial.ts';

export type ToChild =
  /** First of all: the job module, and what its `createObjective` is given. */
  | { readonly type: 'create'; readonly module: string; readonly options: Json }
  | {
      readonly type: 'run';
      readonly id: number;
      readonly jobs: readonly Job[];
      readonly rungs: readonly number[];
      readonly maxStep: number;
    }
  /** Answer to a report: the trials that go on. */
  | { readonly type: 'decided'; readonly id: number; readonly report: number; readonly trials: readonly number[] }
  | { readonly type: 'refused'; readonly id: number; readonly report: number; readonly error: string }
  | { readonly type: 'abort'; readonly id: number; readonly reason: string };

export type ToParent =
  | { readonly type: 'ready' }
  /** The module could not be loaded, or made no objective; `code` is the error's. */
  | { readonly type: 'unfit'; readonly error: string; readonly code?: string | undefined }
  | {
      readonly type: 'report';
      readonly id: number;
      readonly report: number;
      readonly step: number;
      readonly reports: readonly JobReport[];
    }
  | { readonly type: 'progress'; readonly id: number; readonly event: Json }
  | { readonly type: 'done'; readonly id: number; readonly results: readonly JobResult[] }
  /** The objective threw. */
  | { readonly type: 'threw'; readonly id: number; readonly error: string; readonly code?: string | undefined };

const id = z.int().min(0);
const job = z.object({
  trial: id,
  attempt: z.int().min(1),
  parameters: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
});
const attributes = z.record(z.string(), z.json()).optional();
/** NaN and Infinity are numbers here: the study deals with them. */
const number = z.custom<number>((value) => typeof value === 'number', 'expected a number');
const report = z.object({ job, values: z.array(number), attributes });
const result = z.discriminatedUnion('state', [
  z.object({
    job,
    state: z.literal('complete'),
    values: z.array(number),
    constraints: z.array(number).optional(),
    attributes,
  }),
  z.object({ job, state: z.literal('pruned'), attributes }),
  z.object({ job, state: z.literal('failed'), error: z.string(), attributes }),
]);

const toChild = z.discriminatedUnion('type', [
  z.object({ type: z.literal('create'), module: z.string(), options: z.json() }),
  z.object({ type: z.literal('run'), id, jobs: z.array(job), rungs: z.array(z.int()), maxStep: z.int() }),
  z.object({ type: z.literal('decided'), id, report: id, trials: z.array(id) }),
  z.object({ type: z.literal('refused'), id, report: id, error: z.string() }),
  z.object({ type: z.literal('abort'), id, reason: z.string() }),
]);

const toParent = z.discriminatedUnion('type', [
  z.object({ type: z.literal('ready') }),
  z.object({ type: z.literal('unfit'), error: z.string(), code: z.string().optional() }),
  z.object({ type: z.literal('report'), id, report: id, step: z.int(), reports: z.array(report) }),
  z.object({ type: z.literal('progress'), id, event: z.json() }),
  z.object({ type: z.literal('done'), id, results: z.array(result) }),
  z.object({ type: z.literal('threw'), id, error: z.string(), code: z.string().optional() }),
]);

/** @returns the message, or in words what is wrong with it */
export function readToChild(message: unknown): ToChild | string {
  const parsed = toChild.safeParse(message);
  return parsed.success ? parsed.data : z.prettifyError(parsed.error);
}

/** @returns the message, or in words what is wrong with it */
export function readToParent(message: unknown): ToParent | string {
  const parsed = toParent.safeParse(message);
  return parsed.success ? (parsed.data as ToParent) : z.prettifyError(parsed.error);
}
